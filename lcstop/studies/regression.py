"""Gaussian processes within one study: where a trial will stand, by its hyperparameters and its rank so far.

Standings are normal scores. Each process is small (as many points as there are other trials) and has fixed
hyperparameters; there are several, and the network learns which of them to believe from how well each
forecasts the trials that it was fitted to, one left out at a time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from lcstop.studies.comparison import Array

_KERNELS = ((1.5, 0.0), (0.4, 0.0), (0.0, 1.0), (0.0, 6.0), (0.7, 2.0), (2.0, 0.5))
"""How fast likeness falls with the distance of configurations, and with that of ranks; 0 leaves it out.

Those of ranks are powers of one another, see :func:`_by_rank`.
"""

_VARIANCE = 0.8
_NOISE = 0.35

N_REGRESSION = 3 * len(_KERNELS)
"""Of each process: mean, standard deviation, and the share of variance explained with one left out."""


UNLIKE = 4.0
"""Squared distance that all configurations are taken to have where they are not compared."""


class Distances(NamedTuple):
    """How far configurations are apart, squared.

    Attributes:
        between: The other trials from each other, ``[N, N]``.
        to_trial: The trials from the other ones, ``[T, N]``.
    """

    between: Array
    to_trial: Array


class Standings(NamedTuple):
    """Where the other trials of a study stand.

    Attributes:
        scores: Normal scores, ``[N]``.
        ranks: Those at the cutoff, ``[N]``.
        went_on: Trials beyond the cutoff: only they tell what a rank there is worth, ``[N]``.
    """

    scores: Array
    ranks: Array
    went_on: NDArray[np.bool_]


def squared_distances(params: Array, others: Array, numeric: NDArray[np.bool_]) -> Array:
    """Squared distance in each hyperparameter, about 1 between random ones, ``[P, T, N]``.

    Args:
        params: ``[T, P]``, numbers as ranks in [0, 1], categories as codes.
        others: ``[N, P]``.
        numeric: ``[P]``; categories are alike or not.

    Example:
        >>> params = np.array([[0.0, 1.0], [0.5, 2.0]])
        >>> squared_distances(params, params, np.array([True, False]))[:, 0, 1].tolist()
        [1.5, 1.0]
    """
    rows, columns = (np.ascontiguousarray(each.T) for each in (params, others))
    difference = rows[:, :, None] - columns[:, None]
    distances: Array = 6 * difference * difference
    distances[~numeric] = np.abs(difference[~numeric]) >= 1e-9
    return distances


def relevance(distances: Array, scores: Array) -> Array:
    """Share of variance that each hyperparameter explains alone, ``[P]``, at least 0.

    By kernel regression in one dimension, one trial left out at a time (Nadaraya 1964, Watson 1964).

    Args:
        distances: Squared, between trials, ``[P, N, N]``.
        scores: Standings, ``[N]``.
    """
    kernel = -4 * distances
    np.exp(kernel, out=kernel)
    diagonal = np.arange(len(scores))
    kernel[:, diagonal, diagonal] = 0.0
    forecast = kernel @ scores / (kernel.sum(2) + 1.0)  # shrunk towards 0
    explained: Array = ((2 * scores - forecast) * forecast).sum(1) / (scores @ scores + 1e-9)
    return explained.clip(min=0.0)


def regression(near: Distances | None, rank: Array, others: Standings) -> Array:
    """Forecasts of the standings of ``T`` trials by each process, ``[T, N_REGRESSION]``.

    Rasmussen and Williams 2006, equations 2.25, 2.26 and 5.12.

    Args:
        near: How far configurations are apart; None for all of them by :data:`UNLIKE`.
        rank: Of the trials at the cutoff, ``[T]``.
        others: The other trials.
    """
    found = np.empty((len(rank), N_REGRESSION))
    on = others.went_on
    ranks, scores = others.ranks[on], others.scores[on]
    by_rank = [_by_rank(one, ranks) for one in (ranks, rank)]
    apart: tuple[Array | float, ...] = UNLIKE, UNLIKE
    if near is not None:
        apart = near.between[on][:, on], near.to_trial[:, on]
    for i, (a, b) in enumerate(_KERNELS):
        column = found[:, 3 * i : 3 * i + 3]
        if b:
            between, to_trial = (np.exp(-a * x) * y[b] for x, y in zip(apart, by_rank, strict=True))
            _process(column, between, to_trial, scores)
        elif near is None:
            _process_of_unlike(column, a * UNLIKE, others.scores)
        else:
            _process(column, np.exp(-a * near.between), np.exp(-a * near.to_trial), others.scores)
    return found


def _by_rank(ranks: Array, others: Array) -> dict[float, Array]:
    """Likeness of ``ranks [T]`` to ``others [N]``, ``[T, N]``, by how fast it falls with their distance."""
    half = np.exp(-np.square(ranks[:, None] - others) / 4)
    one = half * half
    two = one * one
    return {0.5: half, 1.0: one, 2.0: two, 6.0: two * two * two}


def _process(found: Array, between: Array, to_trial: Array, scores: Array) -> None:
    """Mean, deviation and explained share of one process into ``found [T, 3]``.

    Args:
        found: What is filled in.
        between: Likeness of the other trials to each other, ``[N, N]``.
        to_trial: Likeness of the trials to the other ones, ``[T, N]``.
        scores: Standings of the other trials, ``[N]``.
    """
    n = len(scores)
    if n == 0:  # LAPACK refuses nothing
        found[:] = 0.0, math.sqrt(_VARIANCE), 1.0
        return
    kernel, covariance = _VARIANCE * to_trial, _VARIANCE * between
    covariance.reshape(-1)[:: n + 1] += _NOISE
    # LAPACK itself: scipy's functions around it take longer than the work. It wants columns, and gets them,
    # since the matrix is symmetric. For one trial among 64 it keeps to one thread.
    factor, failed = lapack.dpotrf(covariance.T, lower=1, overwrite_a=1)
    if failed:
        raise FloatingPointError(f"the covariance of {n} trials has no Cholesky factor")
    inverse, _ = lapack.dtrtri(factor, lower=1, overwrite_c=1)  # of the factor
    solved = (inverse @ scores) @ inverse
    left_out = solved / np.einsum("ij,ij->j", inverse, inverse)  # errors
    found[:, 0] = kernel @ solved
    explained = np.einsum("ti,ti->t", *[kernel @ inverse.T] * 2)
    found[:, 1] = np.sqrt(np.maximum(_VARIANCE - explained, 0.0))
    found[:, 2] = max(1 - left_out @ left_out / (scores @ scores + 1.0), -0.5)


def _process_of_unlike(found: Array, apart: float, scores: Array) -> None:
    """As :func:`_process` where all trials, and each from itself, are as far apart: a mean with noise.

    The inverse is known then (Sherman and Morrison 1950).
    """
    n, likeness = len(scores), _VARIANCE * math.exp(-apart)
    shrunk = likeness / (_NOISE + n * likeness)
    solved = (scores - shrunk * scores.sum()) / _NOISE
    left_out = solved * _NOISE / (1 - shrunk)
    found[:, 0] = likeness * solved.sum()
    found[:, 1] = math.sqrt(_VARIANCE - likeness * n * shrunk)
    found[:, 2] = max(1 - left_out @ left_out / (scores @ scores + 1.0), -0.5)
