"""Seconds to the first token and peak memory of systems on this machine, each in a process.

A process of its own for every system and length, so that the peak is that system's and no cache
of another helps it. The text is the needle task's haystack: made here, the same for everyone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from lcirc_cli import console
from lcirc_cli.settings import CommonSettings

SYSTEMS = ("full", "ends", "lcirc", "qd-lcirc")
_SEED = 0
_WARM_UP = 512  # tokens
_PROMPT_ROOM = 256  # for what stands around the document


def measure_all(
    settings: CommonSettings, *, lengths: Sequence[int], window: int
) -> list[dict[str, Any]]:
    """A row a length and system; one that fails says why in `note`."""
    rows = []
    with console.progress(len(lengths) * len(SYSTEMS), "measuring", "runs") as advance:
        for tokens in lengths:
            for system in SYSTEMS:
                rows.append(_in_a_process(settings, tokens, system, window))
                advance(1)
    return rows


def _in_a_process(
    settings: CommonSettings, tokens: int, system: str, window: int
) -> dict[str, Any]:
    common = asdict(replace(settings, config=None))  # a path is no JSON, and its values are here
    request = {"settings": common, "tokens": tokens, "system": system, "window": window}
    done = subprocess.run(
        [sys.executable, "-m", "lcirc_cli.bench.measure", json.dumps(request)],
        capture_output=True,
        text=True,
        check=False,
    )
    row = {"tokens": tokens, "system": system}
    if done.returncode == 0:
        return row | json.loads(done.stdout.splitlines()[-1])
    last = (done.stderr.strip() or "no message").splitlines()[-1]
    return row | {"note": f"failed: {last}" if done.returncode > 0 else "ended by the system"}


def measure_one(request: dict[str, Any]) -> dict[str, Any]:
    """Warm up with a short document; then ingest and ask, each with its seconds."""
    from lcirc_cli.bench.systems import Batch, Limits, Workbench, open_system, parse_system
    from lcirc_cli.bench.systems.prompting import Prompter
    from lcirc_cli.bench.tasks.needle import Needle
    from lcirc_cli.cost.peak import peak_mb
    from lcirc_cli.engine import Engine

    settings = CommonSettings(**request["settings"])
    engine = Engine.load(
        settings.model,
        settings.adapter,
        device=settings.device,
        dtype=settings.dtype,
        attention=settings.attention,
        offline=settings.offline,
    )
    if request["system"] == "full":
        # Beyond the trained positions answers make little sense, but cost what they cost.
        room = max(engine.backbone.max_positions, request["tokens"] + _PROMPT_ROOM)
        engine = Engine(replace(engine.backbone, max_positions=room), engine.adapter)
    bench = Workbench(engine)
    tokens, spec = request["tokens"], parse_system(request["system"])
    system = open_system(spec, bench, limits=Limits(request["window"]))
    count = Prompter(engine.backbone).count
    warm, sample = (
        replace(next(Needle((n,), (0.5,), 1, _SEED, count).samples()), max_new_tokens=1)
        for n in (_WARM_UP, tokens)
    )
    system.run(Batch(samples=[warm]))
    begun = time.perf_counter()
    if spec.through_adapter:
        bench.memory(engine, sample.document)
    ingested = time.perf_counter() - begun
    begun = time.perf_counter()
    system.run(Batch(samples=[sample]))
    asked = time.perf_counter() - begun
    return {
        "ingest_s": round(ingested, 3) if spec.through_adapter else None,
        "first_token_s": round(asked, 3),
        "peak_mb": round(peak_mb(), 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure_one(json.loads(sys.argv[1]))))
