"""The last-value surrogate: curves stay where they are, give or take a random walk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.surrogates.bars import mixture_bars, student
from lcstop.surrogates.base import UnitSurrogate, prior_time
from lcstop.surrogates.forecast import BarDistribution

Array = NDArray[np.float64]

_WALK, _NOISE = 0.02**2, 0.01**2
"""Variances expected of a curve of which nothing is known: of one step of its walk, of its noise."""

_WEIGHT = 2.0
"""Differences that this expectation counts for."""

_LEAST = 1e-3**2
"""Variance that is left to a curve that has never moved: the width of a bar."""


class LastValue(UnitSurrogate):
    """Local-level model: a random walk observed with noise (Harvey 1989, section 2.3), seen from its end.

    The median is the last value, until the range of the metric cuts off more on one side than on the other.
    The variance grows with the steps ahead by what the curve's differences show: those of the walk add up,
    those of the noise cancel in the next difference, which tells one from the other. Tails are a Student
    distribution's, with one degree of freedom for each difference.

    Example:
        >>> from lcstop import MetricScale
        >>> curve = Curve([1, 2, 3, 4, 5], [0.51, 0.50, 0.52, 0.51, 0.52], horizon=10)
        >>> forecast = LastValue().forecast([curve], [6, 10], MetricScale("maximize", 0.0, 1.0))
        >>> forecast.median().round(2).tolist()
        [[0.52, 0.52]]
    """

    def unit_forecast(self, curves: Sequence[Curve], at: Array) -> BarDistribution:
        """See :class:`lcstop.surrogates.base.UnitSurrogate`."""
        found = [last_value(*prior_time(curve, at)) for curve in curves]
        centre, scale, freedom = (np.stack(parts)[..., None] for parts in zip(*found, strict=True))
        return mixture_bars(*student(1.0, centre, scale, freedom))


class Prediction(NamedTuple):
    """Student distributions ``[n_at]``."""

    centre: Array
    scale: Array
    freedom: Array


def last_value(t: Array, y: Array, ahead: Array) -> Prediction:
    """The last value at the times ``ahead`` of a curve ``y [n]`` observed at ``t [n]``.

    Example:
        >>> t = np.arange(1.0, 11.0)
        >>> last_value(t, 0.5 + 0 * t, np.array([20.0])).scale < last_value(t, t / 20, np.array([20.0])).scale
        array([ True])
    """
    if not len(y):
        return Prediction(np.full(len(ahead), 0.5), np.full(len(ahead), 0.5), np.full(len(ahead), _WEIGHT))
    walk, noise = _variances(t, y)
    variance = walk * (ahead - t[-1]) + 2 * noise + _LEAST
    freedom = np.full(len(ahead), _WEIGHT + len(y) - 1)
    return Prediction(np.full(len(ahead), y[-1]), np.sqrt(variance), freedom)


def _variances(t: Array, y: Array) -> tuple[float, float]:
    """Of the walk in one unit of time and of the noise, from moments of the differences.

    A difference has variance walk + 2 noise, two neighbours covariance -noise. Each is cut at three
    robust standard deviations, so that one jump is not taken for the rule.
    """
    step = np.diff(y) / np.sqrt(np.maximum(np.diff(t), 1.0))
    if len(step):
        cut = 3 * 1.4826 * np.median(np.abs(step))
        step = np.clip(step, -cut, cut) if cut > 0 else step
    total = (_WEIGHT * (_WALK + 2 * _NOISE) + step @ step) / (_WEIGHT + len(step))
    together = (step[1:] @ step[:-1] - _WEIGHT * _NOISE) / (_WEIGHT + max(len(step) - 1, 0))
    noise = float(np.clip(-together, 0.0, total / 2))
    return float(total - 2 * noise), noise
