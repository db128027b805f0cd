"""The power-law surrogate: three families of curves by least squares, with parametric uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from lcstop.curves.curve import Curve
from lcstop.surrogates.bars import mixture_bars, student
from lcstop.surrogates.base import UnitSurrogate, prior_time
from lcstop.surrogates.forecast import BarDistribution
from lcstop.surrogates.last_value import last_value

Array = NDArray[np.float64]

_SIGMA, _SIGMA_WEIGHT = math.exp(-4), 1.0
"""Prior standard deviation of the noise on the unit interval, and its weight in number of observations."""

_LEVEL_MEAN = np.array([0.3, 0.7])
_LEVEL_STD = np.array([0.2, 0.3])
"""Mean and standard deviation of the weak prior of two levels of a curve: at t = 1 and in the limit."""

_MAX_ITERATIONS = 4
"""Maximum number of alternating fits of the parameters and of the noise."""

_UNCORRELATED_WEIGHT = 3.0
"""Prior weight of zero autocorrelation, in number of residuals. It matters for short curves."""

_LAST_VALUE_PROBABILITY = 0.2
"""Prior probability that no family is right. The forecast is then that of the last value."""


class Family(NamedTuple):
    """A family of curves ``limit - (limit - start) g(t)`` with ``g(1) = 1``.

    Attributes:
        share: Takes times ``[n]`` and the log rate. Returns ``g`` and its derivative by the log rate, each
            ``[n]``.
        log_rate: Mean and standard deviation of the weak prior of the log rate. None if there is no rate.
    """

    share: Callable[[Array, float], tuple[Array, Array]]
    log_rate: tuple[float, float] | None


def _pow3(t: Array, log_rate: float) -> tuple[Array, Array]:
    power = math.exp(log_rate) * np.log(t)
    share = np.exp(-power)
    return share, -power * share


def _exp3(t: Array, log_rate: float) -> tuple[Array, Array]:
    power = math.exp(log_rate) * (t - 1)
    share = np.exp(-power)
    return share, -power * share


def _ilog2(t: Array, log_rate: float) -> tuple[Array, Array]:
    return math.log(2) / np.log(t + 1), np.zeros(len(t))


FAMILIES = {
    "pow3": Family(_pow3, (0.0, 1.0)),
    "exp3": Family(_exp3, (-2.5, 1.5)),
    "ilog2": Family(_ilog2, None),
}


class PowerLaw(UnitSurrogate):
    """Least-squares fits of pow3, exp3 and ilog2, weighted by their marginal likelihood.

    pow3 is ``c - a t^-alpha``, exp3 ``c - a exp(-b t)``, ilog2 ``c - a / log(t + 1)`` (Domhan et al. 2015,
    table 1; Viering & Loog, arXiv 2103.10948, table 1). Parameters are posterior modes under a weak prior, so
    that one point is enough for a fit. The delta method propagates their uncertainty to the forecast. The
    noise is fitted too, which makes the forecast of a family a Student distribution. The marginal likelihood
    is Laplace's approximation, of which the BIC is the leading term (Bishop 2006, section 4.4). A random walk
    from the last value has a fixed weight, in case no family is right.

    Example:
        >>> from lcstop import MetricScale
        >>> curve = Curve(range(1, 21), [0.8 - 0.5 / step for step in range(1, 21)], horizon=100)
        >>> forecast = PowerLaw().forecast([curve], [100], MetricScale("maximize", 0.0, 1.0))
        >>> forecast.median().round(2).tolist()  # 0.8 - 0.5 / 100 = 0.795
        [[0.79]]
    """

    def unit_forecast(self, curves: Sequence[Curve], at: Array) -> BarDistribution:
        """See :class:`lcstop.surrogates.base.UnitSurrogate`."""
        parts = [np.stack(_mixture(*prior_time(curve, at))) for curve in curves]
        weights, centres, scales, freedom = np.stack(parts, 1)  # each [n_curves, n_at, n_families + 1]
        return mixture_bars(*student(weights, centres, scales, freedom))


class Fit(NamedTuple):
    """One family fitted to one curve.

    Attributes:
        parameters: ``[k]``: level at t = 1, limit, and the log rate if the family has one.
        covariance: ``[k, k]``, of the parameters.
        sigma: Standard deviation of the noise.
        freedom: Degrees of freedom of ``sigma``.
        log_evidence: Log marginal likelihood of the curve, up to a constant that all families share.
    """

    parameters: Array
    covariance: Array
    sigma: float
    freedom: float
    log_evidence: float


def fit(family: Family, t: Array, y: Array) -> Fit:
    """Fit ``family`` to values ``y [n]`` at times ``t [n]``, by alternating fits of parameters and noise.

    Example:
        >>> t = np.arange(1.0, 51.0)
        >>> fitted = fit(FAMILIES["pow3"], t, 0.8 - 0.5 * t**-0.7)
        >>> fitted.parameters.round(2).tolist()  # 0.8 - 0.5, 0.8, log 0.7
        [0.3, 0.8, -0.36]
    """
    mean, std = _LEVEL_MEAN, _LEVEL_STD
    if family.log_rate is not None:
        mean, std = np.append(mean, family.log_rate[0]), np.append(std, family.log_rate[1])

    def residuals(parameters: Array, sigma: float) -> Array:
        curve, _ = _curve(family, parameters, t)
        return np.concatenate([(curve - y) / sigma, (parameters - mean) / std])

    def jacobian(parameters: Array, sigma: float) -> Array:
        return np.concatenate([_curve(family, parameters, t)[1] / sigma, np.diag(1 / std)])

    def squares(parameters: Array) -> float:
        return float(((_curve(family, parameters, t)[0] - y) ** 2).sum())

    weight, expected = _SIGMA_WEIGHT + len(y), _SIGMA_WEIGHT * _SIGMA**2
    parameters = _first_guess(family, mean, std, t, y)
    variance = (expected + squares(parameters)) / weight
    for _ in range(_MAX_ITERATIONS):
        result = least_squares(residuals, parameters, jacobian, method="lm", args=(math.sqrt(variance),))
        parameters, before = result.x, variance
        variance = (expected + squares(parameters)) / weight
        if abs(variance - before) < 0.02 * before:
            break
    information = jacobian(parameters, math.sqrt(variance))
    covariance = np.linalg.inv(information.T @ information).astype(np.float64)
    log_evidence = (
        -0.5 * weight * math.log(expected + squares(parameters))
        - 0.5 * float((((parameters - mean) / std) ** 2).sum())
        + 0.5 * float(np.linalg.slogdet(covariance / np.outer(std, std))[1])
    )
    # Effective number of parameters that the points determine, rather than the prior.
    n_effective = float((1 - np.diag(covariance) / std**2).sum())
    freedom = max(weight - n_effective, _SIGMA_WEIGHT)
    variance *= weight / freedom
    covariance *= weight / freedom * _autocorrelation_factor(_curve(family, parameters, t)[0] - y, variance)
    return Fit(parameters, covariance, math.sqrt(variance), freedom, log_evidence)


def _autocorrelation_factor(residuals: Array, variance: float) -> float:
    """Number of points that carry the information of one independent point: ``(1 + rho) / (1 - rho)``.

    ``rho`` is the lag-1 autocorrelation of the residuals, from 0 to 0.95. A curve that is not exactly of the
    family leaves correlated residuals, and without this factor the fit would be over-confident.
    """
    lag_product = float(residuals[1:] @ residuals[:-1])
    rho = lag_product / float(residuals @ residuals + _UNCORRELATED_WEIGHT * variance)
    rho = min(max(rho, 0.0), 0.95)
    return (1 + rho) / (1 - rho)


def _mixture(t: Array, y: Array, ahead: Array) -> tuple[Array, Array, Array, Array]:
    """Weights, centres, scales and degrees of freedom, each ``[n_ahead, 1 + n_families]``."""
    walk = last_value(t, y, ahead)
    centres, scales, freedom = [walk.centre], [walk.scale], [walk.freedom]
    fits = [fit(family, t, y) for family in FAMILIES.values()]
    for family, fitted in zip(FAMILIES.values(), fits, strict=True):
        curve, slope = _curve(family, fitted.parameters, ahead)
        centres.append(curve)
        scales.append(np.sqrt(fitted.sigma**2 + np.einsum("ij,jk,ik->i", slope, fitted.covariance, slope)))
        freedom.append(np.full(len(ahead), fitted.freedom))
    evidence = np.array([fitted.log_evidence for fitted in fits])
    weights = np.exp(evidence - evidence.max())
    weights = np.append(_LAST_VALUE_PROBABILITY, (1 - _LAST_VALUE_PROBABILITY) * weights / weights.sum())
    return (
        np.broadcast_to(weights, (len(ahead), len(weights))),
        np.stack(centres, -1),
        np.stack(scales, -1),
        np.stack(freedom, -1),
    )


def _curve(family: Family, parameters: Array, t: Array) -> tuple[Array, Array]:
    """The curve at times ``t [n]``, and its derivatives by the parameters, ``[n, k]``."""
    start, limit = parameters[:2]
    log_rate = float(np.clip(parameters[2], -20.0, 20.0)) if len(parameters) > 2 else 0.0
    share, slope = family.share(t, log_rate)
    derivatives = [share, 1 - share, (start - limit) * slope]
    return limit + (start - limit) * share, np.stack(derivatives[: len(parameters)], -1)


def _first_guess(family: Family, mean: Array, std: Array, t: Array, y: Array) -> Array:
    """Starting parameters ``[k]`` of the fit: the best of 11 rates, each with its optimal levels.

    The curve is linear in the levels, so that they follow from linear least squares.
    """
    best, min_error = mean, math.inf
    for rate in mean[2:] + std[2:] * np.linspace(-2.5, 2.5, 11)[:, None] if len(mean) > 2 else [mean[2:]]:
        share, _ = family.share(t, float(rate[0]) if len(rate) else 0.0)
        design = np.concatenate([np.stack([share, 1 - share], -1) / _SIGMA, np.diag(1 / std[:2])])
        target = np.concatenate([y / _SIGMA, mean[:2] / std[:2]])
        levels, _, _, _ = np.linalg.lstsq(design, target, rcond=None)
        error = float(((design @ levels - target) ** 2).sum() + (((rate - mean[2:]) / std[2:]) ** 2).sum())
        if error < min_error:
            best, min_error = np.concatenate([levels, rate]), error
    return best
