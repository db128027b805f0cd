"""Features of a trial among the other trials of its study: the input of the study network.

Nearly all are ranks and comparisons at the same step. So neither the units of a metric nor a monotonic
transformation of it matters much: losses of 0.6929 and 0.6931 differ as clearly as accuracies of 0.5 and 0.9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lcstop.curves.curve import Target
from lcstop.ranking.comparison import (
    EPSILON,
    MISSING,
    Array,
    Comparison,
    Context,
    lower_median,
    normal_score,
    share_beaten,
)
from lcstop.ranking.gaussian_process import OtherRanks, Regression
from lcstop.ranking.param_features import N_CONFIGURATIONS, Configurations, of_configurations

N_FEATURES = 33 + N_CONFIGURATIONS

VERSION = 1
"""Version of the features. It changes with their meaning. Weights name the one that they were trained on."""


def features(
    context: Context,
    gains: Array,
    cutoff: int,
    configurations: Configurations | None = None,
    start: int = 1,
    target: Target = "best",
) -> Array:
    """Features ``[T, N_FEATURES]`` of ``T`` trials; none of them is in ``context``.

    Args:
        context: The other trials.
        gains: Values of the trials on the same grid, ``[T, H]``; those after the cutoff are ignored.
        cutoff: Steps of the grid that the trials have reached, at least 1.
        configurations: Hyperparameters of all of them; None if they are not to be compared.
        start: First step of the grid that the trials have reported at, from 1 on.
        target: Whether the best value on the way counts or the one at the end.

    Example:
        >>> full = np.array([3, 3])
        >>> others = Context(np.array([[0.1, 0.2, 0.3], [0.2, 0.4, 0.5]]), full, full == 3)
        >>> features(others, others.gains[:1] - 0.05, 2).shape
        (1, 55)
    """
    found: Array = TrialFeatures(context, gains, cutoff, start, target).features([configurations])[0]
    return found


class TrialFeatures:
    """Features of trials in their study, with hyperparameters and without them.

    Args:
        context, gains, cutoff, start, target: As those of :func:`features`.

    Attributes:
        study: The trials and their context.
    """

    def __init__(
        self, context: Context, gains: Array, cutoff: int, start: int = 1, target: Target = "best"
    ) -> None:
        self.study = study = Comparison(context, gains, cutoff, start, target)
        standing = _standing(study)
        others = OtherRanks(study.others_score, study.others_rank, study.went_on)
        self._processes = Regression(standing[0], others)
        parts: list[Array | float] = [
            *standing,
            *_against_incumbent(study),
            *_spread(study),
            *_shape(study),
            *_agreement(study),
            *_counts(study),
        ]
        self._of_curves = np.empty((len(gains), len(parts)))
        for column, part in zip(self._of_curves.T, parts, strict=True):
            column[:] = part

    def features(self, configurations: Sequence[Configurations | None]) -> Array:
        """Features as of :func:`features`, with each of these, ``[n, T, N_FEATURES]``."""
        told = of_configurations(self.study, self._processes, configurations)
        of_curves = np.broadcast_to(self._of_curves, (len(told), *self._of_curves.shape))
        return np.concatenate([of_curves, told], 2)


def _standing(study: Comparison) -> list[Array]:
    """Ranks: at the cutoff and before, among those that finished, and at the last step shared with each."""
    lengths, starts, finished = study.context.lengths, study.starts, study.finished
    cutoff, now, best = study.cutoff, study.now[:, None], study.best[:, None]
    # A trial is not known before its first report, and is compared at that one instead.
    half, quarter = (max(step, study.start) - 1 for step in ((cutoff + 1) // 2, (cutoff + 3) // 4))
    shared = np.minimum(cutoff, lengths) - 1
    both_started = np.maximum(starts, study.start) <= shared + 1
    rankings = [
        (now, study.others_now, study.reached),
        (study.gains[:, half, None], study.others[:, half], (lengths > half) & (starts <= half + 1)),
        (
            study.gains[:, quarter, None],
            study.others[:, quarter],
            (lengths > quarter) & (starts <= quarter + 1),
        ),
        (best, study.others_best[:, cutoff - 1], study.reached),
        (now, study.others_now, finished & study.reached),
        (best, study.final_best, finished),
        (study.gains[:, shared], study.others[np.arange(study.n), shared], both_started),
    ]
    differences = np.empty((len(rankings), len(now), study.n))
    among = np.empty((len(rankings), study.n))
    for i, (values, others, counted) in enumerate(rankings):
        np.subtract(values, others, out=differences[i])
        among[i] = counted
    scores = normal_score(share_beaten(differences, among))
    rose = np.tanh((study.now - study.gains[:, [half, quarter]].T) / study.value_range * 3)
    return [scores[0], scores[1], rose[0], scores[2], rose[1], *scores[3:]]


def _against_incumbent(study: Comparison) -> list[Array]:
    """Distance to the incumbent, and to the incumbent's curve at the same step."""
    height = (study.now - study.initial_level) / study.value_range
    missing = (study.best - study.incumbent) / study.value_range
    there = study.others_best[study.incumbent_index, study.cutoff - 1]
    behind = (study.best - there) / study.value_range if there > MISSING else np.zeros_like(height)
    return [
        np.tanh(height),
        np.exp(-3 * np.minimum(np.maximum(1 - height, 0), 20)),
        np.tanh(2 * missing),
        np.tanh(20 * missing),
        np.tanh(3 * behind),
        np.tanh(40 * behind),
    ]


