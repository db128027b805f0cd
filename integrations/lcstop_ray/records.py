"""Files of a trial on disk: what Ray Tune writes, and what ``LCPFNScheduler`` adds.

Ray never saves a scheduler while a search runs. After ``Tuner.restore`` it adds every old trial to a new
scheduler. This module reads what such a trial had reported, and whether the scheduler had stopped it.
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
"""Ray's files of the reports, in the directory of a trial."""

_TENSOR = re.compile(r"tensor\(([^,()]+)(?:,.*)?\)")

STOPPED_FILE = "lcstop_stopped.json"
"""File in the directory of a stopped trial: the step, the reason, and the options.

Ray marks stopped and finished trials alike, as ``done``. It copies the directory to the storage together
with ``result.json``, so either both files are there or neither.
"""

CONVERGED_FILE = "lcstop_converged.json"
"""The same for a trial that the scheduler has ended because it had converged."""

AUDIT_FILE = "lcstop_audit.json"
"""File in the directory of a trial whose stop was suppressed: the step, the reason, the value to beat."""


def read_points(
    trial: Trial, time_attr: str, metric: str, statistic: str, error_log: ErrorLog
) -> list[tuple[float, float]]:
    """Every ``(step, value)`` on record for a trial of an earlier run, in the order of the reports.

    ``result.json`` is preferred to ``progress.csv``. If there is neither, because Ray's loggers are switched
    off, one value from the trial's ``metric_analysis`` is used as the value at the last step.

    Args:
        trial: The trial.
        time_attr: Name of the result that counts the steps.
        metric: Name of the result to read.
        statistic: Which value of ``metric_analysis`` to use: ``min``, ``max`` or ``last``.
        error_log: Takes the errors of files that cannot be read.
    """
    if not trial.relative_logdir:  # a new trial has no directory yet
        return []
    results, table = (_read(trial, name, error_log) for name in (RESULTS_FILE, TABLE_FILE))
    points = parse_points(results, table, time_attr, metric) or _points(
        [_analysis_row(trial, time_attr, metric, statistic)], time_attr, metric
    )
    if trial.status == Trial.TERMINATED:
        # If the driver died, Ray may have stored the trial's state but not the last lines of the files.
        last = _points([flatten_dict(trial.last_result)], time_attr, metric)
        points += [point for point in last if not points or point[0] > points[-1][0]]
    return points


def parse_points(results: str, table: str, time_attr: str, metric: str) -> list[tuple[float, float]]:
    """Every ``(step, value)`` in the text of ``result.json`` or, if it has none, of ``progress.csv``.

    Args:
        results: Text of ``result.json``.
        table: Text of ``progress.csv``.
        time_attr: Name of the result that counts the steps.
        metric: Name of the result to read.
    """
    return _points(_json_rows(results), time_attr, metric) or _points(_csv_rows(table), time_attr, metric)


def restart_step(trial: Trial, time_attr: str) -> float:
    """Step of the checkpoint from which a trial restarts; -inf without one, inf if its step is unknown."""
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
    """Record that the scheduler has ended a trial. If that fails, the cause is logged once.

    Args:
        trial: The trial.
        step: Step of its last result.
        reason: One line for people.
        options: The scheduler's options.
        error_log: Takes the error if the file cannot be written.
        name: :data:`STOPPED_FILE` or :data:`CONVERGED_FILE`.
    """
    _write(trial, name, {"step": step, "reason": reason, "config": options}, error_log)


def write_suppressed_stop(
    trial: Trial, stop: SuppressedStop, options: Mapping[str, Any], error_log: ErrorLog
) -> None:
    """Record the suppressed stop of a trial. If that fails, the cause is logged once."""
    _write(trial, AUDIT_FILE, {**stop.to_json(), "config": options}, error_log)


def read_suppressed_stop(trial: Trial, error_log: ErrorLog) -> SuppressedStop | None:
    """The suppressed stop on record of a trial; None if there is none."""
    if not trial.relative_logdir:
        return None
    try:
        return SuppressedStop.from_json(json.loads(_read(trial, AUDIT_FILE, error_log)))
    except ValueError:  # the file is missing or damaged
        return None


def _write(trial: Trial, name: str, content: Mapping[str, Any], error_log: ErrorLog) -> None:
    if trial.storage is None or not trial.relative_logdir:
        return
    try:
        text = json.dumps(content, indent=2) + "\n"
        Path(trial.storage.trial_driver_staging_path, name).write_text(text, encoding="utf-8")
    except Exception as error:
        error_log.warn_once("the decision on trial %s was not stored", error, trial.trial_id)


def read_stopped(trial: Trial, error_log: ErrorLog) -> float | None:
    """Step at which the scheduler has stopped a trial; None if it has not."""
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
        except (ValueError, AttributeError):  # an incomplete line, if the driver died
            continue


def _csv_rows(text: str) -> Iterator[Mapping[str, Any]]:
    try:
        for row in csv.DictReader(io.StringIO(text)):
            yield {key: _parse_field(text) for key, text in row.items()}
    except csv.Error:  # a field is too long for the reader; the rows before it are kept
        return


def _parse_field(text: Any) -> Any:
    """A field of a CSV file: a number if possible, else the text."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return text


def _analysis_row(trial: Trial, time_attr: str, metric: str, statistic: str) -> Mapping[str, Any]:
    analysis = trial.metric_analysis
    return {
        time_attr: analysis.get(time_attr, {}).get("last"),
        metric: analysis.get(metric, {}).get(statistic),
    }


def _read(trial: Trial, name: str, error_log: ErrorLog) -> str:
    """Text of a file of the trial in the storage; "" if there is none or it cannot be read."""
    storage = trial.storage
    if storage is None:
        return ""
    try:
        with storage.storage_filesystem.open_input_stream(f"{storage.trial_fs_path}/{name}") as stream:
            content: bytes = stream.readall()
    except FileNotFoundError:
        return ""
    except Exception as error:  # remote file systems raise many types of errors
        error_log.warn_once("%s of trial %s was not read", error, name, trial.trial_id)
        return ""
    return content.decode("utf-8", errors="replace")


def _number(value: Any) -> float | None:
    """A recorded value as a float; None if a number was not reported.

    Ray writes numpy's NaN as the text "null", and a scalar of torch as torch prints it.
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
