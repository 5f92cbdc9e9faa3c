"""The layers of the house, read from the imports: each module uses only what is below it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("lcirc_cli", "model", "prompts")

# Lowest first. A name stands for the module or package and everything in it; a name that ends
# in an underscore stands for all modules that begin with it. What isn't named here is a part of
# the engine.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("prompts",),
    ("model",),
    ("errors",),
    ("console", "settings", "links"),
    ("files", "fingerprints"),
    ("documents", "memory_", "default_wheel", "default_model", "hub"),
    ("backbones",),
    ("evidence", "diagnosis"),
    ("engine",),
    ("training", "bench", "lqa"),
    ("commands",),
    ("app",),
    ("__main__",),
)
# `import lcirc_cli` gives the version, and `Engine` lazily: it is the front door, not a layer.
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


def parsed(module: str) -> ast.Module:
    return ast.parse(SOURCES[module].read_text("utf-8"))


def level(module: str) -> int:
    name = module.split(".")[1]
    for index, layer in enumerate(LAYERS):
        for entry in layer:
            if name == entry or (entry.endswith("_") and name.startswith(entry)):
                return index
    return LAYERS.index(("engine",))


@pytest.mark.parametrize("module", [name for name in SOURCES if name != FACADE])
def test_imports_point_down(module: str) -> None:
    wrong = [
        f"line {line}: {name}"
        for name, line in imports(module, parsed(module))
        if name.startswith("lcirc_cli.") and name != FACADE and level(name) > level(module)
    ]
    assert wrong == [], f"{module} imports what is above it"


@pytest.mark.parametrize("module", [name for name in SOURCES if name != FACADE])
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


def test_no_module_imports_itself_in_a_circle() -> None:
    """Only imports at the top of a module count: those inside functions run later."""
    graph: dict[str, set[str]] = {}
    for module in SOURCES:
        top = ast.Module([n for n in parsed(module).body if not isinstance(n, ast.If)], [])
        for node in list(ast.walk(top)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                node.body = []
        graph[module] = {name for name, _ in imports(module, top) if name in SOURCES} - {FACADE}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        for name in sorted(graph[module] - {module}):
            visit(name, (*path, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_the_reader_of_imports_sees_what_it_should() -> None:
    """The checks above would pass on an empty list."""
    assert len(SOURCES) > 20
    found = {name for name, _ in imports("lcirc_cli.app", parsed("lcirc_cli.app"))}
    assert {"lcirc_cli.console", "lcirc_cli.commands.pull", "lcirc_cli.errors"} <= found
    attention = {name for name, _ in imports("lcirc_cli.model", parsed("lcirc_cli.model"))}
    assert all(not name.startswith("model") for name in attention)
    assert level("lcirc_cli.memory.file") < level("lcirc_cli.engine") < level("lcirc_cli.app")
