"""What a picture of a study shows, whichever library draws it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lcstop.core import Decision
from lcstop.curve import Curve, Direction
from lcstop.scale import MetricScale
from lcstop.surrogates import Surrogate

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Band:
    """A forecast at the steps ``[n]`` after a cutoff: median and 90 % interval, in the metric's units."""

    steps: Array
    low: Array
    median: Array
    high: Array


@dataclass(frozen=True)
class Stop:
    """Why a trial was stopped: the decision, and the forecast from the cutoff to the horizon.

    A diverged trial was stopped without a forecast, so it has no band.
    """

    decision: Decision
    band: Band | None = None


@dataclass(frozen=True)
class DrawnTrial:
    """One trial of the picture.

    Attributes:
        number: The trial's number in its study.
        curve: What it reported.
        stop: Why it was stopped, None if it was not.
        whole: The curve it has without a stop, where that is known.
    """

    number: int
    curve: Curve
    stop: Stop | None = None
    whole: Curve | None = None


@dataclass(frozen=True)
class StudyPicture:
    """A study to draw.

    The value axis is logarithmic in the distance from ``ideal``, since trials that compete differ by little.

    Attributes:
        title: One line.
        subtitle: One line.
        metric: Name of the metric.
        step: Name of one step, such as ``epoch``.
        direction: ``maximize`` or ``minimize``.
        ideal: The value of a perfect model: 1 for an accuracy, 0 for a loss.
        trials: In the order of their numbers; at least one with a finite value.

    Raises:
        ValueError: If no trial has a finite value.
    """

    title: str
    subtitle: str
    metric: str
    step: str
    direction: Direction
    ideal: float
    trials: Sequence[DrawnTrial]

    def __post_init__(self) -> None:
        if not any(len(trial.curve.finite()) for trial in self.trials):
            raise ValueError("nothing to draw: no trial has a finite value")

    @property
    def horizon(self) -> float:
        """Last step that any trial would reach."""
        return max(trial.curve.horizon for trial in self.trials)

    @property
    def stopped(self) -> list[DrawnTrial]:
        """The trials that were stopped."""
        return [trial for trial in self.trials if trial.stop]

    @property
    def winner(self) -> DrawnTrial | None:
        """The trial with the best value of those that were not stopped; None if all were."""
        found, top = None, None
        for trial in self.trials:
            value = trial.curve.best(self.direction)
            if not trial.stop and value is not None and (top is None or self.beats(value, top)):
                found, top = trial, value
        return found

    def beats(self, value: float, other: float) -> bool:
        """Whether ``value`` is better than ``other``."""
        return value > other if self.direction == "maximize" else value < other

    def wrongly_stopped(self, trial: DrawnTrial) -> bool:
        """Whether a stopped trial's whole curve, where known, beats the incumbent that it was judged by."""
        if not trial.stop or not trial.whole or trial.stop.decision.incumbent is None:
            return False
        value = trial.whole.best(self.direction)
        return value is not None and self.beats(value, trial.stop.decision.incumbent)

    def highlights(self, n: int) -> list[DrawnTrial]:
        """At most ``n`` stopped trials with a band: wrong stops first, then all lengths of curve evenly."""
        candidates = [trial for trial in self.stopped if trial.stop and trial.stop.band]
        chosen = [trial for trial in candidates if self.wrongly_stopped(trial)][:n]
        others = sorted(
            (trial for trial in candidates if not self.wrongly_stopped(trial)),
            key=lambda trial: (trial.curve.cutoff, trial.number),
        )
        n_more = min(n - len(chosen), len(others))
        chosen += [others[round(i)] for i in np.linspace(0, len(others) - 1, n_more)]
        return sorted(chosen, key=lambda trial: trial.number)

    # The value axis

    def place(self, values: ArrayLike) -> Array:
        """Heights of values on the value axis; NaN for diverged points."""
        # What lies past the ideal, as the end of a forecast may, is drawn at it.
        sign = 1.0 if self.direction == "maximize" else -1.0
        distance = sign * (self.ideal - np.asarray(values, np.float64))
        distance = np.where(np.isfinite(distance), np.maximum(distance, self._least_distance()), np.nan)
        return np.log10(distance) * (-1 if self.direction == "maximize" else 1)

    def limits(self) -> tuple[float, float]:
        """Lowest and highest point of the value axis, with a margin."""
        heights = self.place(self._values())
        low, high = float(heights.min()), float(heights.max())
        margin = 0.06 * (high - low) or 0.5
        return low - margin, high + margin

    def ticks(self) -> list[tuple[float, str]]:
        """Round values within the limits, about eight: heights and labels."""
        low, high = self.limits()
        sign = -1 if self.direction == "maximize" else 1
        decades = range(math.floor(min(sign * low, sign * high)), math.ceil(max(sign * low, sign * high)) + 1)
        span = high - low  # in decades
        factors = range(1, 10) if span < 0.7 else (1, 2, 5) if span < 3 else (1,)
        values = [self.ideal + sign * factor * 10.0**decade for decade in decades for factor in factors]
        heights = self.place(values).tolist()
        return [(y, f"{value:.6g}") for y, value in zip(heights, values, strict=True) if low <= y <= high]

    def _values(self) -> Array:
        """Every finite value of every curve."""
        curves = [curve for trial in self.trials for curve in (trial.curve, trial.whole) if curve]
        return np.concatenate([curve.finite().values for curve in curves])

    def _least_distance(self) -> float:
        """Half of the shortest distance from the ideal that any trial reached, for the axis to end at."""
        distance = np.abs(self.ideal - self._values())
        return float(distance[distance > 0].min(initial=1.0)) / 2


def forecast_band(surrogate: Surrogate, curve: Curve, scale: MetricScale) -> Band:
    """The forecast for ``curve`` at every step after its cutoff, up to its horizon.

    Raises:
        ValueError: If the curve has reached its horizon.

    Example:
        >>> from lcstop import load_surrogate
        >>> curve = Curve([1, 2, 3], [0.41, 0.55, 0.61], horizon=50)
        >>> band = forecast_band(load_surrogate(), curve, MetricScale("maximize", lower=0.0, upper=1.0))
        >>> len(band.steps), bool((band.low < band.high).all())
        (47, True)
    """
    steps = np.arange(math.floor(curve.cutoff) + 1, math.ceil(curve.horizon) + 1).clip(max=curve.horizon)
    forecast = surrogate.forecast([curve], steps.tolist(), scale)
    low, median, high = (forecast.quantile(q)[0] for q in (0.05, 0.5, 0.95))
    return Band(steps.astype(np.float64), low, median, high)
