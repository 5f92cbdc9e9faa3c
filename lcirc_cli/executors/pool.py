"""Tasks in processes of this machine that die with their parent, and whose death ends the run.

Knows of a task only that `executor._run_for_rank(rank)` runs it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any

from tqdm import tqdm

from lcirc_cli.errors import LcircError, OutOfMemoryError


def run_in_pool(
    executor: Any,
    ranks: Sequence[int],
    *,
    workers: int,
    preload: Sequence[str],
    done: Callable[[int], object] | None = None,
) -> None:
    """Run these tasks of an executor in so many processes; the first that fails ends all.

    Args:
        preload: modules that are imported once, before workers are forked.
        done: called with the number of each task that is done.

    Raises:
        OutOfMemoryError: a worker was killed.
        LcircError: a worker ended in another way without a word.
        Exception: what a task raised.
    """
    # One process imports everything once, and all workers of all stages are forked from it.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    # A worker is given the executor once and then only numbers: with all of it in every task the
    # pipe to the workers fills, and a full one hangs early versions of Python when a worker dies.
    given = (pickle.dumps(executor),)
    others = set(multiprocessing.active_children())
    ours: set[BaseProcess] = set()
    try:
        with ProcessPoolExecutor(workers, context, _become_worker, given) as pool:
            try:
                tasks = {pool.submit(_run_task, rank): rank for rank in ranks}
                ours = set(multiprocessing.active_children()) - others
                for task in as_completed(tasks):
                    task.result()
                    if done is not None:
                        done(tasks[task])
            except BaseException:
                # Failed or interrupted: nobody shall go on asking, and leaving the pool waits.
                for process in ours or set(multiprocessing.active_children()) - others:
                    process.terminate()
                raise
    except BrokenProcessPool as error:  # here the pool has ended all of them
        raise _lost(ours) from error


def _lost(processes: set[BaseProcess]) -> LcircError:
    """The error for a worker that ended without a word."""
    codes = {process.exitcode for process in processes}
    if -signal.SIGKILL in codes:
        return OutOfMemoryError(
            "a worker was killed, most likely because memory ran out; repeat the command, which "
            "goes on where it stopped, with fewer --workers"
        )
    told = ", ".join(sorted(str(code) for code in codes))
    return LcircError(
        f"a worker ended without a word (exit codes {told}); see the logs in the folder work, and "
        "repeat the command, which goes on where it stopped"
    )


_executor = b""  # in a worker: the pickled executor


def _become_worker(executor: bytes) -> None:
    """Leave Ctrl-C to the parent, and end when the parent is gone."""
    global _executor
    _executor = executor
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Its own is a semaphore, of which Python complains on the screen when the worker is killed.
    tqdm.set_lock(threading.RLock())
    parent = multiprocessing.parent_process()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _run_task(rank: int) -> None:
    # Unpickled anew for each: a step may keep what belongs to its task.
    pickle.loads(_executor)._run_for_rank(rank, local_rank=1)


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
