"""Operations of every system at every length, as rows and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lcirc_cli.cost.shapes import adapter_config, shape_of
from lcirc_cli.cost.systems import SYSTEMS, Workload, ask_again, count

from ..textable import Table

_PARTS = ("lm", "attention", "head", "features", "compressor", "mixer", "injection")


def cost_rows(
    model: str, preset: str, *, lengths: Sequence[int], window: int, question: int, evidence: int
) -> list[dict[str, Any]]:
    """A row a system and length: parts, total, causal total, asking again, a generated token.

    Raises:
        ModelError: no such model or preset.
    """
    shape = shape_of(model)
    config = adapter_config(shape, preset)
    rows = []
    for tokens in lengths:
        for system in SYSTEMS:
            work = Workload(tokens, window, question, evidence=evidence)
            full = count(system, shape, config, work)
            causal = count(system, shape, config, replace(work, causal=True))
            rows.append(
                {
                    "tokens": tokens,
                    "system": system,
                    "parts": {name: full.prefill.get(name, 0) for name in _PARTS},
                    "total": full.total,
                    "total_causal": causal.total,
                    "ask_again": ask_again(system, shape, config, work),
                    "token": full.token,
                }
            )
    return rows


def cost_table(rows: Sequence[dict[str, Any]]) -> Table:
    """In TFLOP, a generated token in GFLOP."""
    columns = ("tokens", "system", *_PARTS, "total", "causal", "ask again", "GFLOP a token")
    body = [
        [
            f"{row['tokens']:,}",
            row["system"],
            *(_tera(row["parts"][name]) for name in _PARTS),
            _tera(row["total"]),
            _tera(row["total_causal"]),
            _tera(row["ask_again"]),
            f"{row['token'] / 1e9:.3g}",
        ]
        for row in rows
    ]
    notes = (
        "TFLOP up to the first token, 2 a multiply-add, full score matrices; causal counts "
        "attention below the diagonal only; ask again: the memory file is there.",
    )
    return Table(columns, body, notes, left=2)


def measured_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Seconds to the first token and peak memory, measured on this machine."""
    columns = ("tokens", "system", "ingest s", "first token s", "peak MB", "note")
    body = [
        [
            f"{row['tokens']:,}",
            row["system"],
            _number(row.get("ingest_s"), 2),
            _number(row.get("first_token_s"), 2),
            _number(row.get("peak_mb"), 0),
            row.get("note", ""),
        ]
        for row in rows
    ]
    return Table(columns, body, left=2)


def _tera(operations: int) -> str:
    return f"{operations / 1e12:.4g}" if operations else "-"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
