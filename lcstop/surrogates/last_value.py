"""The last-value surrogate: a random walk from the last value."""

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

_WALK_VARIANCE, _NOISE_VARIANCE = 0.02**2, 0.01**2
"""Prior variances on the unit interval: of one step of the random walk, and of the noise of one report."""

_PRIOR_WEIGHT = 2.0
"""Weight of the prior variances, in number of differences."""

_MIN_VARIANCE = 1e-3**2
"""Smallest predictive variance. Its root is the width of a bar."""


class LastValue(UnitSurrogate):
    """Local-level model: a random walk observed with noise (Harvey 1989, section 2.3).

    The median is the last value, unless the range of the metric cuts off more on one side than on the other.
    The variance grows with the number of steps ahead. It is estimated from the differences of the curve:
    noise makes neighbouring differences negatively correlated, a random walk does not. The predictive
    distribution is a Student distribution with one degree of freedom for each difference.

    Example:
        >>> from lcstop import MetricScale
        >>> curve = Curve([1, 2, 3, 4, 5], [0.51, 0.50, 0.52, 0.51, 0.52], horizon=10)
        >>> forecast = LastValue().forecast([curve], [6, 10], MetricScale("maximize", 0.0, 1.0))
        >>> forecast.median().round(2).tolist()
        [[0.52, 0.52]]
    """

    def unit_forecast(self, curves: Sequence[Curve], at: Array) -> BarDistribution:
        """See :class:`lcstop.surrogates.base.UnitSurrogate`."""
        predictions = [last_value(*prior_time(curve, at)) for curve in curves]
        centre, scale, freedom = (np.stack(parts)[..., None] for parts in zip(*predictions, strict=True))
        return mixture_bars(*student(1.0, centre, scale, freedom))


class Prediction(NamedTuple):
    """Student distributions ``[n_at]``."""

    centre: Array
    scale: Array
    freedom: Array


def last_value(t: Array, y: Array, ahead: Array) -> Prediction:
    """Forecast of a curve ``y [n]``, observed at times ``t [n]``, at the times ``ahead [n_at]``.

    A curve without points has the median 0.5.

    Example:
        >>> t = np.arange(1.0, 11.0)
        >>> last_value(t, 0.5 + 0 * t, np.array([20.0])).scale < last_value(t, t / 20, np.array([20.0])).scale
        array([ True])
    """
    if not len(y):
        return Prediction(
            np.full(len(ahead), 0.5), np.full(len(ahead), 0.5), np.full(len(ahead), _PRIOR_WEIGHT)
        )
    walk, noise = _variances(t, y)
    variance = walk * (ahead - t[-1]) + 2 * noise + _MIN_VARIANCE
    freedom = np.full(len(ahead), _PRIOR_WEIGHT + len(y) - 1)
    return Prediction(np.full(len(ahead), y[-1]), np.sqrt(variance), freedom)


def _variances(t: Array, y: Array) -> tuple[float, float]:
    """Variance of the walk in one unit of time, and of the noise, by the method of moments.

    A difference has variance walk + 2 noise, two neighbouring differences have covariance -noise. Differences
    are clipped at three robust standard deviations, so that one jump has little influence.
    """
    step = np.diff(y) / np.sqrt(np.maximum(np.diff(t), 1.0))
    if len(step):
        limit = 3 * 1.4826 * np.median(np.abs(step))
        step = np.clip(step, -limit, limit) if limit > 0 else step
    total = (_PRIOR_WEIGHT * (_WALK_VARIANCE + 2 * _NOISE_VARIANCE) + step @ step) / (
        _PRIOR_WEIGHT + len(step)
    )
    covariance = (step[1:] @ step[:-1] - _PRIOR_WEIGHT * _NOISE_VARIANCE) / (
        _PRIOR_WEIGHT + max(len(step) - 1, 0)
    )
    noise = float(np.clip(-covariance, 0.0, total / 2))
    return float(total - 2 * noise), noise
