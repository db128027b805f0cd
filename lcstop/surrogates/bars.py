"""Mixtures of normal and of Student distributions as bar distributions on one fixed grid."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, gammaincinv

from lcstop.surrogates.forecast import BarDistribution

Array = NDArray[np.float64]

_OUTER_DISTANCES = np.geomspace(0.001, 1.0, 100)
"""Distances of the outer borders from the unit interval. Their spacing starts at that of the inner bins."""

BORDERS: Array = np.concatenate(
    [[-2.0], -_OUTER_DISTANCES[::-1], np.linspace(0.0, 1.0, 1001), 1.0 + _OUTER_DISTANCES, [3.0]],
)
"""Borders of 1,000 equal bins on the unit interval, 100 bins on either side of it, and two tails."""

FLOOR = 1e-9
"""Share of a distribution that is spread uniformly on the grid. It keeps every log density finite."""

_UNIFORM: Array = np.diff(BORDERS) / (BORDERS[-1] - BORDERS[0])

_CHUNK = 64
"""Components evaluated at once. Their arrays fit the cache of one core."""

_N_NORMALS = 12
"""Number of normals that approximate one Student distribution."""

_LEVELS: Array = ((np.arange(_N_NORMALS) + 0.5) / _N_NORMALS) ** 2
"""Quantile levels of the precision, one for each normal. Low levels are denser: they make the tails."""

_LEVEL_WEIGHTS: Array = (2 * np.arange(_N_NORMALS) + 1) / _N_NORMALS**2
"""Weights of the normals: the midpoint rule in the square root of the level."""


def mixture_bars(weights: ArrayLike, means: ArrayLike, stds: ArrayLike) -> BarDistribution:
    """Mixtures of normals as bars on :data:`BORDERS`. Each bar has the mass of the mixture within it.

    The mass below -1 and above 2 goes to the half-normal tails.

    Args:
        weights: ``[..., n_components]``, at least 0 and not all 0. They are normalised to sum to 1.
        means: ``[..., n_components]``.
        stds: ``[..., n_components]``, above 0. The three arrays broadcast with each other.

    Returns:
        Distributions of batch shape ``[...]``, with finite log density everywhere.

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
    # Differences of erf are exact to 1e-16. The floor of every bin is a thousand times as large, so that
    # computing each bin from its nearer tail would change nothing.
    mass = np.diff(below, axis=-1, prepend=-1.0, append=1.0)
    mass *= 0.5 * (1 - FLOOR)
    np.maximum(mass, 0.0, out=mass)
    mass += FLOOR * _UNIFORM
    return BarDistribution(BORDERS, np.log(mass).reshape(*shape[:-1], -1))


def student(
    weights: ArrayLike, centres: ArrayLike, scales: ArrayLike, freedom: ArrayLike
) -> tuple[Array, Array, Array]:
    """Student distributions as normals for :func:`mixture_bars`.

    A Student distribution is a mixture of normals with one mean whose precision has a gamma distribution
    (Gelman et al., Bayesian Data Analysis, 3rd edition, section 17.2). The gamma distribution is
    approximated by 12 of its quantiles.

    Args:
        weights: ``[..., n]``, weights of the Student distributions.
        centres: ``[..., n]``, their locations.
        scales: ``[..., n]``, their scales, above 0.
        freedom: ``[..., n]``, their degrees of freedom, above 0. The four arrays broadcast with each other.

    Returns:
        Weights, means and standard deviations of the normals, each ``[..., 12 n]``.

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
    return (share * _LEVEL_WEIGHTS).reshape(shape), means.reshape(shape), stds.reshape(shape)
