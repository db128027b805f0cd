"""Features that compare the configurations of trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcstop.ranking.comparison import Array, Comparison
from lcstop.ranking.gaussian_process import (
    N_REGRESSION,
    UNRELATED_DISTANCE,
    Distances,
    Regression,
    relevance,
    squared_distances,
)

N_CONFIGURATIONS = 4 + N_REGRESSION

_MAX_PARAMS = 32
"""Hyperparameters that are compared; of more, those that explain most."""


class Configurations(NamedTuple):
    """Hyperparameters: numbers as ranks in [0, 1], categories as codes.

    Attributes:
        others: Of the other trials, ``[N, P]``.
        own: Of the trials, ``[T, P]``.
        numeric: Which hyperparameters are numbers, ``[P]``.
    """

    others: Array
    own: Array
    numeric: NDArray[np.bool_]


def of_configurations(
    study: Comparison, processes: Regression, configurations: Sequence[Configurations | None]
) -> Array:
    """Features of the configurations, alone and with the rank at the cutoff, ``[n, T, N_CONFIGURATIONS]``.

    Args:
        study: The trials and their context.
        processes: Gaussian processes of their ranks.
        configurations: The hyperparameters, ``n`` times; None if they are not to be compared.
    """
    found = np.empty((len(configurations), len(study.gains), N_CONFIGURATIONS))
    nears: list[Distances | None] = []
    for each, out in zip(configurations, found, strict=True):
        if each is None:
            nears.append(None)
            out[:, :4] = 0.0, 0.0, 0.0, UNRELATED_DISTANCE / 2
            continue
        near, explained = _distances(study, each)
        nears.append(near)
        out[:, 0] = explained.max()
        out[:, 1] = min(explained.sum(), 2.0)
        out[:, 2] = 1.0
        out[:, 3] = np.minimum(near.to_trial.min(1), UNRELATED_DISTANCE) / 2
    found[..., 4:] = processes.forecasts(nears)
    return found


def _distances(study: Comparison, configurations: Configurations) -> tuple[Distances, Array]:
    """Distances weighted by the relevance of hyperparameters, and the relevance of those that count."""
    others, own, numeric = configurations
    between = squared_distances(others, others, numeric)
    to_trial = squared_distances(own, others, numeric)
    explained = relevance(between, study.others_score)
    if len(explained) > _MAX_PARAMS:
        chosen = np.sort(np.argsort(-explained, kind="stable")[:_MAX_PARAMS])
        between, to_trial, explained = between[chosen], to_trial[chosen], explained[chosen]
    weights = explained + 0.02
    weights *= 2 / weights.sum()
    # Not with ``@``, which would spread a matrix of this size over threads and wait for them.
    return Distances(*(np.einsum("p,pij->ij", weights, x) for x in (between, to_trial))), explained
