"""Processes of one thread each, for work that takes long."""

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

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_QUEUED = 64
"""Items handed out at a time: enough that no process waits."""


def map_as_completed(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result]]:
    """Apply ``function`` to each item in a pool; each item with its result as it is finished."""
    rest, running = iter(items), dict[Future[Result], Item]()
    while True:
        for item in islice(rest, _QUEUED - len(running)):
            running[pool.submit(function, item)] = item
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


@contextmanager
def worker_processes(jobs: int) -> Iterator[Executor]:
    """Fresh processes of one thread each, started when there is work, which end with this one.

    Raises:
        OSError: If one dies.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # they read it while they start, before any import
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise OSError("a process died; the same command again goes on from what is finished") from error
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ctrl-c reaches every process; only the parent has a say
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None  # this runs in a worker
    wait_for([parent.sentinel])
    os._exit(1)
