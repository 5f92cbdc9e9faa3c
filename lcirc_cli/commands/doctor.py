"""`lcirc doctor`: what is installed here, what the hardware can do, and what would be used."""

from __future__ import annotations

import json
from typing import Any

from lcirc_cli.commands.common import takes
from lcirc_cli.settings import CommonSettings


@takes("device", "dtype", "attention", "offline", "json")
def doctor(*, settings: CommonSettings) -> None:
    """Show versions, hardware, caches, and the choices that lcirc makes on this machine.

    Ends with exit code 4 where the installation itself is broken.
    """
    from lcirc_cli.commands import diagnosis

    report = diagnosis.examine(settings)
    if settings.json:
        print(json.dumps(report, indent=2))
    else:
        print("\n".join(_lines(report)))
    diagnosis.raise_for(report)


def _lines(report: dict[str, Any]) -> list[str]:
    lines = []
    for key, value in report.items():
        if key == "schema":
            continue
        if isinstance(value, dict):
            lines.append(f"{key}:")
            lines += [f"  {name:<16} {_shown(item)}" for name, item in value.items()]
        else:
            lines.append(f"{key:<18} {_shown(value)}")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "-" if value is None else str(value)
