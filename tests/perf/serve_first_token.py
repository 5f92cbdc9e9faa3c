"""First token through `lcirc serve` against `Engine.ask`, both in one process, by processor time.

    python tests/perf/serve_first_token.py MEMORY.lcirc

The default model; each question is asked in both ways in turn, after one that is not counted.
Prints a JSON line.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx2

from lcirc_cli import Engine
from lcirc_cli.memory.contents import MemoryContents
from lcirc_cli.memory.file import load_memory
from lcirc_cli.serve.app import House
from lcirc_cli.serve.opening import hold_memories
from lcirc_cli.serve.running import listen, server_of
from lcirc_cli.serve.settings import ServeSettings

QUESTIONS = ("What is the text about?", "Who wrote it?", "When was it made?", "What is said first?")
TIMES = 2


def main() -> None:
    path = Path(sys.argv[1])
    engine, memory = Engine.load(offline=True), load_memory(path)
    settings = ServeSettings(port=0)
    with tempfile.TemporaryDirectory() as folder, listen(settings) as listening:
        house = House.of(engine, settings, root=Path(folder), options={"max_new_tokens": 8})
        hold_memories(house, [memory])
        port = listening.getsockname()[1]
        server = server_of(house, settings, port=port)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
            name = house.library.all()[0].id
            own(engine, memory, QUESTIONS[0])
            served(client, name, QUESTIONS[0])
            pairs = [
                (own(engine, memory, question), served(client, name, question))
                for question in QUESTIONS * TIMES
            ]
        server.should_exit = True
        thread.join()
    ratios = [there / here for here, there in pairs]
    sums = [sum(column) for column in zip(*pairs, strict=True)]
    found = {"ask_s": sums[0], "serve_s": sums[1], "median_ratio": statistics.median(ratios)}
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


def own(engine: Engine, memory: MemoryContents, question: str) -> float:
    start, times = time.process_time(), list[float]()
    engine.ask(
        memory, question, max_new_tokens=8, on_token=lambda _: times.append(time.process_time())
    )
    return (times or [time.process_time()])[0] - start  # some are refused before any text


def served(client: httpx2.Client, name: str, question: str) -> float:
    start, first = time.process_time(), 0.0
    body = {"memories": [name], "question": question}
    with client.stream("POST", "/api/ask", json=body) as reply:
        for line in reply.iter_lines():
            if not first and ('"piece"' in line or '"answer"' in line):
                first = time.process_time() - start
    return first


if __name__ == "__main__":
    main()
