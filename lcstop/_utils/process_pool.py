"""A pool of single-threaded processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_QUEUED = 64
"""Maximum number of submitted items. It must exceed the number of processes, so that none is idle."""


def map_as_completed(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result]]:
    """Apply ``function`` to each item in a pool. Yields pairs of item and result in order of completion.

    Args:
        pool: The pool.
        function: Must be picklable if the pool has processes, like the items and the results.
        items: Consumed lazily.
    """
    remaining, running = iter(items), dict[Future[Result], Item]()
    while True:
        for item in islice(remaining, _QUEUED - len(running)):
            running[pool.submit(function, item)] = item
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


@contextmanager
def worker_processes(jobs: int) -> Iterator[Executor]:
    """A pool of spawned single-threaded processes. They start on demand and end with this process.

    Args:
        jobs: Number of processes.

    Raises:
        OSError: If a process dies.
    """
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    # Libraries read these variables on import, so they are set before the processes start.
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise OSError("a process died; run the same command again to resume") from error
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ctrl-c reaches every process; only the parent handles it
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None  # this runs in a worker
    wait_for([parent.sentinel])
    os._exit(1)
