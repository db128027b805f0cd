"""What the figures show, as numbers, whichever library draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.review.review import Review

Array = NDArray[np.float64]

MIN_FORECASTS = 10
"""Forecasts from which on it is worth asking how often they were right."""

_SPAN = 30.0
"""Ratio of values from which on a metric above 0 is drawn on a logarithmic axis."""

_LEVELS = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True)
class Line:
    """Points to connect."""

    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """An axis of values: where it begins and ends, and whether it is logarithmic."""

    low: float
    high: float
    log: bool


def value_axis(review: Review) -> Axis:
    """An axis on which trials that compete are told apart; what is worse than most values lies outside.

    It ends at the level at which trials begin, or at the worst tenth of all values if that is better.

    Example:
        >>> from lcstop.review.example import example
        >>> axis = value_axis(example())
        >>> axis.low < 0.4 < 0.95 < axis.high, axis.log
        (True, False)
    """
    curves = [curve for trial in review.trials if len(curve := trial.record.curve.finite())]
    values = np.concatenate([curve.values for curve in curves])
    start = np.median([curve.values[0] for curve in curves])
    if review.study.direction == "maximize":
        best, worst = values.max(), max(start, np.quantile(values, 0.1))
    else:
        best, worst = values.min(), min(start, np.quantile(values, 0.9))
    low, high = sorted((float(best), float(worst)))
    if values.min() > 0 and high / low > _SPAN:
        margin = (high / low) ** 0.05
        return Axis(low / margin, high * margin, True)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(low - margin, high + margin, False)


def incumbents(review: Review) -> tuple[Line, Line | None]:
    """The incumbent over the epochs trained: with the stops and, where it is known, without them.

    Example:
        >>> from lcstop.review.example import example
        >>> kept, without = incumbents(example())
        >>> kept.x[-1] < without.x[-1], kept.y[-1] == without.y[-1]
        (True, True)
    """
    trials = sorted(review.trials, key=lambda trial: (trial.record.end, trial.record.number))
    ran = [(t.curve, t.record.state == "finished" and not t.stop) for t in trials]
    kept = _incumbent(review, ran)
    if review.live and not all(trial.record.whole for trial in review.stopped):
        return kept, None
    records = [trial.record for trial in trials]
    return kept, _incumbent(
        review, [(r.whole or r.curve, bool(r.whole) or r.state == "finished") for r in records]
    )


def _incumbent(review: Review, runs: Sequence[tuple[Curve, bool]]) -> Line:
    x, y = list[float](), list[float]()
    epochs, best = 0.0, None
    for curve, counts in runs:
        epochs += curve.cutoff
        value = review.study.value_of(curve, review.config.target) if counts else None
        if value is not None and (best is None or review.study.better(value, best)):
            best = value
            x.append(epochs)
            y.append(value)
    return Line([*x, epochs], [*y, y[-1]]) if y else Line([], [])


def savings(review: Review) -> tuple[Line, Line]:
    """Epochs after so many trials: with the stops, and without them.

    Example:
        >>> from lcstop.review.example import example
        >>> kept, without = savings(example())
        >>> kept.x[-1], kept.y[-1] < without.y[-1]
        (12.0, True)
    """
    kept = np.cumsum([0.0, *(trial.curve.cutoff for trial in review.trials)])
    whole = kept + np.cumsum([0.0, *(trial.saved for trial in review.trials)])
    x = [float(i) for i in range(len(kept))]
    return Line(x, kept.tolist()), Line(x, whole.tolist())


@dataclass(frozen=True)
class Calibration:
    """How often forecasts held.

    Attributes:
        name: Which forecasts.
        n: How many.
        line: Width of the central interval, as a probability, and the share of intervals that held the value
            with which the trial ended.
    """

    name: str
    n: int
    line: Line


def calibration(review: Review) -> list[Calibration]:
    """Forecasts of the early and of the late half of the trials that are known to their end.

    Example:
        >>> from lcstop.review.example import example
        >>> [(part.name, part.n > 0, len(part.line.x)) for part in calibration(example())]
        [('first half of a trial', True, 11), ('second half', True, 11)]
    """
    early, late = list[float](), list[float]()
    for trial in review.trials:
        for shot in trial.snapshots:
            if shot.band is not None and shot.band.level is not None:
                half = shot.decision.cutoff <= trial.record.curve.horizon / 2
                (early if half else late).append(shot.band.level)
    parts = []
    for name, levels in (("first half of a trial", early), ("second half", late)):
        away = 2 * np.abs(np.array(levels) - 0.5)
        held = [float((away <= level).mean()) if levels else math.nan for level in _LEVELS]
        parts.append(Calibration(name, len(levels), Line([0.0, *_LEVELS.tolist(), 1.0], [0.0, *held, 1.0])))
    return parts
