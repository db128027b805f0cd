"""Mixtures of normal and of Student distributions as bars on one fixed grid."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, gammaincinv

from lcstop.surrogates.forecast import BarDistribution

Array = NDArray[np.float64]

_OUTER = np.geomspace(0.001, 1.0, 100)
"""Distances from the unit interval of the borders beyond it: as fine as within at first, then coarser."""

BORDERS: Array = np.concatenate(
    [[-2.0], -_OUTER[::-1], np.linspace(0.0, 1.0, 1001), 1.0 + _OUTER, [3.0]],
)
"""A thousand equal bins on the unit interval, 100 on either side up to a distance of 1, and two tails."""

FLOOR = 1e-9
"""Share of a distribution that is uniform on the grid, so that no value has log density -inf."""

_UNIFORM: Array = np.diff(BORDERS) / (BORDERS[-1] - BORDERS[0])

_CHUNK = 64
"""Components taken at once: what they need stays in the cache of one core."""

_SCALES = 12
"""Normals that make up one Student distribution."""

_LEVELS: Array = ((np.arange(_SCALES) + 0.5) / _SCALES) ** 2
"""Quantiles of the precision at which they lie, closer where it is low: those make the tails."""

_SHARES: Array = (2 * np.arange(_SCALES) + 1) / _SCALES**2
"""Their weights: the midpoint rule after the change of variable from level to its root."""


def mixture_bars(weights: ArrayLike, means: ArrayLike, stds: ArrayLike) -> BarDistribution:
    """Mixtures of normals as bars on :data:`BORDERS`, each bar holding exactly its share of the mass.

    What lies beyond the outermost inner borders, -1 and 2, goes to the half-normal tails.

    Args:
        weights: ``[..., n_components]``, at least 0 and not all 0; they need not sum to 1.
        means: ``[..., n_components]``.
        stds: ``[..., n_components]``, above 0. The three broadcast with each other.

    Returns:
        A distribution of batch shape ``[...]`` whose log density is finite everywhere.

    Example:
        >>> bars = mixture_bars([0.5, 0.5], [0.2, 0.8], [0.01, 0.05])
        >>> bars.shape, bars.quantile([0.25, 0.75]).round(3).tolist()
        ((), [0.2, 0.8])
    """
    parts = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (weights, means, stds)))
    shape = parts[0].shape
    share, mean, std = (part.reshape(-1, shape[-1]) for part in parts)
    share = share / share.sum(-1, keepdims=True)
    slopes = math.sqrt(0.5) / std
    shifts = mean * slopes
    below = np.zeros((len(share), len(BORDERS) - 2))
    for row in range(len(share)):
        for i in range(0, shape[-1], _CHUNK):
            part = slice(i, i + _CHUNK)
            z = slopes[row, part, None] * BORDERS[1:-1]
            z -= shifts[row, part, None]
            below[row] += share[row, part] @ erf(z, out=z)
    # Sums of weight times erf run from -1 to 1. Their differences are exact to 1e-16, which the floor
    # exceeds by four digits in every bin: nothing is gained by counting each from its nearer tail.
    mass = np.diff(below, axis=-1, prepend=-1.0, append=1.0)
    mass *= 0.5 * (1 - FLOOR)
    np.maximum(mass, 0.0, out=mass)
    mass += FLOOR * _UNIFORM
    return BarDistribution(BORDERS, np.log(mass).reshape(*shape[:-1], -1))


def student(
    weights: ArrayLike, centres: ArrayLike, scales: ArrayLike, freedom: ArrayLike
) -> tuple[Array, Array, Array]:
    """Student distributions as normals for :func:`mixture_bars`: weights, means and stds.

    Each is a mixture of normals of one mean whose precision follows a gamma distribution (Gelman et al.,
    Bayesian Data Analysis, 3rd edition, section 17.2), here at a few of its quantiles.

    Args:
        weights: ``[..., n]``.
        centres: ``[..., n]``.
        scales: ``[..., n]``, above 0.
        freedom: ``[..., n]``, degrees of freedom, above 0. The four broadcast with each other.

    Returns:
        Three arrays ``[..., 12 n]``.

    Example:
        >>> bars = mixture_bars(*student([1.0], [0.5], [0.1], [4.0]))
        >>> round(float(bars.quantile(0.95)), 2)  # 0.5 + 0.1 * 2.132
        0.71
    """
    share, centre, scale, dof = np.broadcast_arrays(
        *(np.asarray(x, np.float64)[..., None] for x in (weights, centres, scales, freedom))
    )
    stds = scale / np.sqrt(gammaincinv(dof / 2, _LEVELS) / (dof / 2))
    shape = (*stds.shape[:-2], -1)
    means = np.broadcast_to(centre, stds.shape)
    return (share * _SHARES).reshape(shape), means.reshape(shape), stds.reshape(shape)
