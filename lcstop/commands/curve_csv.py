"""Reads a curve from CSV. Errors name line and column."""

from __future__ import annotations

import csv
import io
import math

from lcstop.config.error_messages import suggest
from lcstop.curves.curve import Curve

STEP_NAMES = ("step", "epoch", "iteration", "training_iteration", "round")
"""Names of columns that are used as steps by default."""


def read_curve(
    text: str,
    name: str,
    horizon: float,
    metric: str | None,
    step: str | None = None,
    *,
    is_whole: bool = False,
) -> Curve:
    """The curve in a CSV text with a header. Columns are separated by commas, semicolons or tabs.

    An empty field is a step without a report. ``nan`` and ``inf`` are diverged reports.

    Args:
        text: The CSV text.
        name: Name of the text in errors.
        horizon: Horizon of the trial, a step.
        metric: Column of the values; may be None if there is only one beside the steps.
        step: Column of the steps; by default the first one of :data:`STEP_NAMES`, or the row number from 1.
        is_whole: Whether the curve may have reached the horizon.

    Raises:
        ValueError: If a column is missing, a field is not a number, there is no finite value, or the curve
            has reached the horizon.

    Example:
        >>> curve = read_curve("epoch,loss,accuracy\\n0,2.3,0.1\\n1,1.1,0.6\\n", "a.csv", 50, "accuracy")
        >>> curve.steps.tolist(), curve.values.tolist()
        ([1.0, 2.0], [0.1, 0.6])
    """
    header, _, _ = text.lstrip("\ufeff").partition("\n")
    separator = max(",;\t", key=header.count)
    try:
        rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), delimiter=separator, skipinitialspace=True)
        columns = [column.strip() for column in rows.fieldnames or ()]
        rows.fieldnames = columns
        step = _step_column(name, columns, step)
        metric = _metric_column(name, columns, metric, step)
        reports: dict[float, float] = {}
        for i, row in enumerate(rows, start=1):
            value = _number(name, rows.line_num, metric, row[metric])
            if value is None:
                continue
            at = float(i) if step is None else _number(name, rows.line_num, step, row[step])
            if at is None or not 0 <= at < math.inf:
                raise ValueError(
                    f"{name}:{rows.line_num}: {step}: a step must be a number of at least 0, got {at}"
                )
            if at in reports:
                raise ValueError(f"{name}:{rows.line_num}: {step}: step {at:g} appears twice")
            reports[at] = value
    except csv.Error as error:
        raise ValueError(f"{name} is not valid CSV: {error}") from error
    curve = Curve.from_reports(reports, horizon)
    if not len(curve.finite()):
        raise ValueError(f"{name}: the column {metric!r} has no finite value")
    if curve.cutoff >= horizon and not is_whole:
        raise ValueError(f"{name}: no step is left to predict: the curve has reached the horizon {horizon:g}")
    return curve


def _step_column(name: str, columns: list[str], step: str | None) -> str | None:
    if step is not None:
        if step not in columns:
            raise ValueError(f"{name}:1: there is no column {step!r}{suggest(step, columns)}")
        return step
    return next((column for column in columns if column.lower() in STEP_NAMES), None)


def _metric_column(name: str, columns: list[str], metric: str | None, step: str | None) -> str:
    others = [column for column in columns if column != step]
    if metric is None:
        if len(others) != 1:
            listed = ", ".join(others) or "none"
            raise ValueError(f"{name}:1: which column is the metric? name it by --metric; columns: {listed}")
        return others[0]
    if metric not in others:
        raise ValueError(f"{name}:1: there is no column {metric!r}{suggest(metric, others)}")
    return metric


def _number(name: str, line: int, column: str, field: str | None) -> float | None:
    if field is None or not field.strip():
        return None
    try:
        return float(field)
    except ValueError:
        raise ValueError(f"{name}:{line}: {column}: must be a number, got {field!r}") from None
