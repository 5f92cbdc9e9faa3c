"""Every library that is imported is declared: a transitive one may leave with its parent.

What a module imports when it is loaded must be in `dependencies` (for `lqa` and `serve` also in
the extra of that name);
what a function imports may be in any extra.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("lcirc_cli", "model", "prompts")
# Loaded with an extra alone.
WITH = {
    "lqa": ("lcirc_cli/lqa/", "lcirc_cli/executors/"),
    "serve": ("lcirc_cli/serve/",),
}
SOURCES = [path for folder in OURS for path in sorted((ROOT / folder).rglob("*.py"))]


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    return {normal(re.match(r"[\w.-]+", each)[0]) for each in requirements}  # type: ignore[index]


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """(top-level name, whether loading the module needs it), our own and the standard ones not."""
    inside = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        for name in (name.split(".")[0] for name in names):
            if name not in (*OURS, *sys.stdlib_module_names):
                yield name, id(node) not in inside


@pytest.fixture(scope="module")
def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def undeclared(project: Any, sources: list[tuple[str, str]]) -> list[str]:
    """ "file imports library" for each (file, text) that uses what nothing declares."""
    core = declared(project["dependencies"])
    extras = {name: declared(each) for name, each in project["optional-dependencies"].items()}
    everything = core.union(*extras.values())
    owners = packages_distributions()
    found = []
    for where, text in sources:
        for name, needed in imports(ast.parse(text)):
            allowed = everything
            if needed:
                own = (extras[name] for name, folders in WITH.items() if where.startswith(folders))
                allowed = core.union(*own)
            if not allowed & {normal(owner) for owner in owners.get(name, [name])}:
                found.append(f"{where} imports {name}")
    return found


def test_every_import_is_declared(project: Any) -> None:
    sources = [(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in SOURCES]
    assert len(sources) > 100
    assert undeclared(project, sources) == []


def test_the_check_sees_what_is_missing(project: Any) -> None:
    late = "def f():\n    import yaml\n    import tiktoken\n"
    assert undeclared(project, [("a.py", late)]) == ["a.py imports yaml"]
    early = "import torch, json\nfrom tiktoken.core import Encoding\nfrom . import yaml\n"
    assert undeclared(project, [("a.py", early)]) == ["a.py imports tiktoken"]
    assert undeclared(project, [("lcirc_cli/lqa/a.py", early)]) == []
    served = "import starlette\n"
    assert undeclared(project, [("a.py", served)]) == ["a.py imports starlette"]
    assert undeclared(project, [("lcirc_cli/serve/a.py", served)]) == []
