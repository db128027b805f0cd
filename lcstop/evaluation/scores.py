"""Scores of forecasts against the actual values."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.evaluation.cases import Cutoff, ForecastTrial
from lcstop.surrogates import Surrogate
from lcstop.surrogates.base import UnitSurrogate
from lcstop.surrogates.forecast import BarDistribution

NAN = math.nan

_MAX_QUERIES = 100
"""Maximum number of unseen points whose likelihood is computed. They are evenly spaced."""

_MIN_LOG_SLOPE = math.log(np.finfo(np.float64).tiny)
"""Log of the smallest normal float64. Below it the Jacobian of a scale underflows."""


@dataclass(frozen=True)
class Score:
    """Scores of the forecast at one cutoff; NaN for scores that cannot be computed.

    Attributes:
        label: Label of the cutoff, one of :data:`lcstop.evaluation.cases.LABELS`.
        n_observed: Number of points up to the cutoff.
        log_prob: Log density of the final value, in the metric's units; NaN if the Jacobian of the scale
            underflows.
        log_prob_unseen: Mean log density of the unseen points; only for curves of the prior.
        log_slope: Log of the Jacobian of the scale. ``log_prob - log_slope`` is on the unit interval.
        crps: Continuous ranked probability score at the horizon, on the unit interval; see :func:`crps`.
        error: Absolute error of the median at the horizon, in the metric's units.
        unit_error: Absolute error of the median at the horizon, on the unit interval. A diverging trial does
            not dominate its mean.
        pit: Probability integral transform P(Y <= y) at the horizon.
        seconds: Seconds for the forecast of this curve alone.
        failed: The error, if the forecast failed.
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
        """Log-likelihood for the tables: ``log_prob_unseen`` for curves of the prior, else ``log_prob``."""
        return self.log_prob if math.isnan(self.log_prob_unseen) else self.log_prob_unseen


def score_trial(surrogate: Surrogate, trial: ForecastTrial) -> list[Score]:
    """Forecast a trial at each of its cutoffs and score each forecast.

    An exception of the surrogate is recorded in :attr:`Score.failed`.
    """
    scores = []
    for cutoff in trial.cutoffs:
        observed = trial.curve.prefix(cutoff.n_observed)
        try:
            if cutoff.scale is None:
                scores.append(_score_unit(surrogate, trial.curve, observed, cutoff))
            else:
                scores.append(_score_scaled(surrogate, trial.curve, observed, cutoff, cutoff.scale))
        except Exception as error:  # the tables count failed forecasts
            scores.append(Score(cutoff.label, cutoff.n_observed, failed=repr(error)))
    return scores


def _score_unit(surrogate: Surrogate, whole: Curve, observed: Curve, cutoff: Cutoff) -> Score:
    if not isinstance(surrogate, UnitSurrogate):
        raise TypeError(f"curves of the prior need unit_forecast, which {type(surrogate).__name__} lacks")
    unseen = np.arange(cutoff.n_observed, len(whole))
    if len(unseen) > _MAX_QUERIES:
        unseen = unseen[np.linspace(0, len(unseen) - 1, _MAX_QUERIES).round().astype(int)]
    started = time.perf_counter()
    bars = surrogate.unit_forecast([observed], whole.steps[unseen])
    seconds = time.perf_counter() - started
    log_probs = bars.log_prob(whole.values[unseen])[0]
    last, y = BarDistribution(bars.borders, bars.log_mass[0, -1], tails=bars.tails), float(whole.values[-1])
    error = abs(float(last.quantile(0.5)) - y)
    return Score(
        cutoff.label,
        cutoff.n_observed,
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
    surrogate: Surrogate, whole: Curve, observed: Curve, cutoff: Cutoff, scale: MetricScale
) -> Score:
    started = time.perf_counter()
    forecast = surrogate.forecast([observed], [whole.horizon], scale)
    seconds = time.perf_counter() - started
    y = float(whole.values[-1])
    unit, log_slope = float(scale.to_unit(y)), float(scale.log_slope(y))
    bars = BarDistribution(forecast.bars.borders, forecast.bars.log_mass[0, 0], tails=False)
    has_density = 0 < unit < 1 and log_slope > _MIN_LOG_SLOPE
    return Score(
        cutoff.label,
        cutoff.n_observed,
        log_prob=float(forecast.log_prob(y)[0, 0]) if has_density else NAN,
        log_slope=log_slope,
        crps=crps(bars, unit),
        error=abs(float(forecast.median()[0, 0]) - y),
        unit_error=abs(float(bars.quantile(0.5)) - unit),
        pit=float(forecast.cdf(y)[0, 0]),
        seconds=seconds,
    )


def crps(bars: BarDistribution, y: float) -> float:
    """Continuous ranked probability score on the unit interval: the exact integral of (F(x) - [x >= y])^2.

    F is linear within a bin, so the integrand is a parabola there. For a distribution with tails beyond
    [0, 1] this is the threshold-weighted score of Gneiting & Ranjan (2011), a proper score. It equals the
    score of the forecast and the value, both clipped to [0, 1].

    Args:
        bars: A single distribution whose borders include 0 and 1.
        y: The actual value.

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
    """Whether a value lies in the central interval of a forecast.

    Args:
        pit: Probability integral transform of the value.
        level: Probability of the interval.

    Example:
        >>> covered(0.03, 0.9), covered(0.95, 0.9)
        (False, True)
    """
    return (1 - level) / 2 <= pit <= (1 + level) / 2 + 1e-12
