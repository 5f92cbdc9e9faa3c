"""Stands in for Slurm: its commands as scripts that run a job array on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# What Slurm's commands do with a job array, one task after the other, before sbatch returns.
_SBATCH = r"""#!/bin/bash
for word in "$@"; do
  [[ $word == --export=ALL,* ]] && export "${word#--export=ALL,}"
  script=$word
done
last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
export SLURM_JOB_ID=7 SLURM_NODELIST=localhost
for task in $(seq 0 "$last"); do
  SLURM_ARRAY_TASK_ID=$task bash "$script" >> "$0.log" 2>&1 || exit 1
done
echo Submitted batch job 7
"""
_SRUN = r"""#!/bin/bash
while [[ $1 != launch_pickled_pipeline ]]; do shift; done
exec "$@"
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with stand-ins for Slurm's commands, first on the PATH."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    scripts = {
        "sbatch": _SBATCH,
        "srun": _SRUN,
        "squeue": "#!/bin/bash\n",
        "scontrol": "#!/bin/bash\necho localhost\n",
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder
