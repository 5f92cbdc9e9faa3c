"""Names of systems on the command line."""

from __future__ import annotations

import pytest

from lcirc_cli.bench.systems import (
    parse_system,
)
from lcirc_cli.errors import UsageError


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "ends+none",
        "lcirc+all",
        "none@adapter",
        "ends@adapter",
        "ends~shuffled",
        "lcirc~mixed",
        "reader~shuffled",
        "QD-LCIRC",
    ],
)
def test_unknown_systems_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError):
        parse_system(text)


def test_parts_of_a_name() -> None:
    spec = parse_system("qd-lcirc+evidence@runs/a+b~shuffled")
    assert (spec.name, spec.window, spec.adapter, spec.shuffled) == (
        "qd-lcirc",
        "evidence",
        "runs/a+b",
        True,
    )
    assert parse_system("lcirc").window == "ends"