def _spread(study: Comparison) -> list[Array | float]:
    """Distance to the other trials at the same step, in units of their spread."""
    if study.n_reached < 2:
        return [0.0] * 3
    others = study.others_now[study.reached]
    middle = lower_median(others)
    unit = 1.5 * lower_median(np.abs(others - middle)) + EPSILON * (1 + abs(middle))
    ahead_of_middle = (study.now - middle) / unit
    return [
        np.tanh(ahead_of_middle / 4),
        np.tanh(ahead_of_middle / 20),
        np.tanh((study.now - others.max()) / unit / 3),
    ]


def _shape(study: Comparison) -> list[Array]:
    """The trial's own curve: recent movement, the upward share of it, and the age of its best value."""
    seen = study.gains[:, study.start - 1 : study.cutoff]
    difference = seen[:, 1:][:, -6:] - seen[:, :-1][:, -6:]
    moved = np.abs(difference).sum(1)
    upwards = np.maximum(difference, 0).sum(1)
    return [
        np.tanh(3 * moved / study.value_range),
        upwards / (moved + 1e-12),
        (seen.shape[1] - 1 - seen.argmax(1)) / study.cutoff,
    ]


def _agreement(study: Comparison) -> list[float]:
    """How well ranks at the cutoff have lasted in this study, and the ranks there of its best trials."""
    went_on, rank = study.went_on.astype(np.float64), study.others_rank
    same = (
        study.pairwise_sign_now * study.pairwise_sign
    )  # 1 for a pair in the same order, -1 in the other one, 0 for a tie
    kept = float(went_on @ same @ went_on)
    pairs = float(went_on @ np.abs(same) @ went_on)
    finished = study.finished.nonzero()[0]
    best = finished[(-study.final_best[finished]).argsort(kind="stable")[:3]]
    return [
        (kept + 8 * 0.5) / (pairs + 8),  # prior: three quarters of the pairs keep their order
        math.log1p(pairs) / 5,
        float(rank[study.incumbent_index]) if len(best) else 0.0,
        float(rank[best].sum()) / max(len(best), 1),
    ]


def _counts(study: Comparison) -> list[float]:
    """Progress of the trial, and size of the study."""
    horizon = study.gains.shape[1]
    time = study.cutoff / horizon
    return [
        math.log1p(study.n_reached) / 3,
        int(study.context.lengths.sum()) / study.n / horizon,
        2 * time - 1,
        math.log(time) / 2,
        math.log(horizon / 50) / 2,
        math.log1p(study.n) / 4,
        math.log1p(study.n_finished) / 3,
        study.n_finished / study.n,
    ]
