"""One thread has the engine: in order, limited, stoppable, and documents give way to questions."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from lcirc_cli import Engine
from lcirc_cli.serve.problems import Problem, Stopped
from lcirc_cli.serve.worker import Task, Worker

from ..engine.tiny import QUESTIONS, answer_text, ingest, make_document, make_text


@pytest.fixture
def worker() -> Any:
    made = Worker(limit=3)
    yield made
    made.close()


def note(log: list[Any], name: str) -> Task:
    return Task(lambda task: log.append(name), log.append)


def busy(worker: Worker) -> threading.Event:
    """The worker has something to do until the event is set."""
    begun, go = threading.Event(), threading.Event()

    def work(task: Task) -> None:
        begun.set()
        assert go.wait(20)

    worker.ask(Task(work, print))
    assert begun.wait(20)
    return go


def finished(worker: Worker) -> None:
    done = threading.Event()
    worker.compress(Task(lambda task: done.set(), print))
    assert done.wait(20)


def test_questions_in_order_and_before_documents(worker: Worker) -> None:
    log: list[Any] = []
    go = busy(worker)
    worker.compress(note(log, "document"))
    for name in "abc":
        worker.ask(note(log, name))
    go.set()
    finished(worker)
    assert log == ["a", "b", "c", "document"]


def test_too_many_questions_are_refused(worker: Worker) -> None:
    log: list[Any] = []
    go = busy(worker)
    waiting = [worker.ask(note(log, name)) for name in "abc"]
    with pytest.raises(Problem) as refusal:
        worker.ask(note(log, "d"))
    assert (refusal.value.status, worker.waiting) == (429, 3)
    waiting[1].stop.set()  # whoever has gone makes room
    worker.ask(note(log, "e"))
    go.set()
    finished(worker)
    assert [each for each in log if isinstance(each, str)] == ["a", "c", "e"]
    assert [type(each) for each in log if not isinstance(each, str)] == [Stopped]


def test_what_is_raised_ends_one_task_alone(worker: Worker) -> None:
    log: list[Any] = []

    def fails(task: Task) -> None:
        raise RuntimeError("no")

    worker.ask(Task(fails, log.append))
    worker.ask(note(log, "after"))
    finished(worker)
    assert [str(each) for each in log] == ["no", "after"]


def test_closing_stops_what_runs_and_what_waits() -> None:
    worker, log = Worker(limit=3), list[Any]()
    begun = threading.Event()

    def work(task: Task) -> None:
        begun.set()
        while True:
            task.check()

    worker.ask(Task(work, log.append))
    assert begun.wait(20)
    worker.compress(note(log, "never"))
    worker.close()
    assert [type(each) for each in log] == [Stopped, Stopped]
    with pytest.raises(Problem):
        worker.ask(note(log, "late"))


def test_a_question_between_two_steps_of_a_document_changes_neither(tiny_engine: Engine) -> None:
    """It is asked in the thread that compresses, while the engine's lock is held."""
    memory = ingest(tiny_engine, 1, 2)
    alone = answer_text(tiny_engine, memory, QUESTIONS[1])
    document = make_document(make_text(7), "7.txt")
    plain = tiny_engine.ingest([document])
    said: list[str] = []
    mixed = tiny_engine.ingest(
        [document], progress=lambda _: said.append(answer_text(tiny_engine, memory, QUESTIONS[1]))
    )
    assert len(said) > 3 and set(said) == {alone}
    assert bool((plain.states[:] == mixed.states[:]).all())
    for name, rows in plain.features.items():
        assert bool((rows[:] == mixed.features[name][:]).all())
