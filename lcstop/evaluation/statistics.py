"""Means with standard errors over curves, and average ranks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata


class Mean(NamedTuple):
    """A mean over curves.

    Attributes:
        mean: The mean.
        error: Its standard error; NaN for fewer than two curves.
        n: Number of curves.
    """

    mean: float
    error: float
    n: int


def mean_over_curves(values: Iterable[tuple[Hashable, float]]) -> Mean:
    """Mean and standard error over curves.

    Values of one curve at several cutoffs are not independent, so they are averaged first. NaN is left out.

    Args:
        values: Pairs of a curve and one of its values.

    Example:
        >>> mean_over_curves([("a", 1.0), ("a", 3.0), ("b", 4.0)])
        Mean(mean=3.0, error=1.0, n=2)
    """
    curves: dict[Hashable, list[float]] = defaultdict(list)
    for curve, value in values:
        if not math.isnan(value):
            curves[curve].append(value)
    means = np.array([sum(of_curve) / len(of_curve) for of_curve in curves.values()])
    n = len(means)
    with np.errstate(invalid="ignore"):  # of an infinite log-likelihood
        error = float(means.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return Mean(float(means.mean()) if n else math.nan, error, n)


class AverageRank(NamedTuple):
    """Average rank of a surrogate.

    Attributes:
        rank: Mean rank over tasks; 1 is best.
        won: Share of tasks won.
    """

    rank: float
    won: float


def standings(tasks: Sequence[Sequence[Mapping[str, float]]]) -> dict[str, AverageRank]:
    """Average ranks of surrogates over tasks.

    The surrogates are ranked at each cutoff of a task. Their rank in the task is the mean over its cutoffs,
    and the lowest one wins the task. Ties get the mean rank, and tied winners share the win.

    Args:
        tasks: For each task and each of its cutoffs, the penalty of every surrogate. Lower is better.

    Example:
        >>> standings([[{"a": 0.1, "b": 0.2}, {"a": 0.1, "b": 0.1}], [{"a": 2.0, "b": 1.0}]])
        {'a': AverageRank(rank=1.625, won=0.5), 'b': AverageRank(rank=1.375, won=0.5)}
    """
    if not tasks:
        return {}
    names = list(tasks[0][0])
    ranks = np.array([rankdata([list(cell.values()) for cell in task], axis=1).mean(0) for task in tasks])
    best = np.isclose(ranks, ranks.min(1, keepdims=True))
    won = (best / best.sum(1, keepdims=True)).mean(0)
    return {
        name: AverageRank(float(rank), float(share))
        for name, rank, share in zip(names, ranks.mean(0), won, strict=True)
    }
