"""Reads a search from Ray's results folder, for ``explain`` and ``report``. No pickle is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial

from lcstop.config.horizon import horizon_of
from lcstop.curves.first_step import study_counts_from_0
from lcstop.pruning.suppressed_stop import SuppressedStop
from lcstop.review.recorded_study import RecordedStudy, longest
from lcstop.review.recorded_trial import RecordedTrial, State
from lcstop_ray.earlier_run import fill
from lcstop_ray.history import History
from lcstop_ray.results import DIRECTIONS
from lcstop_ray.trial_files import TrialFiles, read_experiment, read_record, read_trial, trial_folders
from lcstop_ray.trial_record import TrialRecord

_STATES: dict[str, State] = {
    "finished": "finished",
    "converged": "finished",
    "stopped": "stopped",
    "failed": "failed",
}


def read_folder(
    folder: Path,
    metric: str | None = None,
    mode: str | None = None,
    time_attr: str | None = None,
    horizon: float | str | None = None,
) -> RecordedStudy:
    """Read a search that ran with any scheduler from its results folder.

    How a trial has ended is read from the record that ``LCPFNScheduler`` writes. Without one, a trial that
    Ray calls terminated is assumed to have finished; in a search without any record of ``lcstop``, to have
    been stopped if it ended before the horizon. The ``notes`` of the study say so.

    Args:
        folder: Results folder of the search. It holds a folder for each trial.
        metric: Name of the result to read. Default: the recorded one.
        mode: ``min`` or ``max``. Default: the recorded one; it is required without a record.
        time_attr: Name of the result that counts the steps. Default: the recorded one; without a record
            ``training_iteration``.
        horizon: Last step of a full trial, or the key of its configuration that holds it. Default: the
            horizon that ``LCPFNScheduler`` has stored; without one, the last step of the longest trial.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the mode or the metric is unknown, no trial has reported a finite value of it, or
            ``time_attr`` is not the recorded one: options and judgements are in steps of that.
    """
    _check_search(folder)
    experiment = read_experiment(folder)
    records = {path: read_record(path) for path in trial_folders(folder)}
    search = _Search.of(
        folder,
        next(filter(None, records.values()), None),
        metric or experiment.metric,
        metric,
        mode,
        time_attr,
    )
    all_files = [
        files
        for path, record in records.items()
        if (files := read_trial(path, experiment, record, search.time_attr, search.metric))
    ]
    all_files.sort(key=lambda files: (files.started, files.name))
    if not all_files:
        raise ValueError(f"no trial in {folder} has reported {search.metric!r} at a {search.time_attr!r}")
    options = search.options or next(
        (found for files in all_files if (found := files.first_release.options)), None
    )
    has_records = any(files.record or files.first_release for files in all_files)
    from_0 = study_counts_from_0([step for step, _ in files.points] for files in all_files)
    if horizon is None:
        last = longest((dict(files.points) for files in all_files), from_0=from_0)
        horizon = (options or {}).get("horizon") or last
    trials = list[RecordedTrial]()
    for files in all_files:
        with contextlib.suppress(ValueError):  # the trial's horizon is unknown
            trial_horizon = horizon_of(horizon, files.config)
            trials.append(_recorded(len(trials), files, trial_horizon, from_0, has_records, search))
    return RecordedStudy(
        folder.resolve().name,
        "Ray Tune",
        search.metric,
        search.time_attr,
        DIRECTIONS[search.mode],
        trials,
        options,
        notes=_notes(all_files, has_records, search),
    )


def _check_search(folder: Path) -> None:
    """Check that a folder holds the trials of one search.

    Raises:
        ValueError: If it does not. The message names the searches in it.
    """
    if any(trial_folders(folder)):
        return
    searches = [path.name for path in sorted(folder.iterdir()) if path.is_dir() and any(trial_folders(path))]
    if searches:
        shown = ", ".join(searches[:10]) + (", ..." if len(searches) > 10 else "")
        raise ValueError(f"{folder} holds searches, not trials: name one of them ({shown})")
    raise ValueError(f"{folder} holds no trial with results: name the results folder of a search")


@dataclass(frozen=True)
class _Search:
    """What is read, and what the scheduler had judged by.

    Attributes:
        time_attr, metric, mode: What is read.
        options: The options on record; None without a record.
        judged_by: Metric and mode that the scheduler had judged by, if they are others; None otherwise.
    """

    time_attr: str
    metric: str
    mode: str
    options: Mapping[str, Any] | None
    judged_by: str | None

    @classmethod
    def of(
        cls,
        folder: Path,
        record: TrialRecord | None,
        known_metric: str | None,
        metric: str | None,
        mode: str | None,
        time_attr: str | None,
    ) -> _Search:
        if record is None:
            if mode not in DIRECTIONS:
                raise ValueError(
                    f"mode must be min or max, since it is not on record in {folder}, got {mode}: "
                    "name it with --mode"
                )
            if known_metric is None:
                raise ValueError(f"the metric is not on record in {folder}: name it with --metric")
            return cls(time_attr or "training_iteration", known_metric, mode, None, None)
        if time_attr not in (None, record.time_attr):
            raise ValueError(
                f"the search in {folder} counted steps of {record.time_attr!r}, and so do its options and "
                f"judgements: it cannot be read by {time_attr!r}"
            )
        metric, mode = metric or record.metric, mode or record.mode
        if mode not in DIRECTIONS:
            raise ValueError(f"mode must be min or max, got {mode}")
        others = (metric, mode) != (record.metric, record.mode)
        judged_by = f"{record.metric!r}, mode {record.mode!r}" if others else None
        return cls(record.time_attr, metric, mode, record.options, judged_by)


def _recorded(
    number: int, files: TrialFiles, horizon: float, from_0: bool, has_records: bool, search: _Search
) -> RecordedTrial:
    """The trial. ``has_records``: whether ``LCPFNScheduler`` has written files in any trial's folder."""
    history = History(horizon, files.params)
    history.from_0 = from_0
    fill(history, files.points, files.record, SuppressedStop.from_json(files.first_release.audit))
    state, reason = _end(files)
    if files.record is None and state == "finished" and not has_records and history.curve.cutoff < horizon:
        state = "stopped"
    history.state = state
    return RecordedTrial(
        number,
        history.known_curve,
        state,
        files.start,
        max(files.end, files.start),
        reason,
        name=files.name,
        suppressed_stop=None if search.judged_by else history.suppressed_stop,
        judgements=() if search.judged_by else history.judgements,
    )


