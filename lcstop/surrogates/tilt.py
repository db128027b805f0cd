"""Tilt: a forecast of one curve, adjusted to what the study says of its end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lcstop.surrogates.forecast import Forecast

Array = NDArray[np.float64]

_SMALLEST = 1e-6
"""Both probabilities keep this distance from 0 and 1: where a forecast has no mass there is none to raise."""


@dataclass(frozen=True)
class Tilt:
    """What makes a forecast beat a value with a given probability, and changes it no further.

    Of all distributions whose mass beyond ``value`` is ``p_better``, the tilted one has the least relative
    entropy to the forecast: its density is the forecast's times one factor on either side of the value
    (Csiszár 1975, I-divergence geometry of probability distributions).

    Attributes:
        value: The value to beat, in the metric's units.
        p_better: Probability that the end beats it, as the study says.
        mass: The same probability by the forecast alone.
        maximize: Whether higher values are better.

    Example:
        >>> from lcstop.curves.scale import MetricScale
        >>> from lcstop.surrogates.forecast import BarDistribution
        >>> bars = BarDistribution(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), np.zeros((1, 1, 4)))
        >>> forecast = Forecast(bars.restrict(0, 1), MetricScale("maximize", lower=0.0, upper=100.0))
        >>> forecast.quantile(0.5).item(), forecast.prob_better(50.0).item()
        (50.0, 0.5)
        >>> Tilt.of(forecast, 50.0, p_better=0.1).quantile(forecast, [[0.5]]).item().__round__(1)
        29.2
    """

    value: float
    p_better: float
    mass: float
    maximize: bool

    @classmethod
    def of(cls, end: Forecast, value: float, p_better: float) -> Tilt:
        """The tilt of a forecast ``[1, 1]`` at the horizon.

        Args:
            end: The forecast.
            value: The value to beat.
            p_better: Probability that the end beats it.
        """
        known = np.clip([p_better, end.prob_better(value).item()], _SMALLEST, 1 - _SMALLEST).tolist()
        return cls(value, p_better=known[0], mass=known[1], maximize=end.scale.direction == "maximize")

    def levels(self, q: ArrayLike) -> Array:
        """Levels at which the forecast has the quantiles ``q`` of the tilted one.

        At an earlier step they are those of a curve that keeps its place in the forecast.

        Args:
            q: Probabilities in [0, 1] that the metric does not exceed a value.
        """
        q = np.asarray(q, np.float64)
        from_worst = q if self.maximize else 1 - q
        below = from_worst * (1 - self.mass) / (1 - self.p_better)
        above = 1 - (1 - from_worst) * self.mass / self.p_better
        levels = np.clip(np.where(self._is_beyond(from_worst), above, below), 0.0, 1.0)
        return levels if self.maximize else 1 - levels

    def quantile(self, end: Forecast, q: ArrayLike) -> Array:
        """Quantiles ``q`` of the tilted forecast at the horizon, in the metric's units.

        Those beyond ``1 - p_better`` are at least as good as the value, all others at most.
        """
        q = np.asarray(q, np.float64)
        found = end.quantile(self.levels(q))
        is_beyond = self._is_beyond(q if self.maximize else 1 - q)
        highest = is_beyond if self.maximize else ~is_beyond
        return np.where(highest, np.maximum(found, self.value), np.minimum(found, self.value))

    def cdf(self, end: Forecast, y: float) -> float:
        """Probability that the tilted forecast ``[1, 1]`` at the horizon does not exceed ``y``."""
        better = end.prob_better(y).item()
        if y > self.value if self.maximize else y < self.value:
            better *= self.p_better / self.mass
        else:
            better = 1 - (1 - better) * (1 - self.p_better) / (1 - self.mass)
        better = min(max(better, 0.0), 1.0)
        return 1 - better if self.maximize else better

    def prob_better(self, p: Array) -> Array:
        """Probability to beat :attr:`value` at a step at which the forecast alone gives ``p``."""
        raised = 1 - (1 - p) * (1 - self.p_better) / (1 - self.mass)
        return np.where(p > self.mass, raised, p * self.p_better / self.mass)

    def _is_beyond(self, from_worst: Array) -> NDArray[np.bool_]:
        beyond: NDArray[np.bool_] = from_worst > 1 - self.p_better
        return beyond
