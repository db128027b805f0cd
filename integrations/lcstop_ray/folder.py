"""Folder: a search's results on disk as ``lcstop`` looks back on it; no pickle in it is opened."""

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
from lcstop.pruning.suppressed_stop import SuppressedStop
from lcstop.review.record import RecordedStudy, RecordedTrial, State, longest
from lcstop_ray.history import History
from lcstop_ray.records import (
    AUDIT_FILE,
    CONVERGED_FILE,
    RESULTS_FILE,
    STOPPED_FILE,
    TABLE_FILE,
    points_of,
)
from lcstop_ray.search_state import DIRECTIONS

_STATES: dict[str, State] = {Trial.TERMINATED: "finished", Trial.ERROR: "failed"}

_FAILED_FILES = ("error.txt", "error.pkl")


def read_folder(
    folder: Path,
    metric: str | None = None,
    mode: str | None = None,
    time_attr: str = "training_iteration",
    horizon: float | str | None = None,
) -> RecordedStudy:
    """A search from its results folder, whatever scheduler it ran with.

    What Ray keeps of a trial does not say whether a scheduler stopped it. ``LCPFNScheduler`` notes that
    itself; in a search without such a note, a trial that ended before the horizon is taken for stopped.

    Args:
        folder: Where Ray has put the search, with a folder for each trial in it.
        metric: The result to look at; by default the one that the search was told to optimise.
        mode: ``min`` or ``max``.
        time_attr: The result that counts the steps.
        horizon: Last step that a trial would reach, or the key of its configuration that holds it; by default
            the one that ``LCPFNScheduler`` has noted, or else the longest trial's last step.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If ``mode`` is not given, the metric is not known, or no trial has reported a finite
            value of it.
    """
    if mode not in DIRECTIONS:
        raise ValueError(f"mode must be min or max for a Ray results folder, got {mode}")
    state = _state(folder)
    metric = metric or state.metric
    if metric is None:
        raise ValueError(f"the metric is not on record in {folder}: name it with --metric")
    found = [trial for path in _places(folder) if (trial := _read(path, state, time_attr, metric))]
    found.sort(key=lambda trial: trial.name)  # Ray's names end with the number of the trial
    if not found:
        raise ValueError(f"no trial in {folder} has reported {metric!r} at a {time_attr!r}")
    notes = [note for trial in found for note in (trial.stop, trial.convergence, trial.audit) if note]
    options = next((note["config"] for note in notes if "config" in note), None)
    if horizon is None:
        horizon = (options or {}).get("horizon") or longest(dict(trial.points) for trial in found)
    trials = list[RecordedTrial]()
    for trial in found:
        with contextlib.suppress(ValueError):  # nobody knows how long it was to be
            length = horizon_of(horizon, trial.config)
            trials.append(_recorded(len(trials), trial, length, bool(notes)))
    return RecordedStudy(
        folder.resolve().name, "Ray Tune", metric, time_attr, DIRECTIONS[mode], trials, options
    )


@dataclass(frozen=True)
class _SearchState:
    """What Ray keeps of the whole search: the metric, and every trial by its folder's name."""

    metric: str | None
    trials: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class _TrialFiles:
    """A trial's files."""

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


def _state(folder: Path) -> _SearchState:
    """From the latest ``experiment_state``; without one, what the trials' own files say is all there is."""
    files = sorted(folder.glob("experiment_state-*.json"))
    content = _json(files[-1]) if files else {}
    trials = {}
    for packed in content.get("trial_data", ()):
        trial = _loads(packed[0]) or {}
        trials[str(trial.get("relative_logdir"))] = trial
    return _SearchState(content.get("runner_data", {}).get("_metric"), trials)


def _places(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    for path in sorted(folder.iterdir()):
        if (path / RESULTS_FILE).is_file() or (path / TABLE_FILE).is_file():
            yield path


def _read(path: Path, state: _SearchState, time_attr: str, metric: str) -> _TrialFiles | None:
    results, table = (_text(path / name) for name in (RESULTS_FILE, TABLE_FILE))
    points = points_of(results, table, time_attr, metric)
    if not points:
        return None
    rows = [row for line in results.splitlines() if isinstance(row := _loads(line), dict)]
    last = rows[-1] if rows else {}
    known = state.trials.get(path.name, {})
    params = flatten_dict(_json(path / "params.json"))
    searched = known.get("evaluated_params") or params
    times = [time for row in rows if (time := row.get("timestamp")) is not None]
    first = rows[0].get("time_this_iter_s") or 0.0 if rows else 0.0
    return _TrialFiles(
        str(known.get("trial_id") or last.get("trial_id") or path.name),
        str(known.get("status") or (Trial.TERMINATED if last.get("done") else Trial.RUNNING)),
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


def _recorded(number: int, found: _TrialFiles, horizon: float, noted: bool) -> RecordedTrial:
    history = History(horizon, found.params)
    history.extend(found.points)
    state = _STATES.get(found.status, "running")
    reason = None
    if found.failed and state != "finished":
        state = "failed"
    elif state == "finished" and found.stop.get("step") == history.last_step:
        state, reason = "stopped", str(found.stop.get("reason"))
    elif state == "finished" and not noted and history.curve.cutoff < horizon:
        state = "stopped"
    return RecordedTrial(
        number,
        history.curve,
        state,
        found.start,
        max(found.end, found.start),
        reason,
        name=found.name,
        suppressed_stop=SuppressedStop.from_json(found.audit),
    )


def _json(path: Path) -> dict[str, Any]:
    """A file's mapping; empty if there is none, or it is damaged."""
    content = _loads(_text(path))
    return content if isinstance(content, dict) else {}


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # cut off when the driver died
        return None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
