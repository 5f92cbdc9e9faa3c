"""Requests a second of make-lqa against an endpoint that answers after half a second.

64 requests in flight can make 128 a second at most. The endpoint, a process of its own on
127.0.0.1, and the pipeline share this machine. Prints one JSON line.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests" / "lqa"
sys.path.insert(0, str(ROOT))

DOCUMENTS, IN_FLIGHT, LATENCY = 400, 64, 0.5


def corpus() -> ModuleType:
    specification = importlib.util.spec_from_file_location("corpus", TESTS / "corpus.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def watch(log: Path, seen: list[tuple[float, int]], stop: threading.Event) -> None:
    """Note how many requests there were, four times a second."""
    while not stop.wait(0.25):
        seen.append((time.monotonic(), log.read_bytes().count(b"\n") if log.exists() else 0))


def rates(seen: list[tuple[float, int]]) -> tuple[float, float]:
    """Requests a second from the first to the last one, and in the middle half of the time."""
    busy = [(t, n) for (t, n), (_, before) in zip(seen[1:], seen, strict=False) if n > before]
    (start, first), (end, last) = busy[1], busy[-1]
    middle = [(t, n) for t, n in busy if start + (end - start) / 4 < t < end - (end - start) / 4]
    steady = (middle[-1][1] - middle[0][1]) / (middle[-1][0] - middle[0][0])
    return (last - first) / (end - start), steady


def main() -> None:
    from lcirc_cli.lqa.run import make_data
    from lcirc_cli.lqa.settings import DocumentSettings, EngineSettings, LqaSettings, PairSettings

    made = corpus()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = made.write_documents(folder / "documents.jsonl.gz", DOCUMENTS)
        model = made.write_tokenizer_folder(folder / "model")
        port, log = folder / "port", folder / "log"
        command = [sys.executable, str(TESTS / "fake_server.py"), "--latency", str(LATENCY)]
        server = subprocess.Popen([*command, "--port-file", str(port), "--log", str(log)])
        try:
            while not port.exists():
                if server.poll() is not None:
                    raise SystemExit("the endpoint did not start")
                time.sleep(0.05)
            settings = LqaSettings(
                out=folder / "out",
                documents=DocumentSettings((str(source),), model=str(model), min_tokens=500),
                pairs=PairSettings(generator="fake"),
                engine=EngineSettings(
                    endpoint=f"http://127.0.0.1:{port.read_text()}/v1", in_flight=IN_FLIGHT
                ),
            )
            seen: list[tuple[float, int]] = []
            stop = threading.Event()
            threading.Thread(target=watch, args=(log, seen, stop), daemon=True).start()
            before = resource.getrusage(resource.RUSAGE_SELF)
            make_data(settings)
            after = resource.getrusage(resource.RUSAGE_SELF)
            stop.set()
        finally:
            server.kill()
            server.wait()
    whole, steady = rates(seen)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "name": "lqa_throughput",
                "requests": seen[-1][1],
                "requests_per_s": round(whole, 1),
                "steady_requests_per_s": round(steady, 1),
                "possible": IN_FLIGHT / LATENCY,
                "cpu_ms_per_request": round(1000 * busy / seen[-1][1], 2),
            }
        )
    )


if __name__ == "__main__":
    main()
