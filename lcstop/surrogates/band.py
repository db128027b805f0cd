"""Band: median and interval of a forecast at enough steps to draw them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.surrogates import Surrogate
from lcstop.surrogates.tilt import Tilt

Array = NDArray[np.float64]

MAX_STEPS = 10
"""Maximum number of steps of a band. Forecasts are smooth, so more steps would not show in a figure."""


@dataclass(frozen=True, eq=False)
class Band:
    """A forecast at ``n`` steps after a cutoff: median and 90 % interval, in the metric's units.

    Attributes:
        steps: ``[n]``, increasing.
        low: ``[n]``, 5 % quantile.
        median: ``[n]``.
        high: ``[n]``, 95 % quantile.
        level: Predicted probability of a final value at or below the actual one; None if the actual one is
            unknown.
    """

    steps: Array
    low: Array
    median: Array
    high: Array
    level: float | None = None


def forecast_band(
    surrogate: Surrogate,
    curve: Curve,
    scale: MetricScale,
    bounds: tuple[float | None, float | None] = (None, None),
    study: Sequence[Curve] = (),
    final: float | None = None,
    max_steps: int = MAX_STEPS,
    to_beat: tuple[float, float] | None = None,
) -> Band:
    """The forecast for ``curve`` from its cutoff to its horizon, clipped to the metric's bounds.

    Args:
        surrogate: The surrogate that makes the forecast.
        curve: The reports up to the cutoff.
        scale: The scale of the decision that the band explains.
        bounds: Lowest and highest possible value of the metric; None for no bound.
        study: Curves of the other trials.
        final: Actual final value of the trial; None if it has not ended.
        max_steps: Maximum number of steps of the band. If fewer steps remain, the band has all of them.
        to_beat: The best value so far, and the probability that the study gives the trial to beat it. The
            forecast is tilted to it, see :class:`lcstop.surrogates.tilt.Tilt`.

    Raises:
        ValueError: If the curve has reached its horizon.

    Example:
        >>> from lcstop import load_surrogate
        >>> curve = Curve([1, 2, 3], [0.41, 0.55, 0.61], horizon=20)
        >>> scale = MetricScale("maximize", lower=0.0, upper=1.0)
        >>> band = forecast_band(load_surrogate(), curve, scale)
        >>> len(band.steps), bool((band.low < band.high).all())
        (10, True)
    """
    steps = curve.future_steps(max_steps)
    forecast = surrogate.forecast([curve], steps.tolist(), scale, study)
    lower, upper = bounds
    ends = (-math.inf if lower is None else lower, math.inf if upper is None else upper)
    end = forecast[-1:, -1:]
    tilt = None if to_beat is None else Tilt.of(end, *to_beat)
    levels = np.array([0.05, 0.5, 0.95])
    if tilt is not None:
        levels = tilt.levels(levels)
    low, median, high = (np.clip(forecast.quantile(q)[0], *ends) for q in levels)
    level = None
    if final is not None:
        level = float(end.cdf(final)[0, 0]) if tilt is None else tilt.cdf(end, final)
    return Band(steps, low, median, high, level)
