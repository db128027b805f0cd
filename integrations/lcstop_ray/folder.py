"""Reads a search from Ray's results folder, for ``explain`` and ``report``. No pickle is opened."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.utils import flatten_dict

from lcstop.config.pruner import horizon_of
from lcstop.curves.first_step import study_counts_from_0
from lcstop.pruning.suppressed_stop import SuppressedStop
from lcstop.review.record import RecordedStudy, RecordedTrial, State, longest
from lcstop_ray.history import History
from lcstop_ray.records import (
    AUDIT_FILE,
    CONVERGED_FILE,
    RESULTS_FILE,
    STOPPED_FILE,
    TABLE_FILE,
    parse_points,
)
from lcstop_ray.results import DIRECTIONS

_STATES: dict[str, State] = {Trial.TERMINATED: "finished", Trial.ERROR: "failed"}

_FAILED_FILES = ("error.txt", "error.pkl")


def read_folder(
    folder: Path,
    metric: str | None = None,
    mode: str | None = None,
    time_attr: str = "training_iteration",
    horizon: float | str | None = None,
) -> RecordedStudy:
    """Read a search that ran with any scheduler from its results folder.

    Ray does not record whether a scheduler stopped a trial. ``LCPFNScheduler`` writes a file for each trial
    that it stops. If a search has no such file, every trial that ended before the horizon counts as stopped.

    Args:
        folder: Results folder of the search. It holds a folder for each trial.
        metric: Name of the result to read. Default: the metric that the search optimised.
        mode: ``min`` or ``max``. It is required.
        time_attr: Name of the result that counts the steps.
        horizon: Last step of a full trial, or the key of its configuration that holds it. Default: the
            horizon that ``LCPFNScheduler`` has stored; without one, the last step of the longest trial.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If ``mode`` is not given, the metric is unknown, or no trial has reported a finite value
            of it.
    """
    if mode not in DIRECTIONS:
        raise ValueError(f"mode must be min or max for a Ray results folder, got {mode}")
    experiment = _read_experiment(folder)
    metric = metric or experiment.metric
    if metric is None:
        raise ValueError(f"the metric is not on record in {folder}: name it with --metric")
    all_files = [
        files
        for path in _trial_folders(folder)
        if (files := _read_trial(path, experiment, time_attr, metric))
    ]
    all_files.sort(key=lambda files: files.name)  # trial ids end with the number of the trial
    if not all_files:
        raise ValueError(f"no trial in {folder} has reported {metric!r} at a {time_attr!r}")
    records = [
        record for files in all_files for record in (files.stop, files.convergence, files.audit) if record
    ]
    options = next((record["config"] for record in records if "config" in record), None)
    from_0 = study_counts_from_0([step for step, _ in files.points] for files in all_files)
    if horizon is None:
        found = longest((dict(files.points) for files in all_files), from_0=from_0)
        horizon = (options or {}).get("horizon") or found
    trials = list[RecordedTrial]()
    for files in all_files:
        with contextlib.suppress(ValueError):  # the trial's horizon is unknown
            trial_horizon = horizon_of(horizon, files.config)
            trials.append(_recorded(len(trials), files, trial_horizon, from_0, bool(records)))
    return RecordedStudy(
        folder.resolve().name, "Ray Tune", metric, time_attr, DIRECTIONS[mode], trials, options
    )


@dataclass(frozen=True)
class _Experiment:
    """Ray's state of the whole search: the metric, and the state of each trial by the name of its folder."""

    metric: str | None
    trials: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class _TrialFiles:
    """The content of a trial's files.

    Attributes:
        name: The trial's id.
        status: Status in Ray.
        failed: Whether there is a file of an error.
        params: Hyperparameters that were searched.
        config: All of the trial's configuration, flattened.
        points: Reported ``(step, value)`` pairs.
        stop, convergence, audit: Content of the files that ``LCPFNScheduler`` writes; empty without one.
        start, end: Times of the first and the last report, seconds since 1970.
    """

    name: str
    status: str
    failed: bool
    params: Mapping[str, Any]
    config: Mapping[str, Any]
    points: list[tuple[float, float]]
    stop: Mapping[str, Any]
    convergence: Mapping[str, Any]
    audit: Mapping[str, Any]
    start: float
    end: float


def _read_experiment(folder: Path) -> _Experiment:
    """The latest ``experiment_state`` file; empty without one."""
    files = sorted(folder.glob("experiment_state-*.json"))
    content = _json(files[-1]) if files else {}
    trials = {}
    for packed in content.get("trial_data", ()):
        trial = _loads(packed[0]) or {}
        trials[str(trial.get("relative_logdir"))] = trial
    return _Experiment(content.get("runner_data", {}).get("_metric"), trials)


def _trial_folders(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    for path in sorted(folder.iterdir()):
        if (path / RESULTS_FILE).is_file() or (path / TABLE_FILE).is_file():
            yield path


def _read_trial(path: Path, experiment: _Experiment, time_attr: str, metric: str) -> _TrialFiles | None:
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
    return _TrialFiles(
        str(state.get("trial_id") or last.get("trial_id") or path.name),
        str(state.get("status") or (Trial.TERMINATED if last.get("done") else Trial.RUNNING)),
        any((path / name).exists() for name in _FAILED_FILES),
        {name: value for name, value in params.items() if name in searched},
        params,
        points,
        _json(path / STOPPED_FILE),
        _json(path / CONVERGED_FILE),
        _json(path / AUDIT_FILE),
        times[0] - first if times else 0.0,
        times[-1] if times else 0.0,
    )


def _recorded(
    number: int, files: _TrialFiles, horizon: float, from_0: bool, has_records: bool
) -> RecordedTrial:
    """The trial. ``has_records``: whether ``LCPFNScheduler`` has written files in any trial's folder."""
    history = History(horizon, files.params)
    history.from_0 = from_0
    history.extend(files.points)
    state = _STATES.get(files.status, "running")
    reason = None
    if files.failed and state != "finished":
        state = "failed"
    elif state == "finished" and files.stop.get("step") == history.last_step:
        state, reason = "stopped", str(files.stop.get("reason"))
    elif state == "finished" and not has_records and history.curve.cutoff < horizon:
        state = "stopped"
    return RecordedTrial(
        number,
        history.curve,
        state,
        files.start,
        max(files.end, files.start),
        reason,
        name=files.name,
        suppressed_stop=SuppressedStop.from_json(files.audit),
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
