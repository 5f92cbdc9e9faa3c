"""scripts/gpu_check.py itself, on the CPU: a machine with a GPU must be able to trust it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_small_form_passes_on_a_cpu(tmp_path: Path) -> None:
    out = tmp_path / "gpu.md"
    command = [sys.executable, str(ROOT / "scripts" / "gpu_check.py"), "--device", "cpu"]
    done = subprocess.run(
        [*command, "--size", "small", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split(" | ") for line in out.read_text("utf-8").splitlines() if line[:2] == "| "]
    measured = {row[0].removeprefix("| "): row[1] for row in rows}
    assert measured["float32, sdpa: states of the memory"] == "0"  # the CPU is the CPU
    assert 0 < float(measured["bfloat16, sdpa: states of the memory"]) < 0.05
    assert "4 to 2 to 1" in measured["memory runs out at ingest"]


def test_what_it_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without the training, which takes half of its time."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import gpu_check
    import gpu_models

    monkeypatch.setattr(gpu_check, "_training", lambda *_, **__: [])
    monkeypatch.setattr(gpu_check, "QUESTIONS", gpu_models.QUESTIONS[:4])
    monkeypatch.setattr(gpu_check, "STATES", {"float32": 1e-3, "bfloat16": 1e-6})
    rows = gpu_check.check(tmp_path, gpu_models.SIZES["small"], device="cpu")
    wrong = [row.what for row in rows if not row.holds]
    assert wrong == ["bfloat16, sdpa: states of the memory"], rows
    table = gpu_check.report(rows, device="cpu", size="small")
    assert " | at most 1e-06 | NOT |" in table


def test_it_says_where_there_is_no_gpu() -> None:
    code = "import torch; torch.cuda.is_available = lambda: False; import sys, runpy\n"
    code += "sys.argv = ['gpu_check.py']; sys.path.insert(0, 'scripts')\n"
    code += "runpy.run_path('scripts/gpu_check.py', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1 and "no CUDA device" in done.stderr
