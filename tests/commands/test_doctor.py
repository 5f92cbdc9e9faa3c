"""`lcirc doctor`: what it reports, and broken installations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lcirc_cli import __version__, app, version
from lcirc_cli.backbones import devices
from lcirc_cli.commands import doctor
from lcirc_cli.errors import ModelError
from lcirc_cli.settings import CommonSettings


@pytest.mark.parametrize("bfloat16", [False, True])
def test_report_on_this_machine(
    cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, bfloat16: bool
) -> None:
    """On a CPU it chooses the same, whatever that multiplies fast."""
    monkeypatch.setattr(devices, "cpu_has_bfloat16", lambda: bfloat16)
    status, out, err = cli("doctor", "--json", "--offline", "--device", "cpu")
    report = json.loads(out)
    assert (status, err) == (0, "")
    assert report["schema"] == 1
    assert report["lcirc"] == __version__
    assert report["packages"]["torch"] and report["packages"]["transformers"]
    assert report["hardware"]["cores"] >= 1
    assert report["choices"]["device"] == "cpu"
    assert report["choices"]["attention"] == "sdpa"
    assert report["hardware"]["cpu_bfloat16"] is bfloat16
    assert report["choices"]["dtype"] == "float32"
    assert report["offline"] is True
    assert report["problems"] == []


def test_plain_report_has_the_same_facts(cli: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = cli("doctor", "--device", "cpu", "--dtype", "float32")
    assert status == 0
    assert f"lcirc              {__version__}" in out
    assert "float32" in out
    assert "\x1b" not in out


def test_cache_and_model_are_reported(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCIRC_CACHE", str(tmp_path / "cache"))
    cache = json.loads(cli("doctor", "--json")[1])["cache"]
    assert cache["folder"] == str(tmp_path / "cache")
    assert cache["writable"] is True
    assert cache["smollm2"] is False


def test_extras_come_from_the_package_metadata() -> None:
    extras = doctor.examine(CommonSettings())["extras"]
    assert {"flash", "lqa", "bench", "peft"} <= set(extras)
    assert extras["bench"] is True  # the development set-up installs it


def test_an_impossible_choice_is_a_problem(
    cli: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    status, out, err = cli("doctor", "--json", "--device", "cuda")
    assert status == 4
    assert json.loads(out)["problems"] == [err.removeprefix("lcirc: ").strip()]
    assert "no device cuda on this machine" in err


def package_with_broken_links(folder: Path) -> Path:
    """What a checkout without link support leaves: text files that name the target."""
    for name in version.LINKED:
        (folder / name).write_text(f"../{name}", "utf-8")
    return folder


def test_links_of_this_installation_are_whole() -> None:
    assert version.links_problem() is None
    version.check_links()


def test_broken_links_are_named(tmp_path: Path) -> None:
    found = version.links_problem(package_with_broken_links(tmp_path))
    assert found is not None
    assert "lcirc_cli/model and lcirc_cli/prompts should be a link" in found
    assert "clone again with git" in found
    (tmp_path / "model").unlink()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "__init__.py").touch()
    found = version.links_problem(tmp_path)
    assert found is not None
    assert found.startswith("lcirc_cli/prompts should")


def test_commands_and_the_api_stop_at_broken_links(
    cli: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lcirc_cli

    broken = package_with_broken_links(tmp_path)
    original = version.links_problem
    monkeypatch.setattr(version, "links_problem", lambda: original(broken))
    monkeypatch.setattr(doctor, "links_problem", lambda: original(broken))
    status, out, err = cli("pull")
    assert (status, out) == (4, "")
    assert len(err.splitlines()) == 1
    with pytest.raises(ModelError, match="should be a link"):
        lcirc_cli.Engine  # noqa: B018
    status, out, err = cli("doctor", "--json")
    assert status == 4
    assert "should be a link" in json.loads(out)["problems"][0]
    assert app.run(["--version"]) == 4
