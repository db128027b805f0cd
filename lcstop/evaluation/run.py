"""Makes the forecasts that are missing, in several processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for

from lcstop.evaluation.cases import Task, Trial
from lcstop.evaluation.scores import Score, score_trial
from lcstop.evaluation.specs import load
from lcstop.evaluation.store import Store
from lcstop.surrogates import Surrogate

Results = dict[tuple[str, str, int], list[Score]]
"""Scores by surrogate, task and number of the trial."""

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_QUEUED = 64
"""Trials handed out at a time: enough that no process waits."""


@dataclass(frozen=True)
class Work:
    """One surrogate on one trial, and where the scores are kept."""

    key: str
    surrogate: str
    task: str
    trial: Trial


def plan(tasks: Sequence[Task], surrogates: Mapping[str, str], limits: Mapping[str, int]) -> list[Work]:
    """All work of a run, one surrogate after another.

    Args:
        tasks: What is forecast.
        surrogates: Fingerprint of each by its name on the command line.
        limits: For slow ones, how many trials of each task they forecast.
    """
    return [
        Work(Store.key(print_, trial.digest), surrogate, task.name, trial)
        for surrogate, print_ in surrogates.items()
        for task in tasks
        for trial in task.trials[: limits.get(surrogate)]
    ]


def evaluate(work: Sequence[Work], store: Store, pool: Executor, report: Callable[[Work], None]) -> Results:
    """Do what of ``work`` is not in ``store`` yet, and return the scores of all of it.

    Scores do not depend on who works: each trial is forecast alone.

    Args:
        work: From :func:`plan`.
        store: Keeps the scores of each trial as soon as it is finished.
        pool: Does the work; see :func:`workers`.
        report: Told of everything that was in the store or has been finished.
    """
    missing = []
    for item in work:
        if item.key in store:
            report(item)
        else:
            missing.append(item)
    for item, scores in _finished(missing, pool):
        store.add(item.key, item.surrogate, item.task, scores)
        report(item)
    return {(item.surrogate, item.task, item.trial.number): store[item.key] for item in work}


def _finished(work: Sequence[Work], pool: Executor) -> Iterator[tuple[Work, list[Score]]]:
    rest, running = iter(work), dict[Future[list[Score]], Work]()
    while True:
        for item in islice(rest, _QUEUED - len(running)):
            running[pool.submit(_score, item.surrogate, item.trial)] = item
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), future.result()


def _score(spec: str, trial: Trial) -> list[Score]:
    return score_trial(loaded(spec), trial)


@cache
def loaded(spec: str) -> Surrogate:
    """The surrogate, loaded once in each process."""
    return load(spec)


@contextmanager
def workers(jobs: int) -> Iterator[Executor]:
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
