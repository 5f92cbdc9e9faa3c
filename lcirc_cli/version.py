"""Which lcirc this is, and whether it came whole: its version, and its two linked folders.

In a checkout `lcirc_cli/model` and `lcirc_cli/prompts` are symbolic links to the folders of the
same names at the top. Some ways of copying a checkout (zip archives, Git on Windows without link
support) turn them into small text files, and Python then reports a missing module, which says
nothing about the cause.
"""

from __future__ import annotations

from pathlib import Path

from lcirc_cli.errors import ModelError

__version__ = "0.1.0"

LINKED = ("model", "prompts")


def links_problem(package: Path = Path(__file__).parent) -> str | None:
    """One line on what is wrong with the links, or None."""
    broken = [name for name in LINKED if not (package / name / "__init__.py").is_file()]
    if not broken:
        return None
    names = " and ".join(f"lcirc_cli/{name}" for name in broken)
    return (
        f"{names} should be a link to the folder of the same name, and is not: clone again with "
        "git (on Windows with core.symlinks=true), or install lcirc with pip"
    )


def check_links() -> None:
    """Raise `ModelError` where a link is broken."""
    found = links_problem()
    if found is not None:
        raise ModelError(found)
