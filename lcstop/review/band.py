"""Band: what a forecast says about the rest of a curve, at so many steps that it can be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.surrogates import Surrogate

Array = NDArray[np.float64]

MAX_STEPS = 20
"""Steps of a band: forecasts are smooth."""


@dataclass(frozen=True, eq=False)
class Band:
    """A forecast at the steps ``[n]`` after a cutoff: median and 90 % interval, in the metric's units.

    Attributes:
        level: Predicted probability that the trial ends at or below the value that it did end at, None where
            that is not known.
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
    most: int = MAX_STEPS,
) -> Band:
    """The forecast for ``curve`` from its cutoff up to its horizon, within the metric's bounds.

    Args:
        surrogate: What forecasts.
        curve: What is known.
        scale: The scale of the decision that the band explains.
        bounds: Least and greatest possible value of the metric.
        study: The other trials' curves.
        final: The value at which the trial ended, if it did.
        most: Most steps of the band; every step if there are no more.

    Raises:
        ValueError: If the curve has reached its horizon.

    Example:
        >>> from lcstop import load_surrogate
        >>> curve = Curve([1, 2, 3], [0.41, 0.55, 0.61], horizon=20)
        >>> scale = MetricScale("maximize", lower=0.0, upper=1.0)
        >>> band = forecast_band(load_surrogate(), curve, scale)
        >>> len(band.steps), bool((band.low < band.high).all())
        (17, True)
    """
    steps = curve.future_steps(most)
    forecast = surrogate.forecast([curve], steps.tolist(), scale, study)
    lower, upper = bounds
    ends = (-math.inf if lower is None else lower, math.inf if upper is None else upper)
    low, median, high = (np.clip(forecast.quantile(q)[0], *ends) for q in (0.05, 0.5, 0.95))
    level = None if final is None else float(forecast[-1:, -1:].cdf(final)[0, 0])
    return Band(steps, low, median, high, level)
