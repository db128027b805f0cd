"""Makes the forecasts that are missing, in several processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache

from lcstop._utils.process_pool import run_in
from lcstop.evaluation.cases import Task, Trial
from lcstop.evaluation.scores import Score, score_trial
from lcstop.evaluation.specs import load
from lcstop.evaluation.store import Store
from lcstop.surrogates import Surrogate

Results = dict[tuple[str, str, int], list[Score]]
"""Scores by surrogate, task and number of the trial."""


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
        pool: Does the work; see :func:`lcstop._utils.process_pool.workers`.
        report: Told of everything that was in the store or has been finished.
    """
    missing = []
    for item in work:
        if item.key in store:
            report(item)
        else:
            missing.append(item)
    for item, scores in run_in(pool, _score, missing):
        store.add(item.key, item.surrogate, item.task, scores)
        report(item)
    return {(item.surrogate, item.task, item.trial.number): store[item.key] for item in work}


def _score(item: Work) -> list[Score]:
    return score_trial(loaded(item.surrogate), item.trial)


@cache
def loaded(spec: str) -> Surrogate:
    """The surrogate, loaded once in each process."""
    return load(spec)
