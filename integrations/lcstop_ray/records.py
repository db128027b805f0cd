"""Records: what Ray Tune keeps of a trial on disk, from which a restored search is known again.

Ray never saves a scheduler while a search runs. After ``Tuner.restore`` a scheduler without memory is told
of every old trial, and finds here what the trial had reported and whether the scheduler had stopped it.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.utils import flatten_dict

from lcstop.pruning.error_log import ErrorLog
from lcstop.pruning.suppressed_stop import SuppressedStop

RESULTS_FILE, TABLE_FILE = "result.json", "progress.csv"
"""Files in the directory of a trial that hold what it reported."""

_TENSOR = re.compile(r"tensor\(([^,()]+)(?:,.*)?\)")

STOPPED_FILE = "lcstop_stopped.json"
"""File in the directory of a stopped trial: the step at which it was stopped, the reason, and the options.

In the results a trial that was stopped looks like one that reached its own end: both are ``done``. Ray
copies the directory to the storage together with ``result.json``, so one is never there without the other.
"""

AUDIT_FILE = "lcstop_audit.json"
"""File in the directory of a trial that would have been stopped and went on: when, why, the value to beat."""


CONVERGED_FILE = "lcstop_converged.json"
"""The same for a trial that the scheduler has ended because it had converged."""


def read_points(
    trial: Trial, time_attr: str, metric: str, best_known: str, error_log: ErrorLog
) -> list[tuple[float, float]]:
    """Every ``(step, value)`` on record for a trial of an earlier run, in the order of the reports.

    ``result.json`` is preferred to ``progress.csv``. Where neither is written (Ray's loggers can be switched
    off) one value is known from ``metric_analysis``, the ``min``, ``max`` or ``last`` as ``best_known`` says,
    and is taken for the value at the last step.
    """
    if not trial.relative_logdir:  # a new trial has no directory yet
        return []
    results, table = (_read(trial, name, error_log) for name in (RESULTS_FILE, TABLE_FILE))
    points = points_of(results, table, time_attr, metric) or _points(
        [_best_row(trial, time_attr, metric, best_known)], time_attr, metric
    )
    if trial.status == Trial.TERMINATED:
        # The driver may have died after Ray had stored the trial's state, and before the last lines.
        last = _points([flatten_dict(trial.last_result)], time_attr, metric)
        points += [point for point in last if not points or point[0] > points[-1][0]]
    return points


def points_of(results: str, table: str, time_attr: str, metric: str) -> list[tuple[float, float]]:
    """Every ``(step, value)`` in the text of ``result.json`` or, if it has none, of ``progress.csv``."""
    return _points(_json_rows(results), time_attr, metric) or _points(_csv_rows(table), time_attr, metric)


def restart_step(trial: Trial, time_attr: str) -> float:
    """Step from which a trial that starts again goes on: that of its checkpoint, -inf without one.

    Infinite if the checkpoint does not say, in which case nothing is known to be lost.
    """
    checkpoint = trial.latest_checkpoint_result
    if checkpoint is None:
        return -math.inf
    step = _number(flatten_dict(checkpoint.metrics or {}).get(time_attr))
    return math.inf if step is None else step


def write_ended(
    trial: Trial,
    step: float,
    reason: str,
    options: Mapping[str, Any],
    error_log: ErrorLog,
    name: str = STOPPED_FILE,
) -> None:
    """Put on record that the scheduler has ended a trial; if that fails, it ends all the same."""
    _write(trial, name, {"step": step, "reason": reason, "config": options}, error_log)


def write_suppressed_stop(
    trial: Trial, stop: SuppressedStop, options: Mapping[str, Any], error_log: ErrorLog
) -> None:
    """Put on record that the scheduler would have stopped a trial."""
    _write(trial, AUDIT_FILE, {**stop.to_json(), "config": options}, error_log)


def read_suppressed_stop(trial: Trial, error_log: ErrorLog) -> SuppressedStop | None:
    """What :func:`write_suppressed_stop` has put on record, None if there is nothing."""
    if not trial.relative_logdir:
        return None
    try:
        return SuppressedStop.from_json(json.loads(_read(trial, AUDIT_FILE, error_log)))
    except ValueError:  # no file, or a damaged one
        return None


def _write(trial: Trial, name: str, content: Mapping[str, Any], error_log: ErrorLog) -> None:
    if trial.storage is None or not trial.relative_logdir:
        return
    try:
        text = json.dumps(content, indent=2) + "\n"
        Path(trial.storage.trial_driver_staging_path, name).write_text(text, encoding="utf-8")
    except Exception as error:
        error_log.warn_once("the decision on trial %s is not on record", error, trial.trial_id)


def read_stopped(trial: Trial, error_log: ErrorLog) -> float | None:
    """Step at which the scheduler has stopped a trial, None if it has not."""
    text = _read(trial, STOPPED_FILE, error_log)
    if not text:
        return None
    try:
        return float(json.loads(text)["step"])
    except (ValueError, KeyError, TypeError) as error:
        error_log.warn_once("%s of trial %s is damaged", error, STOPPED_FILE, trial.trial_id)
        return None


def _points(rows: Iterable[Mapping[str, Any]], time_attr: str, metric: str) -> list[tuple[float, float]]:
    pairs = ((_number(row.get(time_attr)), _number(row.get(metric))) for row in rows)
    return [
        (step, value)
        for step, value in pairs
        if step is not None and value is not None and 0 <= step < math.inf
    ]


def _json_rows(text: str) -> Iterator[Mapping[str, Any]]:
    for line in text.splitlines():
        try:
            yield flatten_dict(json.loads(line))
        except (ValueError, AttributeError):  # cut off when the driver died
            continue


def _csv_rows(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        for row in csv.DictReader(io.StringIO(text)):
            yield {key: _parsed(text) for key, text in row.items()}
    except csv.Error:  # a field beyond what the reader takes; the rows before it count
        return


def _parsed(text: Any) -> Any:
    """A field of a CSV file as a number where it is one."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return text


def _best_row(trial: Trial, time_attr: str, metric: str, best_known: str) -> Mapping[str, Any]:
    analysis = trial.metric_analysis
    return {
        time_attr: analysis.get(time_attr, {}).get("last"),
        metric: analysis.get(metric, {}).get(best_known),
    }


def _read(trial: Trial, name: str, error_log: ErrorLog) -> str:
    """A file of the trial in the storage, where Ray finds the trial's state as well; "" without one."""
    storage = trial.storage
    if storage is None:
        return ""
    try:
        with storage.storage_filesystem.open_input_stream(f"{storage.trial_fs_path}/{name}") as stream:
            content: bytes = stream.readall()
    except FileNotFoundError:
        return ""
    except Exception as error:  # a remote file system raises what it likes
        error_log.warn_once("%s of trial %s was not read", error, name, trial.trial_id)
        return ""
    return content.decode("utf-8", errors="replace")


def _number(value: Any) -> float | None:
    """A recorded value as a number, where it was one when it was reported.

    On record numpy's NaN is the text "null", and a scalar of torch is the text that torch prints of it.
    """
    if value == "null":
        return math.nan
    if isinstance(value, str):
        scalar = _TENSOR.fullmatch(value)
        if scalar is None:
            return None
        value = scalar[1]
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
