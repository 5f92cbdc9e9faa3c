"""What values of others must be, each refused in one line that names it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from lcirc_cli.files.schema import (
    choice,
    items,
    mapping,
    nullable,
    number,
    optional,
    parse,
    table,
    whole,
)

NAN, INF = float("nan"), float("inf")
FIELDS = {"a": whole, "b": optional(whole), "c": nullable(whole)}


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, 11, 10**400, [1], NAN])
def test_a_whole_number_is_one(value: Any) -> None:
    assert whole(10, "n", most=10) == 10
    with pytest.raises(ValueError, match="n must be a whole number from 0 to 10, not") as caught:
        whole(value, "n", most=10)
    assert len(str(caught.value)) < 120 and "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [True, "1", None, NAN, INF, -INF, 10**400, 1.5, -0.1])
def test_a_number_is_finite_and_in_its_range(value: Any) -> None:
    assert [number(each, "n", least=0.0, most=1.0) for each in (0, 1, 0.5)] == [0, 1, 0.5]
    with pytest.raises(ValueError, match="n must be a number from 0 to 1, not"):
        number(value, "n", least=0.0, most=1.0)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "it must be an object, not a list"),
        ({"c": 1}, "it lacks a"),
        ({"a": 1}, "it lacks c"),
        ({"a": None, "c": 1}, "a must be a whole number"),
        ({"a": 1, "b": "x", "c": 1}, "b must be a whole number"),
        ({"a": 1, "c": 1, "d": 1}, "a field of no known use, 'd'"),
    ],
)
def test_an_object_has_its_fields(value: Any, said: str) -> None:
    good = {"a": 1, "b": None, "c": None}
    assert table(good, "it", fields=FIELDS, closed=True) == good
    assert table({"a": 1, "c": 2}, "it", fields=FIELDS) == {"a": 1, "c": 2}
    with pytest.raises(ValueError, match=said):
        table(value, "it", fields=FIELDS, closed=True)


def test_lists_words_and_objects_of_any_names() -> None:
    assert items([1, 2], "it", each=whole, most=2) == [1, 2]
    for value, said in [([1, 2, 3], "3 entries; the limit is 2"), (["x"], "an entry of it must")]:
        with pytest.raises(ValueError, match=said):
            items(value, "it", each=whole, most=2)
    with pytest.raises(ValueError, match="w must be a or b, not 'c'"):
        choice("c", "w", among=("a", "b"))
    with pytest.raises(ValueError, match="x of it must be a whole number"):
        mapping({"x": "1"}, "it", each=partial(whole, least=1))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff", "not UTF-8"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 5_000, "not valid JSON"),
        (b"[NaN]", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"[1,1,1,1,1,1]", "holds more than 5 values"),
    ],
)
def test_json_is_read_within_limits(data: bytes, said: str) -> None:
    most = 200_000 if data[:2] == b"[[" else 5
    assert parse(b"\xef\xbb\xbf[1]", "it") == [1]
    assert parse(b"[Infinity]", "it", finite=False) == [INF]
    with pytest.raises(ValueError, match=f"it .*{said}"):
        parse(data, "it", most=most)
