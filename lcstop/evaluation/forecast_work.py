"""The forecasts of an evaluation, made in several processes, and the store of their scores."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lcstop._utils.process_pool import map_as_completed
from lcstop._utils.result_store import ResultStore
from lcstop.evaluation.cases import ForecastTask, ForecastTrial
from lcstop.evaluation.scores import Score, score_trial
from lcstop.evaluation.specs import load
from lcstop.surrogates import Surrogate

ScoresByTrial = dict[tuple[str, str, int], list[Score]]
"""Scores by surrogate, task and number of the trial."""

_FORMAT = 1
"""Version of the scores. Increase it when a score changes its meaning, so that stored ones are not reused."""


@dataclass(frozen=True)
class ForecastWork:
    """The forecasts of one trial by one surrogate.

    Attributes:
        key: Key of the scores in the store.
        surrogate: Name of the surrogate, as for :func:`lcstop.evaluation.specs.load`.
        task: Name of the task.
        trial: The trial to forecast.
    """

    key: str
    surrogate: str
    task: str
    trial: ForecastTrial


def plan(
    tasks: Sequence[ForecastTask], surrogates: Mapping[str, str], limits: Mapping[str, int]
) -> list[ForecastWork]:
    """All work of a run, one surrogate after another.

    Args:
        tasks: The tasks to forecast.
        surrogates: Fingerprint of each surrogate by its name.
        limits: Maximum number of trials per task, by surrogate; surrogates not in it forecast all.
    """
    return [
        ForecastWork(_key(surrogate_hash, trial.digest), surrogate, task.name, trial)
        for surrogate, surrogate_hash in surrogates.items()
        for task in tasks
        for trial in task.trials[: limits.get(surrogate)]
    ]


def evaluate(
    work: Sequence[ForecastWork],
    store: ResultStore[Score],
    pool: Executor,
    report: Callable[[ForecastWork], None],
) -> ScoresByTrial:
    """Do the work that is not in the store. Returns the scores of all work.

    Each trial is forecast alone, so its scores are the same in any process.

    Args:
        work: Work from :func:`plan`.
        store: Stores the scores of each trial at once.
        pool: Runs the work; see :func:`lcstop._utils.process_pool.worker_processes`.
        report: Called with each item that was in the store or has been finished.
    """
    missing = []
    for item in work:
        if item.key in store:
            report(item)
        else:
            missing.append(item)
    for item, scores in map_as_completed(pool, _score, missing):
        store.add(item.key, scores, surrogate=item.surrogate, task=item.task)
        report(item)
    return {(item.surrogate, item.task, item.trial.number): store[item.key] for item in work}


def score_store(path: Path) -> ResultStore[Score]:
    """The store of scores in a file.

    Args:
        path: A ``.jsonl`` file. It is created if it does not exist.

    Raises:
        ValueError: If a line other than the last is damaged.
        OSError: If the file cannot be read or written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "results.jsonl")
        ...     score_store(path).add("a key", [Score("10%", 10, error=0.25)])
        ...     score_store(path)["a key"][0].error
        0.25
    """
    return ResultStore(path, "scores", _to_json, lambda content: Score(**content))


def _to_json(score: Score) -> dict[str, Any]:
    return {name: value for name, value in asdict(score).items() if value is not None}


def _key(fingerprint: str, digest: str) -> str:
    """Key of the scores of a surrogate on a trial."""
    return hashlib.sha256(f"{_FORMAT}\n{fingerprint}\n{digest}".encode()).hexdigest()[:32]


def _score(item: ForecastWork) -> list[Score]:
    return score_trial(loaded(item.surrogate), item.trial)


@cache
def loaded(spec: str) -> Surrogate:
    """The surrogate, loaded once per process."""
    return load(spec)
