"""Makes hostile documents from a seed, and can read them all as `lcirc ingest` does.

    python tests/documents/hostile.py FOLDER [--seed 1]    # writes them
    python tests/documents/hostile.py --check [--seed 1]   # reads each in a process of its own

`--check` prints a JSON line for each file: how the reading ended, its exit code, seconds, processor
seconds, and the largest memory of the reading process and its child together (Linux only). The
files of a folder that is given with --also are read with them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from hostile_kinds import KINDS  # noqa: E402

_READ = """
import json, resource, sys
from pathlib import Path
from lcirc_cli.commands.reading import read_sources
from lcirc_cli.documents import collect_sources
from lcirc_cli.errors import LcircError
status, told = 0, ""
try:
    found = read_sources(
        collect_sources([sys.argv[1]]), named={Path(sys.argv[1])}, password_file=None, pages=None
    )
    told = ", ".join(f"{len(each.text):,} characters" for each in found.documents)
except LcircError as error:
    status, told = error.exit_code, str(error)
own = open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]
kib = int(own) + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"status": status, "told": told[:150], "mb": round(kib / 1000)}))
"""


def documents(seed: int, kinds: Collection[str] = tuple(KINDS)) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of a file of each kind; the same for the same seed."""
    for number, (name, kind) in enumerate(KINDS.items()):
        if name in kinds:
            yield f"{number:02d}-{name}", kind(Random(f"{seed}:{name}"))


def read_apart(path: Path) -> dict[str, object]:
    """Read a file in a process of its own, and tell how that ended."""
    start, before = time.perf_counter(), _children_seconds()
    command = [sys.executable, "-c", _READ, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    seconds = round(time.perf_counter() - start, 2)
    cpu = round(_children_seconds() - before, 2)
    result: dict[str, object] = {"name": path.name, "seconds": seconds, "cpu_seconds": cpu}
    if done.returncode != 0:
        return result | {"status": done.returncode, "told": done.stderr[-300:]}
    return result | json.loads(done.stdout)


def _children_seconds() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check(seed: int, also: Path | None) -> None:
    """Read the files, one after another, and print how each one ended."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in documents(seed):
            path = Path(folder, name)
            path.write_bytes(data)
            print(json.dumps(read_apart(path)), flush=True)
            path.unlink()
    for path in sorted(also.iterdir()) if also else []:
        if path.suffix in (".html", ".epub", ".docx", ".md", ".txt", ".pdf"):
            print(json.dumps(read_apart(path)), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--also", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.check:
        check(options.seed, options.also)
    elif options.folder is None:
        parser.error("give a folder, or --check")
    else:
        options.folder.mkdir(parents=True, exist_ok=True)
        for name, data in documents(options.seed):
            (options.folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
