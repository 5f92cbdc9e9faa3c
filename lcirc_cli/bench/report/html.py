"""One page with the table and the plots, without anything from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from . import plots
from .paper import beside
from .summary import Line
from .tables import COLUMNS, cells

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; margin: 2rem auto;
       max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #d9dfe5; text-align: right;
         white-space: nowrap; }
th:nth-child(-n+3), td:nth-child(-n+3) { text-align: left; }
tr.part td { color: #5b6770; } tr.first td { border-top: 2px solid #9aa5b1; }
td.note { text-align: left; color: #5b6770; white-space: normal; }
svg { max-width: 100%; height: auto; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem;
     font-size: 13px; }
dt { color: #5b6770; } dd { margin: 0; overflow-wrap: anywhere; }
"""


def page(
    lines: Sequence[Line],
    *,
    run: Mapping[str, Any],
    costs: Sequence[Mapping[str, Any]],
    tuning: Mapping[str, str] | None = None,
) -> str:
    """The whole report as one HTML text; with the tuning of each system, the paper's tables too."""
    parts = [_settings(run), "<h2>Scores</h2>", _table(lines)]
    if tuning is not None and (tables := beside(lines, tuning)):
        parts.append("<h2>Beside the paper</h2><p>Llama-2-7B, by the paper's own rules.</p>")
        for title, table in tables:
            parts += [f"<h3>{html.escape(title)}</h3>", _plain_table(table.columns, table.rows)]
            parts += [f"<p>{html.escape(note)}</p>" for note in table.notes]
    for title, svg in (
        ("Scores with 95 % intervals", plots.bars(lines)),
        ("Perplexity against context length", plots.curves(lines, metric="perplexity")),
        ("Planted facts by depth and length", plots.heat_maps(lines)),
        ("Operations against context length", plots.costs(costs)),
    ):
        if svg is not None:
            parts.append(f"<h2>{title}</h2>{svg}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>lcirc bench</title><style>{_STYLE}</style></head><body>"
        f"<h1>Benchmark of {html.escape(str(run.get('model', '')))}, "
        f"protocol {html.escape(str(run.get('protocol', '')))}</h1>{''.join(parts)}</body></html>\n"
    )


def _settings(run: Mapping[str, Any]) -> str:
    items = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(_said(value))}</dd>"
        for name, value in run.items()
    )
    return f"<dl>{items}</dl>"


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_said(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _table(lines: Sequence[Line]) -> str:
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    body, task = [], None
    for line in lines:
        if "depth=" in line.facet:  # the heat map shows these
            continue
        kind = "first" if line.task != task else "part" if line.facet else ""
        task = line.task
        row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells(line))
        body.append(f'<tr class="{kind}">{row}</tr>')
        if line.note:
            note = html.escape(line.note)
            body.append(
                f'<tr><td></td><td class="note" colspan="{len(COLUMNS) - 1}">{note}</td></tr>'
            )
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(body)}</table></div>'


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'
