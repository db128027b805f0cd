"""The files of a results folder: Ray's state of the search, and what is in the folder of each trial."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.utils import flatten_dict

from lcstop_ray.history import Points
from lcstop_ray.records import (
    AUDIT_FILE,
    CONVERGED_FILE,
    RESULTS_FILE,
    STOPPED_FILE,
    TABLE_FILE,
    parse_points,
)
from lcstop_ray.trial_record import TRIAL_FILE, TrialRecord

_FAILED_FILES = ("error.txt", "error.pkl")


@dataclass(frozen=True)
class Experiment:
    """Ray's state of the whole search: the metric, and the state of each trial by the name of its folder."""

    metric: str | None
    trials: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class FirstRelease:
    """Content of the files that the first release wrote for a trial; each is empty without one."""

    stop: Mapping[str, Any]
    convergence: Mapping[str, Any]
    audit: Mapping[str, Any]

    @property
    def options(self) -> Mapping[str, Any] | None:
        """The options of the scheduler; None if they are not recorded."""
        files = (self.stop, self.convergence, self.audit)
        return next((file["config"] for file in files if "config" in file), None)

    def __bool__(self) -> bool:
        return bool(self.stop or self.convergence or self.audit)


@dataclass(frozen=True)
class TrialFiles:
    """The content of a trial's files.

    Attributes:
        name: The trial's id.
        status: Status in Ray.
        failed: Whether there is a file of an error.
        params: Hyperparameters that were searched.
        config: All of the trial's configuration, flattened.
        points: Reported ``(step, value)`` pairs.
        record: The record of ``LCPFNScheduler``; None without one.
        first_release: That of its first release.
        started: Time at which Ray has started it first, in seconds since 1970.
        start, end: Times of the first and the last report, likewise.
    """

    name: str
    status: str
    failed: bool
    params: Mapping[str, Any]
    config: Mapping[str, Any]
    points: Points
    record: TrialRecord | None
    first_release: FirstRelease
    started: float
    start: float
    end: float


def read_experiment(folder: Path) -> Experiment:
    """All ``experiment_state`` files: each run of a search writes one. The newest state of a trial counts."""
    metric, trials = None, dict[str, Mapping[str, Any]]()
    for path in sorted(folder.glob("experiment_state-*.json")):  # the time is in the name
        content = _json(path)
        for packed in content.get("trial_data", ()):
            trial, run = (_loads(part) or {} for part in packed)
            trials[str(trial.get("relative_logdir"))] = {**trial, "start_time": run.get("start_time")}
        metric = content.get("runner_data", {}).get("_metric") or metric
    return Experiment(metric, trials)


def trial_folders(folder: Path) -> Iterator[Path]:
    """The folders of trials that have reported.

    Raises:
        ValueError: If there is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    for path in sorted(folder.iterdir()):
        if (path / RESULTS_FILE).is_file() or (path / TABLE_FILE).is_file():
            yield path


def read_record(path: Path) -> TrialRecord | None:
    """The record in the folder of a trial; None without one."""
    return TrialRecord.parse(_text(path / TRIAL_FILE))


def read_first_release(path: Path) -> FirstRelease:
    """What the first release wrote in the folder of a trial."""
    return FirstRelease(*(_json(path / name) for name in (STOPPED_FILE, CONVERGED_FILE, AUDIT_FILE)))


def read_trial(
    path: Path, experiment: Experiment, record: TrialRecord | None, time_attr: str, metric: str
) -> TrialFiles | None:
    """The files in the folder of a trial; None if it has no result at a step.

    Args:
        path: The folder.
        experiment: The state of the search.
        record: The record of the trial.
        time_attr: Name of the result that counts the steps.
        metric: Name of the result to read.
    """
    results, table = (_text(path / name) for name in (RESULTS_FILE, TABLE_FILE))
    points = parse_points(results, table, time_attr, metric)
    if not points:
        return None
    rows = [row for line in results.splitlines() if isinstance(row := _loads(line), dict)]
    last = rows[-1] if rows else {}
    state = experiment.trials.get(path.name, {})
    params = flatten_dict(_json(path / "params.json"))
    searched = state.get("evaluated_params") or params
    times = [time for row in rows if (time := row.get("timestamp")) is not None]
    first = rows[0].get("time_this_iter_s") or 0.0 if rows else 0.0
    start = times[0] - first if times else 0.0
    return TrialFiles(
        str(state.get("trial_id") or last.get("trial_id") or path.name),
        str(state.get("status") or (Trial.TERMINATED if last.get("done") else Trial.RUNNING)),
        any((path / name).exists() for name in _FAILED_FILES),
        {name: value for name, value in params.items() if name in searched},
        params,
        points,
        record,
        read_first_release(path),
        state.get("start_time") or start,
        start,
        times[-1] if times else 0.0,
    )


def _json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file; empty if the file is missing or damaged."""
    content = _loads(_text(path))
    return content if isinstance(content, dict) else {}


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # cut off when the driver died
        return None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
