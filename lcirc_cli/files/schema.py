"""What values made by others must be: their kind, their range, their length.

Memory files, settings of adapters and models, rows of data and replies of servers are JSON from
somebody else. Each value is checked by a function of this file where it is read, before anything
is computed with it or room is made for it; whoever reads turns the `ValueError` into the error of
that kind of file. Plain functions, and no library of models: half of the rules are between numbers
and lengths of tensors, which no such library sees, and file names may hold half a character, which
they refuse. Knows nothing about what the values mean.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

Check = Callable[[Any, str], Any]  # value, name -> value; raises ValueError

MOST = 2**53  # a whole number that every JSON reader keeps
MOST_VALUES = 4_000_000  # of one JSON text: some 400 MB once read
_SHOWN = 40  # characters of a wrong value
_KINDS = {type(None): "null", list: "a list", dict: "an object", str: "a text"}


def kind(value: object) -> str:
    """What a JSON value is, in a word or two."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


class BrokenText(ValueError):
    """A text that is not JSON at all: what was cut off somewhere is such a one."""


def parse(
    text: str | bytes,
    name: str,
    *,
    finite: bool = True,
    strict: bool = True,
    most: int = MOST_VALUES,
) -> Any:
    """A JSON value.

    Args:
        finite: NaN and infinite numbers are refused, for they are not JSON.
        strict: line breaks and tabs may not stand in strings as they are.
        most: how many values it may hold.

    Raises:
        BrokenText: not JSON, or not UTF-8.
        ValueError: nested too deeply, of too many values, or with a number of too many digits.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BrokenText(f"{name} is not UTF-8 text") from None
    if count_values(text) > most:
        raise ValueError(f"{name} holds more than {most:,} values")
    try:
        return json.loads(text, strict=strict, parse_constant=_refuse if finite else None)
    except RecursionError:
        raise ValueError(f"{name} is not valid JSON (nested too deeply)") from None
    except json.JSONDecodeError as error:
        raise BrokenText(f"{name} is not valid JSON ({error})") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"{name} is not valid JSON ({error})") from None


def count_values(text: str) -> int:
    """At least as many as the values of a JSON text are; what stands in strings counts too."""
    return text.count(",") + text.count("[") + text.count("{")


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def whole(value: Any, name: str, *, least: int = 0, most: int = MOST) -> int:
    """A whole number in a range, and not true or false."""
    if type(value) is not int or not least <= value <= most:
        limits = f"from {least:,} to {most:,}" if most < MOST else f"of {least:,} or more"
        raise ValueError(f"{name} must be a whole number {limits}, not {_shown(value)}")
    return value


def number(
    value: Any, name: str, *, least: float = -math.inf, most: float = math.inf
) -> int | float:
    """A finite number in a range, and not true or false."""
    fits = type(value) is float or (type(value) is int and abs(value) <= MOST)
    if not fits or not math.isfinite(value) or not least <= value <= most:
        limits = "" if (least, most) == (-math.inf, math.inf) else f" from {least:g} to {most:g}"
        raise ValueError(f"{name} must be a number{limits}, not {_shown(value)}")
    return value


def truth(value: Any, name: str) -> bool:
    """true or false."""
    if type(value) is not bool:
        raise ValueError(f"{name} must be true or false, not {_shown(value)}")
    return value


def text(value: Any, name: str, *, most: int = MOST) -> str:
    """A text of at most so many characters; half a character may be among them."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, not {_shown(value)}")
    if len(value) > most:
        raise ValueError(f"{name} is {len(value):,} characters long; the limit is {most:,}")
    return value


def choice(value: Any, name: str, *, among: Collection[str]) -> str:
    """One of a few words."""
    if not isinstance(value, str) or value not in among:
        raise ValueError(f"{name} must be {' or '.join(among)}, not {_shown(value)}")
    return value


def items(value: Any, name: str, *, each: Check, most: int = MOST) -> list[Any]:
    """A list of at most so many values, each of a kind."""
    if not isinstance(value, list):
        raise ValueError(f"{name} must be a list, not {_shown(value)}")
    if len(value) > most:
        raise ValueError(f"{name} has {len(value):,} entries; the limit is {most:,}")
    return [each(item, f"an entry of {name}") for item in value]


def mapping(value: Any, name: str, *, each: Check) -> dict[str, Any]:
    """An object with fields of any names, each of a kind."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object, not {_shown(value)}")
    return {field: each(own, f"{field[:_SHOWN]} of {name}") for field, own in value.items()}


def table(
    value: Any, name: str, *, fields: Mapping[str, Check], closed: bool = False
) -> dict[str, Any]:
    """An object whose fields are as they must be; those made by `optional` may be missing.

    Args:
        closed: no other fields may be there.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{name} must be an object, not {_shown(value)}")
    if closed and (others := [key for key in value if key not in fields]):
        raise ValueError(f"{name} has a field of no known use, {_shown(others[0])}")
    for field, check in fields.items():
        if field in value:
            check(value[field], field)
        elif not getattr(check, "keywords", {}).get("or_missing"):
            raise ValueError(f"{name} lacks {field}")
    return value


def optional(check: Check) -> Check:
    """The same check of a value that may be null, or missing in its object."""
    return partial(_or_null, check=check, or_missing=True)


def nullable(check: Check) -> Check:
    """The same check of a value that may be null."""
    return partial(_or_null, check=check, or_missing=False)


def _or_null(value: Any, name: str, *, check: Check, or_missing: bool) -> Any:
    return None if value is None else check(value, name)


def _shown(value: Any) -> str:
    """A wrong value for a message: short, whatever it is."""
    if isinstance(value, dict | list):
        return kind(value)
    try:
        shown = repr(value)
    except ValueError:  # a number of thousands of digits
        return "a number of thousands of digits"
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 3]}..."
