"""Files of a trial on disk: what Ray Tune writes, and what ``LCPFNScheduler`` adds.

Ray never saves a scheduler while a search runs. After ``Tuner.restore`` it adds every old trial to a new
scheduler. This module reads what such a trial had reported, and what the scheduler had put on record of it.
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
from lcstop_ray.trial_record import TRIAL_FILE

RESULTS_FILE, TABLE_FILE = "result.json", "progress.csv"
"""Ray's files of the reports, in the directory of a trial."""

_TENSOR = re.compile(r"tensor\(([^,()]+)(?:,.*)?\)")

STOPPED_FILE = "lcstop_stopped.json"
"""File of the first release in the directory of a stopped trial: the step, the reason, and the options."""

CONVERGED_FILE = "lcstop_converged.json"
"""The same for a trial that the scheduler has ended because it had converged."""

AUDIT_FILE = "lcstop_audit.json"
"""File of the first release in the directory of a trial whose stop was suppressed."""


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


def append_record(trial: Trial, text: str, before: str, error_log: ErrorLog) -> bool:
    """Append lines to the record of a trial. If that fails, the cause is logged once.

    Args:
        trial: The trial.
        text: The lines.
        before: What the file starts with if there is none yet.
        error_log: Takes the error if the file cannot be written.

    Returns:
        Whether they were written.
    """
    if trial.storage is None or not trial.relative_logdir:
        return False
    try:
        path = Path(trial.storage.trial_driver_staging_path, TRIAL_FILE)
        text = text if path.exists() else before + text
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except Exception as error:
        error_log.warn_once("what was decided on trial %s was not stored", error, trial.trial_id)
        return False
    return True


def read_local_record(trial: Trial, error_log: ErrorLog) -> str:
    """The text of the record of a trial on this machine, as it is now; "" if there is none."""
    if trial.storage is None or not trial.relative_logdir:
        return ""
    path = Path(trial.storage.trial_driver_staging_path, TRIAL_FILE)
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except OSError as error:
        error_log.warn_once("the record of trial %s was not read", error, trial.trial_id)
        return ""


def read_record(trial: Trial, error_log: ErrorLog) -> str:
    """The text of the record of a trial in the storage; "" if there is none."""
    text = _read(trial, TRIAL_FILE, error_log) if trial.relative_logdir else ""
    return text if not text or text.endswith("\n") else text + "\n"


def read_first_release(trial: Trial, error_log: ErrorLog) -> tuple[float | None, SuppressedStop | None]:
    """The step at which the first release has stopped a trial, and its suppressed stop."""
    if not trial.relative_logdir:
        return None, None
    stopped, audit = (_read(trial, name, error_log) for name in (STOPPED_FILE, AUDIT_FILE))
    try:
        step = float(json.loads(stopped)["step"]) if stopped else None
    except (ValueError, KeyError, TypeError) as error:
        error_log.warn_once("%s of trial %s is damaged", error, STOPPED_FILE, trial.trial_id)
        step = None
    try:
        return step, SuppressedStop.from_json(json.loads(audit))
    except ValueError:  # the file is missing or damaged
        return step, None


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
