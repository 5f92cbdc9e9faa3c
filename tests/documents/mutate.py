"""Makes hundreds of bad PDF files from a seed, and can read them all.

    python tests/documents/mutate.py FOLDER [--count 300] [--seed 1]    # writes them
    python tests/documents/mutate.py --check [--first 0] [--count 300]  # reads them

`--check` prints a JSON line for each file, and last the largest memory that any reading process
took. File i of a seed is always the same; every kind of damage comes up once in each round through
`KINDS`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import pdf_bombs as bombs
import pdf_damage as damage

from lcirc_cli.cost.peak import peak_bytes

KINDS: tuple[Callable[[Random], bytes], ...] = (
    damage.flip_bytes,
    damage.cut_end,
    damage.cut_start,
    damage.cut_middle,
    damage.repeat_block,
    damage.noise_block,
    damage.change_numbers,
    damage.change_names,
    damage.only_noise,
    bombs.flate_bomb,
    bombs.flate_bomb_twice,
    bombs.many_filters,
    bombs.runlength_bomb,
    bombs.predictor_bomb,
    bombs.operator_bomb,
    bombs.nested_arrays,
    bombs.object_stream_bomb,
    bombs.long_lengths,
    bombs.to_unicode_bomb,
    bombs.form_bomb,
    bombs.many_kids,
    bombs.dense_xref,
    bombs.page_tree_loop,
    bombs.previous_loop,
    bombs.outline_loop,
    bombs.reference_loop,
    damage.no_pages,
    damage.no_root,
    damage.image_only,
    damage.encrypted,
)


def mutations(first: int, count: int, *, seed: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of `count` bad files, from number `first` on."""
    for i in range(first, first + count):
        kind = KINDS[i % len(KINDS)]
        yield f"{i:03d}-{kind.__name__}.pdf", kind(Random(f"{seed}:{i}"))


def check(first: int, count: int, *, seed: int) -> None:
    """Read the files as lcirc does, and print how each one ended."""
    import resource

    from lcirc_cli.documents.limits import ReadLimits
    from lcirc_cli.documents.pdf import read_pdf
    from lcirc_cli.errors import DocumentError

    limits = ReadLimits(seconds=60, page_seconds=20, memory_bytes=1 << 30)
    for name, data in mutations(first, count, seed=seed):
        start = time.perf_counter()
        result: dict[str, object]
        try:
            document = read_pdf(data, name=name, sha256="", limits=limits)
            result = {"text": len(document.text.strip()), "notes": document.notes}
        except DocumentError as error:
            result = {"error": str(error)}
        seconds = round(time.perf_counter() - start, 2)
        print(json.dumps({"name": name, "seconds": seconds, **result}), flush=True)
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"children_peak_kib": children, "own_peak_kib": peak_bytes() // 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.check:
        check(options.first, options.count, seed=options.seed)
    elif options.folder is None:
        parser.error("give a folder, or --check")
    else:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, data in mutations(options.first, options.count, seed=options.seed):
            (options.folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
