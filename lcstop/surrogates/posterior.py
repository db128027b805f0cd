"""The LC-PFN prior as a density over 13 parameters, and the posterior of one curve under it.

The prior is that of :mod:`lcstop.priors.lcpfn`. That module draws training curves with torch. This one
computes densities in numpy, for a Markov chain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Array = NDArray[np.float64]

GRID: Array = np.arange(1.0, 101.0)
"""Times at which the rejection rule checks a curve. They do not depend on the observed times."""

NAMES = (
    "pow3_weight", "pow3_c", "pow3_a", "pow3_log_alpha",
    "janoschek_weight", "janoschek_a", "janoschek_b", "janoschek_log_k", "janoschek_log_d",
    "ilog2_weight", "ilog2_c", "ilog2_a", "log_sigma",
)  # fmt: skip
"""The parameters in order. Parameters with a log-normal prior are stored as logarithms."""

N_PARAMETERS = len(NAMES)

_UNIFORM = {
    "pow3_weight": (0.0, 1.0),
    "pow3_c": (0.0, 1.25),
    "pow3_a": (-0.6, 0.6),
    "janoschek_weight": (0.0, 1.0),
    "janoschek_a": (0.0, 1.0),
    "janoschek_b": (0.0, 2.0),
    "ilog2_weight": (0.0, 1.0),
    "ilog2_c": (0.0, 1.0),
    "ilog2_a": (-0.5, 0.5),
}
_NORMAL = {
    "pow3_log_alpha": (0.0, 2.0),
    "janoschek_log_k": (-2.0, 1.0),
    "janoschek_log_d": (0.0, 0.5),
    "log_sigma": (-4.0, 1.0),
}

_UNIFORM_INDEX = [NAMES.index(name) for name in _UNIFORM]
_LOW, _HIGH = np.array(list(_UNIFORM.values())).T
_NORMAL_INDEX = [NAMES.index(name) for name in _NORMAL]
_MEAN, _STD = np.array(list(_NORMAL.values())).T
_SIGMA_INDEX = NAMES.index("log_sigma")

_COEFFICIENT_INDEX = [1, 2, 5, 6, 10, 11]
_WEIGHT_INDEX = [0, 0, 4, 4, 9, 9]
"""Indices of the coefficients, and of the family weight that multiplies each of them in the sum."""

_COARSE: Array = GRID[[0, 1, 2, 4, 9, 24, 49, 99]]
"""Times of a first check. It rejects most proposals, so that few are evaluated on the whole grid."""

_LOG_SIGMAS: Array = np.linspace(-9.0, 1.0, 81)
"""Grid of the log noise: five standard deviations of its prior on either side, in steps of an eighth."""


def evaluate(parameters: Array, t: Array) -> Array:
    """Noiseless curves ``[n, len(t)]`` of ``parameters [n, 13]``. Formulas: arXiv 2310.20447, section 3.2."""
    p = parameters.T[:, :, None]
    log_t = np.log(t)
    # A chain may propose a power that overflows. The result is 0 or rejected.
    with np.errstate(over="ignore", invalid="ignore"):
        decay = np.exp(-np.exp(p[3]) * log_t)
        growth = np.exp(-np.exp(p[7] + np.exp(p[8]) * log_t))
        curves: Array = p[0] * (p[1] - p[2] * decay)
        curves += p[4] * (p[5] - (p[5] - p[6]) * growth)
        curves += p[9] * (p[10] - p[11] / np.log(t + 1))
    return curves


def allowed(curves: Array) -> NDArray[np.bool_]:
    """Whether noiseless curves ``[n, n_times]`` pass the rejection rule, ``[n]``.

    The first and the last time must be 1 and 100.
    """
    inside: NDArray[np.bool_] = (curves.min(-1) >= 0) & (curves.max(-1) <= 1) & (curves[:, 0] < curves[:, -1])
    return inside


def weighted(parameters: Array) -> Array:
    """Coordinates of the chains, ``[n, 13]``: each coefficient is multiplied by the weight of its family.

    A curve is linear in these products. Affine moves can therefore change the parameters along directions
    that leave the curve unchanged.

    Example:
        >>> draws = draw_prior(10, np.random.default_rng(0))
        >>> bool(np.allclose(unweighted(weighted(draws)), draws))
        True
    """
    result = parameters.copy()
    result[:, _COEFFICIENT_INDEX] *= parameters[:, _WEIGHT_INDEX]
    return result


def unweighted(coordinates: Array) -> Array:
    """Inverse of :func:`weighted`. Not finite where a weight is 0."""
    result = coordinates.copy()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        result[:, _COEFFICIENT_INDEX] /= coordinates[:, _WEIGHT_INDEX]
    return result


def draw_prior(n: int, rng: np.random.Generator) -> Array:
    """Draw at least ``n`` parameter vectors of the prior, ``[>= n, 13]``, after rejection.

    Example:
        >>> draws = draw_prior(10, np.random.default_rng(0))
        >>> bool(allowed(evaluate(draws, GRID)).all())
        True
    """
    kept: list[Array] = []
    while sum(map(len, kept)) < n:
        proposals = np.empty((8192, N_PARAMETERS))
        proposals[:, _UNIFORM_INDEX] = rng.uniform(_LOW, _HIGH, (len(proposals), len(_UNIFORM_INDEX)))
        proposals[:, _NORMAL_INDEX] = rng.normal(_MEAN, _STD, (len(proposals), len(_NORMAL_INDEX)))
        for t in (_COARSE, GRID):
            proposals = proposals[allowed(evaluate(proposals, t))]
        kept.append(proposals)
    return np.concatenate(kept)


def draw_curves(n: int, rng: np.random.Generator, t: Array = GRID) -> Array:
    """Draw noisy curves ``[n, len(t)]`` of the prior at the times ``t``.

    Example:
        >>> draw_curves(3, np.random.default_rng(0)).shape
        (3, 100)
    """
    parameters = draw_prior(n, rng)[:n]
    noise: Array = np.exp(parameters[:, _SIGMA_INDEX, None]) * rng.normal(size=(n, len(t)))
    return evaluate(parameters, t) + noise


class Posterior:
    """Posterior of the parameters given one observed curve.

    Args:
        t: ``[n]`` observed times in [1, 100], increasing.
        y: ``[n]`` noisy values, higher is better.

    Example:
        >>> posterior = Posterior(np.array([1.0, 2.0]), np.array([0.4, 0.5]))
        >>> start = posterior.start(draw_prior(1000, np.random.default_rng(0)), 30, np.random.default_rng(1))
        >>> start.shape, bool(np.isfinite(posterior.log_prob(start)).all())
        ((30, 13), True)
    """

    def __init__(self, t: Array, y: Array) -> None:
        self._t, self._y = t, y
        # Observed times usually lie on the grid, where the rejection rule evaluates the curve too.
        self._times, index = np.unique(np.concatenate([GRID, t]).round(9), return_inverse=True)
        self._observed_index = index[len(GRID) :]
        self._grid_index = index[: len(GRID)] if len(self._times) > len(GRID) else slice(None)

    def log_prob(self, coordinates: Array) -> Array:
        """Log density ``[n]``, up to a constant, of coordinates ``[n, 13]`` as :func:`weighted` makes them.

        It is -inf where the prior is 0. It includes the Jacobian of the parameters by the coordinates.
        """
        result = np.full(len(coordinates), -np.inf)
        parameters = unweighted(coordinates)
        box = parameters[:, _UNIFORM_INDEX]
        possible = np.flatnonzero(((box >= _LOW) & (box <= _HIGH)).all(-1))
        curves = evaluate(parameters[possible], self._times)
        keep = allowed(curves[:, self._grid_index])
        possible, curves = possible[keep], curves[keep]
        squares = ((curves[:, self._observed_index] - self._y) ** 2).sum(-1)
        parameters = parameters[possible]
        log_prior = -0.5 * (((parameters[:, _NORMAL_INDEX] - _MEAN) / _STD) ** 2).sum(-1)
        log_jacobian = -np.log(parameters[:, _WEIGHT_INDEX]).sum(-1)
        log_likelihood = self._log_likelihood(squares, parameters[:, _SIGMA_INDEX])
        result[possible] = log_prior + log_jacobian + log_likelihood
        return result

    def start(self, draws: Array, n_walkers: int, rng: np.random.Generator) -> Array:
        """Starting coordinates ``[n_walkers, 13]``: distinct draws of the prior, sampled by their likelihood.

        The noise of each chosen draw is sampled anew from its distribution given the residuals. If few draws
        fit, the likelihood is tempered until the effective sample size is twice ``n_walkers``.

        Args:
            draws: ``[n, 13]`` draws of the prior, with n well above ``n_walkers``.
            n_walkers: Number of walkers.
            rng: Source of all randomness.
        """
        squares = ((evaluate(draws, self._t) - self._y) ** 2).sum(-1)
        log_prior = -0.5 * ((_LOG_SIGMAS - _MEAN[-1]) / _STD[-1]) ** 2
        joint = self._log_likelihood(squares[:, None], _LOG_SIGMAS) + log_prior  # [n, n_sigmas]
        fit = logsumexp(joint, axis=-1)
        power = _temper(fit, 2 * n_walkers)
        chosen = np.argpartition(-(power * fit + rng.gumbel(size=len(fit))), n_walkers)[:n_walkers]
        noise = (joint[chosen] + rng.gumbel(size=(n_walkers, len(_LOG_SIGMAS)))).argmax(-1)
        step = _LOG_SIGMAS[1] - _LOG_SIGMAS[0]
        walkers = draws[chosen]
        walkers[:, _SIGMA_INDEX] = _LOG_SIGMAS[noise] + step * rng.uniform(-0.5, 0.5, n_walkers)
        return weighted(walkers)

    def _log_likelihood(self, squares: Array, log_sigma: Array) -> Array:
        """Log likelihood of the curve, up to a constant, from sums of squared residuals and log noise."""
        likelihood: Array = -len(self._y) * log_sigma - 0.5 * squares * np.exp(-2 * log_sigma)
        return likelihood


def _temper(log_weights: Array, size: int) -> float:
    """Largest power in (0, 1] of the weights at which their effective sample size is at least ``size``."""

    def effective(power: float) -> float:
        w = np.exp(power * (log_weights - log_weights.max()))
        return float(w.sum() ** 2 / (w**2).sum())

    low, high = 0.0, 1.0
    if effective(high) >= size:
        return high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if effective(middle) >= size else (low, middle)
    return low
