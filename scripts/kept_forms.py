"""Sizes and load times of the default model kept in float32 and in bfloat16.

    python scripts/kept_forms.py FOLDER [--repeats N]

Writes a copy of the cached model into FOLDER whose weights are bfloat16, and loads both in turns,
each time in a process of its own, for float32 computation. Prints a JSON line for each: bytes of
the weights' file, the median of the seconds that loading took (without importing), and the peak
memory of the process in MB. The files are in the system's cache from the second turn on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lcirc_cli.backbones import smollm2
from lcirc_cli.backbones.loading import load_backbone
from lcirc_cli.cost.peak import peak_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--load", action="store_true", help="only load FOLDER, and print how")
    options = parser.parse_args()
    if options.load:
        print(json.dumps(loaded(options.folder)))
        return
    kept = smollm2.ensure(offline=True)
    halve(kept, options.folder)
    found: dict[Path, list[dict[str, float]]] = {kept: [], options.folder: []}
    for _ in range(options.repeats):
        for folder, rows in found.items():
            rows.append(json.loads(_run(folder)))
    for (_, rows), form in zip(found.items(), ("float32", "bfloat16"), strict=True):
        medians = {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}
        print(json.dumps({"form": form, **medians}), flush=True)


def halve(source: Path, target: Path) -> None:
    """A copy of a model's folder with its weights in bfloat16."""
    shutil.copytree(source, target)
    weights = {
        name: each.bfloat16() for name, each in load_file(source / "model.safetensors").items()
    }
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def loaded(folder: Path) -> dict[str, float]:
    torch.zeros(1).sum()  # what torch sets up when it is first used
    begun = time.perf_counter()
    load_backbone(str(folder), dtype="float32", offline=True)
    seconds = time.perf_counter() - begun
    size = (folder / "model.safetensors").stat().st_size
    return {"bytes": size, "seconds": seconds, "peak_mb": peak_bytes() / 1e6}


def _run(folder: Path) -> str:
    command = [sys.executable, __file__, str(folder), "--load"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
