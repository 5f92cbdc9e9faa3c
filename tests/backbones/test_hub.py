"""Models from the Hub; it is never reached: its client is replaced, or told to stay offline."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lcirc_cli.backbones import hub
from lcirc_cli.backbones.loading import pull
from lcirc_cli.errors import ModelError


def test_hub_names() -> None:
    assert hub.is_hub_name("Qwen/Qwen3-0.6B")
    assert hub.is_hub_name("a/b@refs/pr/3")
    assert not hub.is_hub_name("smollm2")
    assert not hub.is_hub_name("a/b/c")
    assert not hub.is_hub_name("a b/c")


@pytest.fixture
def fake_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., list[dict[str, Any]]]:
    """Replace the client's download: it answers with a plan, then with a folder, or raises."""
    import huggingface_hub
    from huggingface_hub import constants

    calls: list[dict[str, Any]] = []

    def set_up(*, error: Exception | None = None, size: int = 0) -> list[dict[str, Any]]:
        class Planned:
            file_size = size
            will_download = bool(size)

        def snapshot_download(repo: str, **options: Any) -> Any:
            calls.append({"repo": repo, **options})
            if error is not None:
                raise error
            return [Planned()] if options.get("dry_run") else str(tmp_path)

        monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        return calls

    return set_up


def test_a_download_is_announced_with_its_size_and_place(
    fake_hub: Callable[..., list[dict[str, Any]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = fake_hub(size=1_500_000_000)
    assert pull("owner/model@v2") == tmp_path
    assert "downloading owner/model@v2: 1,500 MB to " in capsys.readouterr().err
    assert [(call["repo"], call["revision"]) for call in calls] == [("owner/model", "v2")] * 2
    assert "*.safetensors" in calls[1]["allow_patterns"]
    assert not any("bin" in pattern or "pt" in pattern for pattern in calls[1]["allow_patterns"])


def test_a_cached_model_is_not_announced(
    fake_hub: Callable[..., list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    fake_hub(size=0)
    pull("owner/model")
    assert capsys.readouterr().err == ""


NO_NETWORK = """
import sys
from lcirc_cli.backbones.loading import pull
print(pull(sys.argv[1]))
"""


def test_a_cached_model_needs_no_network(tmp_path: Path) -> None:
    """With the real client, and an address where nobody listens for the Hub."""
    cached = tmp_path / "models--o--m"
    snapshot = cached / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}", "utf-8")
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("a" * 40, "utf-8")
    environ = {
        **os.environ,
        "HF_HUB_OFFLINE": "0",
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HUB_CACHE": str(tmp_path),
    }

    def run(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", NO_NETWORK, name],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    found = run("o/m")
    assert found.stdout.strip() == str(snapshot), found.stderr
    assert "can't ask the Hub for o/m; using the copy in" in found.stderr
    missing = run("o/other").stderr.splitlines()[-1]
    assert "can't fetch the model o/other" in missing and "check the network" in missing
    assert "ry run" not in missing


def test_offline_asks_for_local_files_only(fake_hub: Callable[..., list[dict[str, Any]]]) -> None:
    calls = fake_hub()
    pull("owner/model", offline=True)
    assert [call["local_files_only"] for call in calls] == [True]


def hub_error(name: str) -> Exception:
    """An error of the Hub's client, without the HTTP response that its constructor wants."""
    from huggingface_hub import errors

    kind = getattr(errors, name)
    error: Exception = kind.__new__(kind)
    error.args = ("long\nstory",)
    return error


@pytest.mark.parametrize(
    ("error", "offline", "message"),
    [
        ("RepositoryNotFoundError", False, "there is no model o/m on the Hub, or it is private"),
        ("GatedRepoError", False, "the model o/m needs permission"),
        ("RevisionNotFoundError", False, "no such revision"),
        (ConnectionError("no route\nat all"), False, "from the Hub: no route; check the network"),
        (FileNotFoundError("x"), True, "is not on this machine .*run: lcirc pull o/m"),
    ],
)
def test_what_the_hub_says_becomes_one_line(
    fake_hub: Callable[..., list[dict[str, Any]]],
    error: str | Exception,
    offline: bool,
    message: str,
) -> None:
    fake_hub(error=hub_error(error) if isinstance(error, str) else error)
    with pytest.raises(ModelError, match=message) as caught:
        pull("o/m", offline=offline)
    assert "\n" not in str(caught.value)


def test_the_real_client_offline_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="go online once and run: lcirc pull o/never-there"):
        pull("o/never-there", offline=True)
