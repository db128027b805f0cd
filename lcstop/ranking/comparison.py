"""Trials and the other trials of their study, compared on a common grid of steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from lcstop.curves.curve import Target

Array = NDArray[np.float64]

MISSING = -1e9
"""Stands for a value that is missing or not finite. It is worse than every other."""

EPSILON = 1e-9
"""Guards divisions by zero."""

FIRST_STEPS = 5
"""First steps of the grid, after which a far worse value counts as one of the training."""

MIN_STARTS = 5
"""Trials whose first values must be known before they are found to say nothing."""

LEFT_OVER = 0.05
"""Share of the way to the incumbent that is left after first values that say nothing, or less."""


@dataclass(frozen=True)
class Context:
    """The other trials of a study, ``N`` of them, at least one.

    Attributes:
        gains: Values on a common grid of ``H`` steps up to the horizon, higher is better, ``[N, H]``;
            those beyond a trial's length are never looked at.
        lengths: Steps of the grid that each trial has reached, at least 1, ``[N]``.
        finished: Trials that ran to their own end, ``[N]``.
        starts: First step of the grid that each trial has reported at, from 1 on, ``[N]``; 1 if not given.
    """

    gains: Array
    lengths: NDArray[np.int64]
    finished: NDArray[np.bool_]
    starts: NDArray[np.int64] | None = None


def normal_score(share: Array) -> Array:
    """The standard normal quantile of a share, finite at 0 and 1."""
    score: Array = ndtri(np.minimum(np.maximum(share, 1e-4), 1 - 1e-4))
    return score


def pairwise_sign(values: Array, others: Array) -> Array:
    """1 where a value is better than the other, -1 where it is worse, 0 where they are equal."""
    order: Array = np.sign(values - others)
    return order


def share_beaten(differences: Array, among: Array) -> Array:
    """Share of the other trials that each trial beats, ``[R, T]``, in ``R`` rankings of ``T`` among ``N``.

    One trial is added that is half beaten, so that ranks among few trials stay near the middle.

    Args:
        differences: Value of each trial minus that of each other one, ``[R, T, N]``; only the sign counts.
        among: 1 for the others that count, 0 for the rest, ``[R, N]``.
    """
    n = among.sum(1)[:, None]
    share: Array = (np.einsum("rtn,rn->rt", np.sign(differences), among) + (n + 1)) / (2 * (n + 1))
    return share


def lower_median(values: Array) -> float:
    """The median of ``values [n]``, ``n`` at least 1; the lower of the two in the middle."""
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])


def initial_level(
    values: Array, starts: NDArray[np.int64], lengths: NDArray[np.int64], incumbent: float
) -> float:
    """The median first value; a later one after first values that are far worse than all that follow.

    The distance to the incumbent is the unit of the features. The loss of an exploding start would make all
    differences among the trials small.

    Args:
        values: Values of trials, ``[N, H]``, ``N`` at least 1.
        starts, lengths: First and last step of the grid that each has reported, from 1 on, ``[N]``.
        incumbent: The incumbent.

    Example:
        >>> trials = np.array([[-1000.0, -5, -4, -3]] * 5), np.array([1] * 5), np.array([4] * 5)
        >>> initial_level(*trials, incumbent=-2.5), initial_level(*trials, incumbent=900)
        (-5.0, -1000.0)
    """
    level = lower_median(values[np.arange(len(values)), starts - 1])
    for step in range(1, min(FIRST_STEPS + 1, values.shape[1])):
        known = (starts == 1) & (lengths > step)
        if np.count_nonzero(known) < MIN_STARTS:
            break
        before, after = (lower_median(values[known, at]) for at in (step - 1, step))
        if 0 < incumbent - after < LEFT_OVER * (incumbent - before):
            level = after
    return level


class Comparison:
    """Quantities that several features of ``T`` trials share.

    Attributes:
        context, gains, cutoff: What is compared, see :func:`lcstop.ranking.features.features`.
        start: First step of the grid that the trials have reported at, from 1 on.
        starts: The same of the other trials, ``[N]``.
        finished: Other trials with a curve that ran to their own end, ``[N]``.
        n, n_finished, n_reached: Other trials, those that finished, those that are known at the cutoff.
        others: Values of the other trials, :data:`MISSING` before their starts and after their lengths,
            ``[N, H]``.
        others_best: Their running best, ``[N, H]``. For the target ``final`` their values, the last of which
            stands for the steps after it.
        final_best: The last column of ``others_best``, ``[N]``.
        own_best: The running best of the trials until the cutoff, or their values, ``[T, cutoff]``.
        incumbent_index: Index of the trial that holds the incumbent; of the best trial so far while none has
            finished.
        incumbent, initial_level, value_range: The incumbent, the level where the trials began, see
            :func:`initial_level`, and the distance of the two, at least :data:`EPSILON`.
        now, best: Values of the trials at the cutoff, and the last column of ``own_best``, ``[T]``.
        reached, went_on: Other trials that are known at the cutoff, and after it, ``[N]``.
        others_now: ``others`` at the cutoff, ``[N]``.
        pairwise_sign_now: :func:`pairwise_sign` of each two other trials at the cutoff, ``[N, N]``.
        pairwise_sign: The same at the last step that both have reached, ``[N, N]``.
        others_rank: Normal scores at the cutoff of those that have reached it, 0 for the rest, ``[N]``.
        others_score: Normal scores of all, by ``pairwise_sign``, ``[N]``.
    """

    def __init__(
        self, context: Context, gains: Array, cutoff: int, start: int = 1, target: Target = "best"
    ) -> None:
        self.context, self.gains, self.cutoff, self.start = context, gains, cutoff, start
        lengths, finished = context.lengths, context.finished
        self.n, horizon = context.gains.shape
        self.starts = np.ones(self.n, np.int64) if context.starts is None else context.starts
        has_incumbent = bool(finished.any())
        self.finished = finished & ((self.starts < horizon) | (horizon == 1))
        self.n_finished = int(np.count_nonzero(self.finished))
        steps = np.arange(horizon)
        self.others = np.where(steps < lengths[:, None], context.gains, MISSING)
        if target == "best":
            self.others_best = np.maximum.accumulate(self.others, axis=1)
        else:
            last = self.others[np.arange(self.n), lengths - 1]
            self.others_best = np.where(steps < lengths[:, None], self.others, last[:, None])
        self.final_best = self.others_best[:, -1]
        held = np.where(finished, self.final_best, MISSING) if has_incumbent else self.final_best
        self.incumbent_index = int(held.argmax())
        self.incumbent = float(held[self.incumbent_index])
        has_curve = self.starts < horizon
        told = has_curve if has_curve.any() else np.ones(self.n, bool)
        self.initial_level = initial_level(
            self.others[told], self.starts[told], lengths[told], self.incumbent
        )
        self.value_range = max(self.incumbent - self.initial_level, EPSILON)

        own = gains[:, :cutoff]
        self.own_best = np.maximum.accumulate(own, axis=1) if target == "best" else own
        self.now, self.best = gains[:, cutoff - 1], self.own_best[:, -1]
        started = self.starts <= cutoff
        self.reached, self.went_on = started & (lengths >= cutoff), started & (lengths > cutoff)
        self.n_reached = int(np.count_nonzero(self.reached))
        self.others_now = self.others[:, cutoff - 1]
        self.pairwise_sign_now = pairwise_sign(self.others_now[:, None], self.others_now)
        # As share_beaten, but among the trials that have reached the cutoff, without the trial itself.
        lead = self.pairwise_sign_now @ self.reached.astype(np.float64)
        share = (lead + self.n_reached) / (2 * max(self.n_reached, 1))
        self.others_rank = np.where(self.reached, normal_score(share), 0.0)

        last = np.minimum(lengths[:, None], lengths)
        values = self.others[np.arange(self.n)[:, None], last - 1]
        both_started = np.maximum(self.starts[:, None], self.starts) <= last
        self.pairwise_sign = pairwise_sign(values, values.T) * both_started
        self.others_score = normal_score((self.pairwise_sign.sum(1) + self.n) / (2 * self.n))
