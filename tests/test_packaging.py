"""What is shipped: wheel and sdist, installed in a clean place, beside a user's own model.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from lcirc_cli import __version__
from lcirc_cli.version import LINKED

INFO = f"lcirc-{__version__}.dist-info"
USERS_FILE = "raise SystemExit('the file of the user was imported')\n"

USE_THE_API = """
import json, sys
import lcirc_cli
from lcirc_cli import Engine
import lcirc_cli.model.attention
import lcirc_cli.prompts
print(json.dumps({
    "package": lcirc_cli.__file__,
    "engine": Engine.__module__,
    "model": lcirc_cli.model.attention.__file__,
    "foreign": sorted({"model", "prompts"} & set(sys.modules)),
}))
"""


def build(source: Path, target: Path, kind: str) -> Path:
    """Build with hatchling, which needs no network; returns the file."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(repository, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def sdist(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(repository, tmp_path_factory.mktemp("sdist"), "sdist")


def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if not name.endswith("/")]


def tracked(repository: Path, folder: str) -> set[str]:
    """The files of a folder that belong to the repository, or skip outside a checkout."""
    done = subprocess.run(
        ["git", "ls-files", folder], cwd=repository, capture_output=True, text=True, check=False
    )
    if done.returncode != 0 or not done.stdout:
        pytest.skip("not a git checkout")
    return set(done.stdout.splitlines())


def test_links_point_to_the_folders(repository: Path) -> None:
    for name in LINKED:
        link = repository / "lcirc_cli" / name
        assert link.is_symlink()
        assert str(link.readlink()) == f"../{name}"
        assert link.resolve() == (repository / name).resolve()


def test_the_wheel_holds_everything_once(wheel: Path, repository: Path) -> None:
    names = contents(wheel)
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert {name.split("/")[0] for name in names} == {"lcirc_cli", INFO}
    for folder in LINKED:
        expected = {f"lcirc_cli/{name}" for name in tracked(repository, folder)}
        assert expected <= set(names)
        assert sum(name.startswith(f"lcirc_cli/{folder}/") for name in names) >= len(expected)
    assert f"{INFO}/licenses/LICENSE" in names


def test_a_wheel_from_the_sdist_is_the_same(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    (tmp_path / "again").mkdir()
    again = build(source, tmp_path / "again", "wheel")
    assert sorted(contents(again)) == sorted(contents(wheel))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, alone in a folder."""
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(wheel)], check=True)
    return target


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    for name in ("model.py", "prompts.py"):
        (tmp_path / name).write_text(USERS_FILE, "utf-8")
    return tmp_path


def run_there(installed: Path, folder: Path, *arguments: str) -> str:
    """Run Python in the user's folder with the installed copy in front of everything."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "LCIRC_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_run_beside_a_users_own_modules(installed: Path, users_folder: Path) -> None:
    assert (
        run_there(installed, users_folder, "-m", "lcirc_cli", "--version")
        == f"lcirc {__version__}\n"
    )
    report = json.loads(run_there(installed, users_folder, "-m", "lcirc_cli", "doctor", "--json"))
    assert report["problems"] == []
    assert report["choices"]["attention"] in ("sdpa", "flash")


def test_the_python_api_runs_beside_a_users_own_modules(
    installed: Path, users_folder: Path
) -> None:
    found = json.loads(run_there(installed, users_folder, "-c", USE_THE_API))
    assert Path(found["package"]).is_relative_to(installed)
    assert Path(found["model"]).is_relative_to(installed / "lcirc_cli" / "model")
    assert found["engine"] == "lcirc_cli.engine"
    assert found["foreign"] == []


def test_the_script_is_called_lcirc(installed: Path) -> None:
    points = (installed / INFO / "entry_points.txt").read_text("utf-8")
    assert "lcirc = lcirc_cli.__main__:main" in points


def test_every_dependency_is_pinned_in_the_constraints(repository: Path) -> None:
    import tomllib

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (repository / "constraints.txt").read_text("utf-8").splitlines()
    pins = {}
    for line in lines:
        if line and not line.startswith("#"):
            pin = Requirement(line)
            pins[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    needed = list(project["project"]["dependencies"]) + project["dependency-groups"]["dev"]
    for extra in ("lqa", "bench", "peft", "serve"):
        needed += project["project"]["optional-dependencies"][extra]
    for line in needed:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not pinned"
        assert requirement.specifier.contains(pins[name]), f"{line}: pinned to {pins[name]}"
