"""Gaussian processes within one study: the rank of a trial from its hyperparameters and its rank so far.

Ranks are normal scores. Each process has as many points as there are other trials, and a fixed kernel. There
are several. The network learns which of them to trust from how well each predicts the trials that it was
fitted to, one left out at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from lcstop.ranking.comparison import Array

_CONFIGURATION, _RANK, _BOTH = (1.5, 0.4), (1.0, 6.0), ((0.7, 2.0), (2.0, 0.5))
"""Decay rates of the kernels with the squared distance of configurations, of ranks, and of both.

The kernels of ranks are powers of one another, see :func:`_by_rank`.
"""

_VARIANCE = 0.8
_NOISE = 0.35

N_REGRESSION = 3 * (len(_CONFIGURATION) + len(_RANK) + len(_BOTH))
"""Features: mean, standard deviation and leave-one-out share of explained variance of each process."""


UNRELATED_DISTANCE = 4.0
"""Squared distance between configurations that are not compared."""


class Distances(NamedTuple):
    """Squared distances between configurations.

    Attributes:
        between: Between the other trials, ``[N, N]``.
        to_trial: From the trials to the other ones, ``[T, N]``.
    """

    between: Array
    to_trial: Array


class OtherRanks(NamedTuple):
    """Ranks of the other trials of a study.

    Attributes:
        scores: Normal scores at the last step, ``[N]``.
        ranks: Normal scores at the cutoff, ``[N]``.
        went_on: Trials beyond the cutoff, ``[N]``; only they show how well ranks at the cutoff last.
    """

    scores: Array
    ranks: Array
    went_on: NDArray[np.bool_]


def squared_distances(params: Array, others: Array, numeric: NDArray[np.bool_]) -> Array:
    """Squared distance in each hyperparameter, about 1 between random ones, ``[P, T, N]``.

    Args:
        params: ``[T, P]``, numbers as ranks in [0, 1], categories as codes.
        others: ``[N, P]``.
        numeric: Which hyperparameters are numbers, ``[P]``; the distance of categories is 0 or 1.

    Example:
        >>> params = np.array([[0.0, 1.0], [0.5, 2.0]])
        >>> squared_distances(params, params, np.array([True, False]))[:, 0, 1].tolist()
        [1.5, 1.0]
    """
    rows, columns = (np.ascontiguousarray(each.T) for each in (params, others))
    difference = rows[:, :, None] - columns[:, None]
    distances: Array = 6 * difference
    distances *= difference
    if not numeric.all():
        distances[~numeric] = np.abs(difference[~numeric]) >= 1e-9
    return distances


def relevance(distances: Array, scores: Array) -> Array:
    """Share of the variance of ``scores`` that each hyperparameter explains alone, ``[P]``, at least 0.

    By leave-one-out kernel regression in one dimension (Nadaraya 1964, Watson 1964).

    Args:
        distances: Squared, between trials, ``[P, N, N]``.
        scores: Normal scores, ``[N]``.
    """
    kernel = -4 * distances
    np.exp(kernel, out=kernel)
    diagonal = np.arange(len(scores))
    kernel[:, diagonal, diagonal] = 0.0
    forecast = kernel @ scores / (kernel.sum(2) + 1.0)  # shrunk towards 0
    explained: Array = ((2 * scores - forecast) * forecast).sum(1) / (scores @ scores + 1e-9)
    return explained.clip(min=0.0)


class Regression:
    """Forecasts of the ranks of ``T`` trials.

    Rasmussen and Williams 2006, equations 2.25, 2.26 and 5.12.

    Args:
        rank: Normal scores of the trials at the cutoff, ``[T]``.
        others: The other trials.
    """

    def __init__(self, rank: Array, others: OtherRanks) -> None:
        self._on, self._all = others.went_on, others.scores
        ranks, self._scores = others.ranks[self._on], others.scores[self._on]
        self._between, self._to_trial = (_by_rank(one, ranks) for one in (ranks, rank))
        self._n_trials = len(rank)

    def forecasts(self, nears: Sequence[Distances | None]) -> Array:
        """The features of each process with each of these distances, ``[len(nears), T, N_REGRESSION]``.

        Args:
            nears: Distances of the configurations; None if all are :data:`UNRELATED_DISTANCE`.
        """
        # All processes of the same trials in one batch, which takes less time than several.
        between, to_trial = ([likeness[b] for b in _RANK] for likeness in (self._between, self._to_trial))
        for near in nears:
            for kernels, likeness, x in zip(
                (between, to_trial), (self._between, self._to_trial), self._apart(near), strict=True
            ):
                kernels += [np.exp(-a * x) * likeness[b] for a, b in _BOTH]
        found = _posterior(np.array(between), np.array(to_trial), self._scores)
        by_rank, by_both = found[:, : len(_RANK)], found[:, len(_RANK) :]
        forecasts = np.empty((len(nears), self._n_trials, N_REGRESSION // 3, 3))
        for i, (near, out) in enumerate(zip(nears, forecasts, strict=True)):
            both = by_both[:, i * len(_BOTH) : (i + 1) * len(_BOTH)]
            np.concatenate([self._by_configuration(near), by_rank, both], 1, out=out)
        return forecasts.reshape(len(nears), self._n_trials, N_REGRESSION)

    def _apart(self, near: Distances | None) -> tuple[Array | float, Array | float]:
        """Distances between the trials beyond the cutoff, and of the trials to them."""
        if near is None:
            return UNRELATED_DISTANCE, UNRELATED_DISTANCE
        return near.between[self._on][:, self._on], near.to_trial[:, self._on]

    def _by_configuration(self, near: Distances | None) -> Array:
        if near is None:
            of_one = [_posterior_of_unrelated(a * UNRELATED_DISTANCE, self._all) for a in _CONFIGURATION]
            return np.broadcast_to(of_one, (self._n_trials, len(of_one), 3))
        between, to_trial = (np.array([np.exp(-a * x) for a in _CONFIGURATION]) for x in near)
        return _posterior(between, to_trial, self._all)


def _by_rank(ranks: Array, others: Array) -> dict[float, Array]:
    """Kernel of ``ranks [T]`` with ``others [N]``, ``[T, N]``, by its decay rate."""
    half = np.exp(-np.square(ranks[:, None] - others) / 4)
    one = half * half
    two = one * one
    return {0.5: half, 1.0: one, 2.0: two, 6.0: two * two * two}


def _posterior(between: Array, to_trial: Array, scores: Array) -> Array:
    """Mean, standard deviation and explained share of ``K`` processes, ``[T, K, 3]``.

    Args:
        between: Kernel of the other trials with each other, ``[K, N, N]``.
        to_trial: Kernel of the trials with the other ones, ``[K, T, N]``.
        scores: Normal scores of the other trials, ``[N]``.

    Raises:
        FloatingPointError: If a covariance has no Cholesky factor.
    """
    found, n = np.empty((to_trial.shape[1], len(between), 3)), len(scores)
    if n == 0:  # LAPACK refuses an empty matrix
        found[:] = 0.0, math.sqrt(_VARIANCE), 1.0
        return found
    kernel, covariance = _VARIANCE * to_trial, _VARIANCE * between
    covariance.reshape(len(between), -1)[:, :: n + 1] += _NOISE
    inverse = np.empty_like(covariance)  # of the transposed Cholesky factors
    for matrix, factor in zip(covariance, inverse, strict=True):
        # LAPACK itself: scipy's wrappers take longer than the work, and np.linalg.inv of the whole batch
        # makes a decision 15 to 23 % slower. LAPACK wants columns, and the matrix is symmetric. For one trial
        # among 64 it uses one thread.
        lower, failed = lapack.dpotrf(matrix.T, lower=1, overwrite_a=1)
        if failed:
            raise FloatingPointError(f"the covariance of {n} trials has no Cholesky factor")
        factor.T[:], _ = lapack.dtrtri(lower, lower=1, overwrite_c=1)
    solved = (inverse @ (scores @ inverse)[..., None])[..., 0]
    left_out = solved / np.einsum("kij,kij->ki", inverse, inverse)  # errors
    found[..., 0] = np.einsum("ktn,kn->tk", kernel, solved)
    explained = np.einsum("ktn,ktn->tk", *[kernel @ inverse] * 2)
    found[..., 1] = np.sqrt(np.maximum(_VARIANCE - explained, 0.0))
    errors = np.einsum("kn,kn->k", left_out, left_out)
    found[..., 2] = np.maximum(1 - errors / (scores @ scores + 1.0), -0.5)
    return found


def _posterior_of_unrelated(apart: float, scores: Array) -> tuple[float, float, float]:
    """As :func:`_posterior` of one trial, if all distances are ``apart``, also that of a trial to itself.

    The inverse is known in closed form then (Sherman and Morrison 1950).
    """
    n, likeness = len(scores), _VARIANCE * math.exp(-apart)
    shrunk = likeness / (_NOISE + n * likeness)
    solved = (scores - shrunk * scores.sum()) / _NOISE
    left_out = solved * _NOISE / (1 - shrunk)
    explained = max(1 - left_out @ left_out / (scores @ scores + 1.0), -0.5)
    return likeness * solved.sum(), math.sqrt(_VARIANCE - likeness * n * shrunk), explained
