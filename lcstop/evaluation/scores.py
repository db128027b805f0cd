"""How good a forecast was, once it is known what came."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.evaluation.cases import ForecastTrial, Moment
from lcstop.surrogates import Surrogate
from lcstop.surrogates.base import UnitSurrogate
from lcstop.surrogates.forecast import BarDistribution

NAN = math.nan

_MAX_QUERIES = 100
"""Unseen points of a long curve whose likelihood is taken, evenly spread."""

_MIN_LOG_SLOPE = math.log(np.finfo(np.float64).tiny)
"""Below this the Jacobian of a scale is no float64 any more."""


@dataclass(frozen=True)
class Score:
    """What came, by the forecast of one moment; NaN where it cannot be told.

    Attributes:
        label: Which moment, one of :data:`lcstop.evaluation.cases.LABELS`.
        n_observed: Points observed by then.
        log_prob: Log density of the value at the horizon, in the metric's own units; NaN where the scale's
            Jacobian underflows, whatever the forecast.
        log_prob_unseen: Mean log density of the unseen points, for curves of the prior only.
        log_slope: Log of the scale's Jacobian: ``log_prob - log_slope`` is on the unit interval.
        crps: Continuous ranked probability score at the horizon, on the unit interval; see :func:`crps`.
        error: Absolute error of the median at the horizon, in the metric's own units.
        unit_error: The same on the unit interval, where one trial that explodes does not outweigh all others.
        pit: Probability integral transform: P(Y <= y) at the horizon, in the metric's own units.
        seconds: Of the forecast alone, one curve at a time.
        failed: Why there is no forecast, if there is none.
    """

    label: str
    n_observed: int
    log_prob: float = NAN
    log_prob_unseen: float = NAN
    log_slope: float = NAN
    crps: float = NAN
    error: float = NAN
    unit_error: float = NAN
    pit: float = NAN
    seconds: float = NAN
    failed: str | None = None

    @property
    def log_likelihood(self) -> float:
        """The headline: of all unseen points for curves of the prior, as published, else at the horizon."""
        return self.log_prob if math.isnan(self.log_prob_unseen) else self.log_prob_unseen


def score_trial(surrogate: Surrogate, trial: ForecastTrial) -> list[Score]:
    """Forecast a trial at each of its moments, alone, and score each forecast.

    What is raised inside a forecast is the surrogate's failure, and is counted as such.
    """
    scores = []
    for moment in trial.moments:
        observed = trial.curve.prefix(moment.n_observed)
        try:
            if moment.scale is None:
                scores.append(_score_unit(surrogate, trial.curve, observed, moment))
            else:
                scores.append(_score_scaled(surrogate, trial.curve, observed, moment, moment.scale))
        except Exception as error:  # a failed forecast is a figure of the table, not its end
            scores.append(Score(moment.label, moment.n_observed, failed=repr(error)))
    return scores


def _score_unit(surrogate: Surrogate, whole: Curve, observed: Curve, moment: Moment) -> Score:
    if not isinstance(surrogate, UnitSurrogate):
        raise TypeError(f"{type(surrogate).__name__} has no unit_forecast, which curves of the prior need")
    unseen = np.arange(moment.n_observed, len(whole))
    if len(unseen) > _MAX_QUERIES:
        unseen = unseen[np.linspace(0, len(unseen) - 1, _MAX_QUERIES).round().astype(int)]
    started = time.perf_counter()
    bars = surrogate.unit_forecast([observed], whole.steps[unseen])
    seconds = time.perf_counter() - started
    log_probs = bars.log_prob(whole.values[unseen])[0]
    last, y = BarDistribution(bars.borders, bars.log_mass[0, -1], tails=bars.tails), float(whole.values[-1])
    error = abs(float(last.quantile(0.5)) - y)
    return Score(
        moment.label,
        moment.n_observed,
        log_prob=float(log_probs[-1]),
        log_prob_unseen=float(log_probs.mean()),
        log_slope=0.0,
        crps=crps(last, y),
        error=error,
        unit_error=error,
        pit=float(last.cdf(y)),
        seconds=seconds,
    )


def _score_scaled(
    surrogate: Surrogate, whole: Curve, observed: Curve, moment: Moment, scale: MetricScale
) -> Score:
    started = time.perf_counter()
    forecast = surrogate.forecast([observed], [whole.horizon], scale)
    seconds = time.perf_counter() - started
    y = float(whole.values[-1])
    unit, log_slope = float(scale.to_unit(y)), float(scale.log_slope(y))
    bars = BarDistribution(forecast.bars.borders, forecast.bars.log_mass[0, 0], tails=False)
    told_apart = 0 < unit < 1 and log_slope > _MIN_LOG_SLOPE
    return Score(
        moment.label,
        moment.n_observed,
        log_prob=float(forecast.log_prob(y)[0, 0]) if told_apart else NAN,
        log_slope=log_slope,
        crps=crps(bars, unit),
        error=abs(float(forecast.median()[0, 0]) - y),
        unit_error=abs(float(bars.quantile(0.5)) - unit),
        pit=float(forecast.cdf(y)[0, 0]),
        seconds=seconds,
    )


def crps(bars: BarDistribution, y: float) -> float:
    """Continuous ranked probability score over the unit interval, exact: the integral of (F(x) - [x >= y])^2.

    F is linear within a bin, so the integral over each is one of a parabola. Where a distribution has tails
    beyond [0, 1], this is the threshold-weighted score of Gneiting & Ranjan (2011), which is proper too; it
    equals the score of forecast and value both clipped to [0, 1].

    Args:
        bars: One distribution, with 0 and 1 among its borders.
        y: What came.

    Example:
        >>> bars = BarDistribution(np.array([0.0, 0.5, 1.0]), np.zeros(2), tails=False)  # uniform
        >>> round(crps(bars, 0.5), 6), round(crps(bars, 1.0), 6)  # 1/12, 1/3
        (0.083333, 0.333333)
    """
    inside = bars.borders[(bars.borders >= 0) & (bars.borders <= 1)]
    nodes = np.sort(np.append(inside, np.clip(y, 0.0, 1.0)))
    cdf, reached = bars.cdf(nodes), nodes[:-1] >= y
    a, b = cdf[:-1] - reached, cdf[1:] - reached
    return float(np.diff(nodes) @ (a * a + a * b + b * b) / 3)


def covered(pit: float, level: float) -> bool:
    """Whether a value with this probability integral transform lies in the central interval.

    Example:
        >>> covered(0.03, 0.9), covered(0.95, 0.9)
        (False, True)
    """
    return (1 - level) / 2 <= pit <= (1 + level) / 2 + 1e-12
