"""One page with the table and the plots, without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment

from . import plots
from .drawn import Drawn
from .paper import beside
from .summary import Line, few
from .tables import COLUMNS, cells

_DRAWN = ("task", "system", "metric", "score", "low", "high", "facet")  # of a line, in plots

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>lcirc bench</title><style>
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
</style></head><body>
{% macro row(texts, tag="td") %}{% for text in texts %}<{{ tag }}>{{ text }}</{{ tag }}>
{%- endfor %}{% endmacro %}
<h1>Benchmark of {{ run.model }}, protocol {{ run.protocol }}</h1>
<dl>{% for name, value in run.items() %}<dt>{{ name }}</dt><dd>{{ said(value) }}</dd>
{% endfor %}</dl>
<h2>Scores</h2>
<div class="scroll"><table><tr>{{ row(columns, "th") }}</tr>
{% for line in lines if "depth=" not in line.facet %}{# the heat map shows those #}
{% set kind = "first" if loop.changed(line.task) else "part" if line.facet else "" %}
<tr class="{{ kind }}">{{ row(cells(line)) }}</tr>
{% if line.note %}
<tr><td></td><td class="note" colspan="{{ columns | length - 1 }}">{{ line.note }}</td></tr>
{% endif %}
{% endfor %}
</table></div>
{% for note in few %}<p>{{ note }}</p>{% endfor %}
{% if beside %}<h2>Beside the paper</h2><p>Llama-2-7B, by the paper's own rules.</p>{% endif %}
{% for title, table in beside %}
<h3>{{ title }}</h3>
<div class="scroll"><table><tr>{{ row(table.columns, "th") }}</tr>
{% for texts in table.rows %}<tr>{{ row(texts) }}</tr>{% endfor %}
</table></div>
{% for note in table.notes %}<p>{{ note }}</p>{% endfor %}
{% endfor %}
{% for title, svg in plots if svg %}<h2>{{ title }}</h2>{{ svg | safe }}{% endfor %}
</body></html>
"""


def page(
    lines: Sequence[Line],
    *,
    run: Mapping[str, Any],
    costs: Sequence[Mapping[str, Any]],
    drawn: Drawn,
    tuning: Mapping[str, str] | None = None,
) -> str:
    """The whole report as one HTML text; with the tuning of each system, the paper's tables too."""
    scores = [[*(getattr(line, name) for name in _DRAWN)] for line in lines]
    template = Environment(autoescape=True, trim_blocks=True).from_string(_PAGE)
    return template.render(
        run=run,
        said=_said,
        columns=COLUMNS,
        lines=lines,
        cells=cells,
        few=few(lines),
        beside=[] if tuning is None else beside(lines, tuning),
        plots=[
            (title, drawn.get(title, shows, draw))
            for title, shows, draw in (
                ("Scores with 95 % intervals", scores, lambda: plots.bars(lines)),
                ("Perplexity against context length", scores, lambda: plots.curves(lines)),
                ("Planted facts by depth and length", scores, lambda: plots.heat_maps(lines)),
                ("Operations against context length", costs, lambda: plots.costs(costs)),
            )
        ],
    )


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_said(part)}" for name, part in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
