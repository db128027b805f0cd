"""The data of the figures, independent of the plotting library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.review.review import Review, ReviewedTrial

Array = NDArray[np.float64]

MIN_FORECASTS = 10
"""Minimum number of forecasts for a calibration curve."""

LOG_RATIO = 30.0
"""Ratio of the ends of an axis above which it is logarithmic, if all values are positive."""

_LEVELS = np.linspace(0.1, 0.9, 9)
"""Probabilities of the central intervals of a calibration curve."""


@dataclass(frozen=True)
class Line:
    """Points of a line, both ``[n]``."""

    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """An axis of values.

    Attributes:
        low: Lower end, in the metric's units.
        high: Upper end, in the metric's units.
        log: Whether it is logarithmic.
    """

    low: float
    high: float
    log: bool


def value_axis(review: Review) -> Axis:
    """An axis that resolves the differences between good trials. The worst values lie outside.

    It goes from the best value to the median first value of the trials, or to the worst decile of all values
    if that is better.

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
    if values.min() > 0 and high / low > LOG_RATIO:
        margin = (high / low) ** 0.05
        return Axis(low / margin, high * margin, True)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return Axis(low - margin, high + margin, False)


def group_of(review: Review, trial: ReviewedTrial) -> str:
    """The group of a trial in the figures: ``best``, ``stopped`` or ``not stopped``.

    Example:
        >>> from lcstop.review.example import example
        >>> group_of(example(), example().trials[1])
        'stopped'
    """
    if trial is review.winner:
        return "best"
    return "stopped" if trial.stop else "not stopped"


def incumbents(review: Review) -> tuple[Line, Line | None]:
    """The incumbent by trained epochs: with the stops, and without them (None if unknown).

    Example:
        >>> from lcstop.review.example import example
        >>> kept, without = incumbents(example())
        >>> kept.x[-1] < without.x[-1], kept.y[-1] == without.y[-1]
        (True, True)
    """
    trials = sorted(review.trials, key=lambda trial: (trial.record.end, trial.record.number))
    ran = [(t.curve, t.epochs, t.record.is_result and not t.stop) for t in trials]
    kept = _incumbent(review, ran)
    if review.live and not all(trial.record.full_curve for trial in review.stopped):
        return kept, None
    records = [trial.record for trial in trials]
    whole = [
        (full, full.cutoff, True)
        if (full := record.full_curve)
        else (record.curve, record.epochs, record.is_result)
        for record in records
    ]
    return kept, _incumbent(review, whole)


def _incumbent(review: Review, runs: Sequence[tuple[Curve, float, bool]]) -> Line:
    """The incumbent after each of ``runs``: its curve, its trained epochs, whether its value counts."""
    x, y = list[float](), list[float]()
    epochs, best = 0.0, None
    for curve, trained, counts in runs:
        epochs += trained
        value = review.study.value_of(curve, review.config.target) if counts else None
        if value is not None and (best is None or review.study.better(value, best)):
            best = value
            x.append(epochs)
            y.append(value)
    return Line([*x, epochs], [*y, y[-1]]) if y else Line([], [])


def savings(review: Review) -> tuple[Line, Line]:
    """Trained epochs by number of trials: with the stops, and without them.

    Example:
        >>> from lcstop.review.example import example
        >>> kept, without = savings(example())
        >>> kept.x[-1], kept.y[-1] < without.y[-1]
        (12.0, True)
    """
    kept = np.cumsum([0.0, *(trial.epochs for trial in review.trials)])
    without = kept + np.cumsum([0.0, *(trial.saved for trial in review.trials)])
    x = [float(i) for i in range(len(kept))]
    return Line(x, kept.tolist()), Line(x, without.tolist())


@dataclass(frozen=True)
class Calibration:
    """A calibration curve.

    Attributes:
        name: Name of the group of forecasts.
        n: Number of forecasts.
        line: Probability of the central interval (x), and the share of intervals that held the final value
            of the trial (y).
    """

    name: str
    n: int
    line: Line


def calibration(review: Review) -> list[Calibration]:
    """Calibration of the forecasts in the first and in the second half of trials with a known final value.

    Example:
        >>> from lcstop.review.example import example
        >>> [(part.name, part.n > 0, len(part.line.x)) for part in calibration(example())]
        [('first half of a trial', True, 11), ('second half', True, 11)]
    """
    early, late = list[float](), list[float]()
    for trial in review.trials:
        for snapshot in trial.snapshots:
            if snapshot.band is not None and snapshot.band.level is not None:
                is_early = snapshot.decision.cutoff <= trial.record.curve.horizon / 2
                (early if is_early else late).append(snapshot.band.level)
    parts = []
    for name, levels in (("first half of a trial", early), ("second half", late)):
        # The narrowest central interval that holds a value at quantile q has probability 2 |q - 0.5|.
        narrowest = 2 * np.abs(np.array(levels) - 0.5)
        held = [float((narrowest <= level).mean()) if levels else math.nan for level in _LEVELS]
        parts.append(Calibration(name, len(levels), Line([0.0, *_LEVELS.tolist(), 1.0], [0.0, *held, 1.0])))
    return parts
