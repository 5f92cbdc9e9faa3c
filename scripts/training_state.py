"""A reader's weights alone, small enough to keep, and an adapter from them to go on from.

    python scripts/training_state.py pack RUN/best FILE.safetensors --note "step 400"
    python scripts/training_state.py pack RUN/checkpoints/step-00000420 FILE.safetensors
    python scripts/training_state.py unpack FILE.safetensors OUT --onto ADAPTER

`pack` keeps the reader of an adapter or of a checkpoint of --method reader (bfloat16), its rank and
targets (a checkpoint's are those of its run's best/). `unpack` gives the adapter
of --onto (default: the one that ships with the default model) that reader: `lcirc train --method
reader --init OUT` goes on from it, with a new warm-up, since the optimiser's state is not kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lcirc_cli.files import atomic_path, make_folder
from lcirc_cli.model import LcircAdapter
from lcirc_cli.model.warm_start import add_reader

SHIPPED = Path(__file__).resolve().parents[1] / "lcirc_cli" / "pretrained" / "smollm2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["pack", "unpack"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--onto", type=Path, default=SHIPPED, help="the adapter that gets it")
    parser.add_argument("--note", default="", help="kept beside the weights: step, commit")
    arguments = parser.parse_args()
    if arguments.action == "pack":
        pack(arguments.source, arguments.target, note=arguments.note)
    else:
        unpack(arguments.source, arguments.target, onto=arguments.onto)


def pack(adapter: Path, target: Path, *, note: str) -> None:
    """Write the reader of an adapter's folder, or of a checkpoint.

    Raises:
        ValueError: the adapter has no reader.
    """
    tensors = adapter / "tensors.safetensors"
    loaded = LcircAdapter.load(adapter.parents[1] / "best" if tensors.exists() else adapter)
    if loaded.reader is None:
        raise ValueError(f"{adapter} has no reader")
    if tensors.exists():
        trained = {k.removeprefix("module."): w for k, w in load_file(tensors).items()}
        own = {name: trained[name] for name in loaded.reader.state_dict()}
        loaded.reader.load_state_dict(own)
    weights = {name: w.bfloat16().contiguous() for name, w in loaded.reader.state_dict().items()}
    shape = {"rank": loaded.config.reader_rank, "targets": loaded.config.reader_targets}
    make_folder(target.parent)
    with atomic_path(target) as temporary:
        save_file(weights, temporary, metadata={"reader": json.dumps(shape), "note": note})


def unpack(source: Path, target: Path, *, onto: Path) -> None:
    """Write an adapter's folder with the reader of `source`."""
    with safe_open(source, "pt") as file:
        shape = json.loads(file.metadata()["reader"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    grown = LcircAdapter.load(onto)
    if grown.reader is None:
        grown = add_reader(grown, shape["targets"], rank=shape["rank"])
    grown = grown.bfloat16()
    assert grown.reader is not None
    grown.reader.load_state_dict(weights)
    grown.config.confidence, grown.config.ask_method = None, "qd-lcirc"  # of other weights
    grown.config.reader_beside_memory = False  # they were trained apart
    grown.save_pretrained(target)


if __name__ == "__main__":
    main()