def _end(files: TrialFiles) -> tuple[State, str | None]:
    """How a trial has ended, and why if the scheduler has stopped it."""
    last_step = files.points[-1][0]
    if files.record is not None:
        end = files.record.state_at(last_step)
        if end is not None:
            return _STATES.get(end, "running"), files.record.reason if end == "stopped" else None
        return ("failed" if files.status == Trial.ERROR else "running"), None
    if files.status == Trial.ERROR or (files.failed and files.status != Trial.TERMINATED):
        return "failed", None
    if files.status != Trial.TERMINATED:
        return "running", None
    stop = files.first_release.stop
    if stop.get("step") == last_step:
        return "stopped", str(stop.get("reason"))
    return "finished", None


def _notes(all_files: Sequence[TrialFiles], has_records: bool, search: _Search) -> list[str]:
    """What whoever reads the study has to know."""
    ended = [files for files in all_files if files.status == Trial.TERMINATED]
    unknown = sum(files.record is None for files in ended)
    cut_off = sum(files.record is not None and _end(files)[0] == "running" for files in ended)
    notes = []
    if unknown:
        by_horizon = "" if has_records else ", or to have been stopped if it ended before the horizon"
        notes.append(
            f"how {unknown} of {len(all_files)} trials have ended is not on record: a trial that Ray calls "
            f"terminated is assumed to have finished{by_horizon}"
        )
    if cut_off:
        notes.append(
            f"{cut_off} of {len(all_files)} trials were cut off before their end, as by a time budget, and "
            "count as running"
        )
    if search.judged_by:
        notes.append(
            f"the search was judged by {search.judged_by}: its options and stops are of that, and its "
            "audited trials are left out"
        )
    return notes
