"""The floors of the house, read from the imports: each room uses only what is on the floors below.

A room is a folder of `lcirc_cli`, or one of the few files beside them. Every import counts, also
those inside functions and for types alone.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("lcirc_cli", "model", "prompts")

# Lowest first; rooms of one floor don't know one another. A new folder says here where it stands.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("prompts", "model"),
    ("errors", "console"),
    ("files",),
    ("version", "settings", "documents", "cost"),
    ("memory", "backbones", "executors", "qa", "endpoints"),
    ("compression", "evidence", "adapters", "baselines"),
    ("answering",),
    ("engine",),
    ("training", "bench", "lqa", "serve", "batch"),
    ("commands",),
    ("app",),
    ("__main__",),
)
FILES = {
    *("__init__", "__main__", "app", "engine"),
    *("errors", "settings", "version"),
}
# `import lcirc_cli` gives the version, and `Engine` lazily: the front door, not used inside.
FACADE = "lcirc_cli"


def sources() -> dict[str, Path]:
    """Module name, as it is imported, to its file."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if relative.parts[:2] in (("lcirc_cli", "model"), ("lcirc_cli", "prompts")):
                continue  # the links; their targets are walked by themselves
            parts = [*relative.with_suffix("").parts]
            if parts[-1] == "__init__":
                parts.pop()
            prefix = [] if package == "lcirc_cli" else ["lcirc_cli"]
            found[".".join([*prefix, *parts])] = path
    return found


SOURCES = sources()
INSIDE = [name for name in SOURCES if name != FACADE]


def imports(module: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(absolute name, line) of all imports of a module, wherever they stand in it."""
    is_package = SOURCES[module].name == "__init__.py"
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                kept = parts[: len(parts) - node.level + is_package]
                base = ".".join([*kept, *([base] if base else [])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield (whole if whole in SOURCES else base), node.lineno


@functools.cache
def parsed(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text("utf-8"))


def ours(module: str) -> Iterator[tuple[str, int]]:
    """Imports of modules of lcirc itself."""
    for name, line in imports(module, parsed(module)):
        if name == FACADE or name.startswith(f"{FACADE}."):
            yield name, line


def room(module: str) -> str:
    return module.split(".")[1]


def floor(module: str) -> int:
    """Raises StopIteration for a room that FLOORS doesn't name."""
    return next(number for number, rooms in enumerate(FLOORS) if room(module) in rooms)


def circle(graph: dict[str, set[str]]) -> str | None:
    """One circle of a graph, as `a -> b -> a`."""
    done: set[str] = set()

    def visit(node: str, path: tuple[str, ...]) -> str | None:
        if node in path:
            return " -> ".join([*path[path.index(node) :], node])
        if node in done:
            return None
        for following in sorted(graph.get(node, set()) - {node}):
            if found := visit(following, (*path, node)):
                return found
        done.add(node)
        return None

    return next((found for node in sorted(graph) if (found := visit(node, ()))), None)


def test_every_folder_has_its_floor() -> None:
    known = Counter(name for rooms in FLOORS for name in rooms)
    assert [name for name, count in known.items() if count > 1] == []
    assert {room(module) for module in INSIDE} == set(known)


def test_no_other_file_stands_at_the_root() -> None:
    assert {path.stem for path in (ROOT / "lcirc_cli").glob("*.py")} == FILES


def test_no_file_name_stands_twice_in_one_room() -> None:
    names = Counter(
        (room(module), path.name)
        for module, path in SOURCES.items()
        if module != FACADE and path.name != "__init__.py"
    )
    assert [" has two ".join(each) for each, count in names.items() if count > 1] == []


@pytest.mark.parametrize("module", INSIDE)
def test_imports_point_down(module: str) -> None:
    """Which also keeps training, bench and lqa apart: they stand on one floor."""
    wrong = [
        f"line {line}: {name}"
        for name, line in ours(module)
        if name == FACADE or (room(name) != room(module) and floor(name) >= floor(module))
    ]
    assert wrong == [], f"{module} imports what is not below it"


def test_no_circle_between_the_folders_of_a_room() -> None:
    """A file beside the folders stands for itself, a folder for all that is in it."""

    def part(module: str) -> str:
        names = module.split(".")
        return ".".join(names[:3])

    graph: dict[str, set[str]] = defaultdict(set)
    for module in INSIDE:
        for name, _ in ours(module):
            if name != FACADE and room(name) == room(module):
                graph[part(module)].add(part(name))
    assert circle(graph) is None


def test_no_module_imports_itself_in_a_circle() -> None:
    """Only imports at the top of a module count: those inside functions run later."""
    graph: dict[str, set[str]] = {}
    for module in SOURCES:
        whole = ast.parse(SOURCES[module].read_text("utf-8"))  # its functions lose their bodies
        top = ast.Module([n for n in whole.body if not isinstance(n, ast.If)], [])
        for node in list(ast.walk(top)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                node.body = []
        graph[module] = {name for name, _ in imports(module, top) if name in SOURCES}
    assert circle(graph) is None


@pytest.mark.parametrize("module", INSIDE)
def test_no_second_copy_of_model_or_prompts(module: str) -> None:
    """`import model` would load the classes twice, and a user's own model.py could shadow it."""
    wrong = [
        f"line {line}: {name}"
        for name, line in imports(module, parsed(module))
        if name.split(".")[0] in ("model", "prompts")
    ]
    assert wrong == []


def test_tests_and_scripts_use_the_long_names_too() -> None:
    for path in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & {"model", "prompts"}, path


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith("lcirc_cli.model")])
def test_model_knows_pytorch_only(module: str) -> None:
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.ImportFrom) and node.level:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            root = name.split(".")[0]
            allowed = root in {"torch", "transformers"} or root in sys.stdlib_module_names
            assert allowed, f"{module}, line {node.lineno}: {name}"


@pytest.mark.parametrize(
    "module", [name for name in SOURCES if name.startswith(("lcirc_cli.commands", "lcirc_cli.app"))]
)
def test_commands_import_torch_only_when_they_run(module: str) -> None:
    heavy = {"torch", "transformers", "numpy", "datasets", "matplotlib"}
    for node in parsed(module).body:
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & heavy
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in heavy


def test_the_checks_see_what_they_should() -> None:
    """They would pass on an empty list."""
    assert len(SOURCES) > 200
    found = {name for name, _ in imports("lcirc_cli.app", parsed("lcirc_cli.app"))}
    assert {"lcirc_cli.console", "lcirc_cli.commands.pull", "lcirc_cli.errors"} <= found
    attention = {name for name, _ in imports("lcirc_cli.model", parsed("lcirc_cli.model"))}
    assert all(not name.startswith("model") for name in attention)
    assert floor("lcirc_cli.memory.file") < floor("lcirc_cli.engine") < floor("lcirc_cli.app")
    with pytest.raises(StopIteration):
        floor("lcirc_cli.elsewhere.file")
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == "b -> c -> b"
    assert circle({"a": {"b"}, "b": {"c"}}) is None
