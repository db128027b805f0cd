"""The axes of the figures of hyperparameters, independent of the plotting library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lcstop._utils.number_words import distinct
from lcstop.plots.series import LOG_RATIO, value_axis
from lcstop.review.review import Review

MAX_AXES = 12
"""Maximum number of hyperparameters that are shown."""

_MAX_CATEGORIES = 12
"""Maximum number of values of a hyperparameter with text. One with more has no axis."""


@dataclass(frozen=True)
class ParameterAxis:
    """The axis of a hyperparameter, or of the metric, from 0 to 1.

    Attributes:
        name: Name of the hyperparameter.
        kind: ``linear``, ``log`` or ``category``.
        ticks: Positions in [0, 1] with their words.
        positions: ``[n_trials]``, position of each trial in [0, 1]; None if it has no such value.
    """

    name: str
    kind: Literal["linear", "log", "category"]
    ticks: Sequence[tuple[float, str]]
    positions: Sequence[float | None]


def parameter_axes(review: Review) -> list[ParameterAxis]:
    """The axes of the hyperparameters with at least two values, at most :data:`MAX_AXES`; the metric is last.

    An axis is logarithmic if all its values are positive and their ratio is large. Without a hyperparameter
    there is no axis.

    Example:
        >>> from lcstop.review.example import example
        >>> [(axis.name, axis.kind, axis.ticks[0]) for axis in parameter_axes(example())]
        [('lr', 'linear', (0.0, '0.03')), ('accuracy', 'linear', (0.0, '0.242'))]
    """
    columns: dict[str, dict[int, Any]] = {}
    for row, trial in enumerate(review.trials):
        for name, value in (trial.record.curve.params or {}).items():
            columns.setdefault(str(name), {})[row] = value
    found = [_axis(name, values, len(review.trials)) for name, values in columns.items()]
    axes = [axis for axis in found if axis is not None][:MAX_AXES]
    return [*axes, _metric(review)] if axes else []


def _axis(name: str, values: Mapping[int, Any], n_trials: int) -> ParameterAxis | None:
    """The axis of a hyperparameter, whose values are given by row; None if it cannot be drawn."""
    if all(_is_number(value) for value in values.values()):
        numbers = {row: float(value) for row, value in values.items()}
        low, high = min(numbers.values()), max(numbers.values())
        is_log = low > 0 and high / low > LOG_RATIO
        return _scaled(name, numbers, n_trials, low, high, is_log) if low < high else None
    words = {row: str(value) for row, value in values.items()}
    categories = sorted(set(words.values()))
    if not 2 <= len(categories) <= _MAX_CATEGORIES:
        return None
    place = {category: i / (len(categories) - 1) for i, category in enumerate(categories)}
    positions = [place[words[row]] if row in words else None for row in range(n_trials)]
    return ParameterAxis(name, "category", [(i, word) for word, i in place.items()], positions)


def _metric(review: Review) -> ParameterAxis:
    """The best report of each trial. Values outside the axis of values are at its ends."""
    axis, n_trials = value_axis(review), len(review.trials)
    best = {row: trial.curve.best(review.study.direction) for row, trial in enumerate(review.trials)}
    inside = {row: min(max(value, axis.low), axis.high) for row, value in best.items() if value is not None}
    low, high = min(inside.values()), max(inside.values())
    if low == high:
        low, high = axis.low, axis.high
    return _scaled(review.study.metric, inside, n_trials, low, high, axis.log)


def _scaled(
    name: str, values: Mapping[int, float], n_trials: int, low: float, high: float, is_log: bool
) -> ParameterAxis:
    def unit(value: float) -> float:
        return math.log(value) if is_log else value

    scale = unit(high) - unit(low)
    return ParameterAxis(
        name,
        "log" if is_log else "linear",
        list(zip((0.0, 1.0), distinct([low, high]), strict=True)),
        [(unit(values[row]) - unit(low)) / scale if row in values else None for row in range(n_trials)],
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
