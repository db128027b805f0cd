"""Ranker: a trial goes on as long as it may well end among the best of its study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from lcstop.curves.curve import Curve, Direction, Target
from lcstop.curves.curve_list import CurveList
from lcstop.ranking.comparison import MISSING, Array, Comparison
from lcstop.ranking.features import TrialFeatures
from lcstop.ranking.grid import align
from lcstop.ranking.numpy_network import NumpyStudyNetwork, best_of

LARGE_REMAINING_GAIN = 2.0
"""Remaining gain, in units of the trials' spread, above which ranks, and a curve, count for less."""

MAX_UNKNOWN_GAIN = 4.0
"""Highest estimate while no trial has finished, and the remaining gain at a first report."""

_WITH_PARAMS, _WITHOUT_PARAMS = (-0.73, -0.21), (0.22, -0.16)
"""Correction of the log-odds of becoming the best: a constant, and a factor of the log of the share of the
horizon."""

_FIRST_SHARE = 0.02
"""Share of the horizon before which no trial was judged in these searches."""

MIN_BY_CURVE, MAX_BY_CURVE = 0.2, 1.5
"""Probability by the trial's own curve below which lower ones add nothing; log-odds above it that count."""

_CURVE_INTERCEPT, _CURVE_WEIGHT = -0.57, 0.81
"""The same correction by the trial's own curve."""

_LEAVE_RATE = 0.1
"""Share of the trials at a common first value that must have left it lately for the rest to go on."""


class Ranking(NamedTuple):
    """What the network says of a trial.

    Attributes:
        p_top: Probability that it ends in the best tenth of the study's configurations.
        p_beat: Probability that it beats the incumbent.
        has_params: Whether there are hyperparameters to compare. Both probabilities above are then the higher
            of what the network says with and without them.
        leads: Whether it is the best at its step of all trials that have reached that step, or better than
            any other trial at any step.
        is_undecided: Whether nothing tells the trial from the others yet, see :func:`_is_undecided`.
        remaining_gain: Median gain of the finished trials after this step, in units of the spread of all
            trials at this step (from their 10 % to their 90 % quantile). Where it is large, ranks say little
            yet. While no trial has finished it is estimated: four times the gain that there would be if every
            doubling of the steps brought as much as the last one, at most :data:`MAX_UNKNOWN_GAIN`.
        shares: Probabilities of the bins between :data:`lcstop.ranking.numpy_network.QUANTILES`, ``[19]``,
            with hyperparameters where there are any.
        p_beat_informed: Probability that it beats the incumbent, likewise.
        share: Share of its horizon that the trial has reached.
    """

    p_top: float
    p_beat: float
    has_params: bool
    leads: bool
    is_undecided: bool
    remaining_gain: float
    shares: tuple[float, ...]
    p_beat_informed: float
    share: float

    def p_best(self, n_trials: float) -> float:
        """Probability that the trial becomes the best of ``n_trials`` trials, itself included.

        The network takes trials for independent, and learned from artificial studies. Two numbers correct for
        that. They were fitted to recorded searches (``research/larger-network.md``).
        """
        log_odds = logit(min(best_of(self.shares, n_trials), self.p_beat_informed))
        constant, factor = _WITH_PARAMS if self.has_params else _WITHOUT_PARAMS
        return float(expit(log_odds + constant + factor * math.log(max(self.share, _FIRST_SHARE))))

    def with_curve(self, p_best: float, p_beat: float) -> float:
        """The probability of :meth:`p_best`, corrected by a forecast of the trial's own curve.

        The network sees little of the curve but ranks, so both together know more than either. The forecast
        knows nothing of the study: it counts for less where :attr:`remaining_gain` is large, as before a
        learning rate falls. The numbers were fitted like those of :meth:`p_best`
        (``research/best-by-own-curve.md``).

        Args:
            p_best: The probability without it.
            p_beat: Probability that the trial ends better than the incumbent by that forecast.
        """
        by_curve = np.clip(logit(p_beat) - logit(MIN_BY_CURVE), 0, MAX_BY_CURVE)
        trust = LARGE_REMAINING_GAIN / max(self.remaining_gain, LARGE_REMAINING_GAIN)
        return float(expit(logit(p_best) + trust * (_CURVE_INTERCEPT + _CURVE_WEIGHT * by_curve)))


class Ranker:
    """Forecasts where a trial will stand in its study.

    Raises:
        WeightsError: If the weights are missing or damaged.

    Example:
        >>> others = [Curve([1, 2, 3], [0.1 * i, 0.2 * i, 0.3 * i], 3) for i in range(1, 4)]
        >>> policy = Ranker()
        >>> poor = policy.rank(Curve([1, 2], [0.05, 0.06], 3), others, [], "maximize")
        >>> rich = policy.rank(Curve([1, 2], [0.4, 0.7], 3), others, [], "maximize")
        >>> poor.p_top < rich.p_top
        True
    """

    def __init__(self) -> None:
        self._network = NumpyStudyNetwork.load()

    def rank(
        self,
        trial: Curve,
        finished: Sequence[Curve],
        unfinished: Sequence[Curve],
        direction: Direction,
        *,
        use_params: bool = True,
        target: Target = "best",
    ) -> Ranking | None:
        """What is to be expected of ``trial``; None where there is no other trial to compare it with.

        Args:
            trial: The trial.
            finished: Trials that ran to their own end.
            unfinished: Trials that are running or were stopped.
            direction: Of the metric.
            use_params: Whether hyperparameters are compared.
            target: Whether the best value of a trial on its way counts or the one at its end.
        """
        seen = align(trial, finished, unfinished, direction, use_params=use_params)
        if seen is None:
            return None
        view = TrialFeatures(seen.context, seen.gains, seen.cutoff, seen.start, target)
        configurations = seen.configurations()
        compared = [None] if configurations is None else [None, configurations]
        features = view.features(compared)[:, 0]
        found = self._network.probabilities(features)
        # Between two points of a grid that is coarser than its reports, a trial may just have taken the lead.
        leads = _leads(view.study) or _surpasses(trial, finished, unfinished, direction, target)
        undecided = _is_undecided(view.study)
        return Ranking(
            float(found.top.max()),
            float(found.beat.max()),
            configurations is not None,
            leads,
            undecided,
            _remaining_gain(view.study),
            tuple(found.shares[-1].tolist()),
            float(found.beat[-1]),
            trial.share,
        )


def is_undecided(
    trial: Curve, finished: Sequence[Curve], unfinished: Sequence[Curve], direction: Direction
) -> bool:
    """Whether others are known at the trial's steps, and nothing tells it from them yet.

    For rules that do not rank. They judge a trial by itself where no other is known at its steps.

    Example:
        >>> flat, other_start = Curve([1, 2], [0.1, 0.1], 5), Curve([1, 2], [0.2, 0.3], 5)
        >>> [is_undecided(flat, [], [other], "maximize") for other in (flat, other_start)]
        [True, False]
    """
    seen = align(trial, finished, unfinished, direction, use_params=False)
    if seen is None:
        return False
    study = Comparison(seen.context, seen.gains, seen.cutoff, seen.start)
    return bool((study.starts <= study.cutoff).any()) and _is_undecided(study)


def _leads(study: Comparison) -> bool:
    others = study.others_best[study.reached, study.cutoff - 1]
    return bool(len(others) and study.best[0] > others.max())


def _is_undecided(study: Comparison) -> bool:
    """Whether the trial is exactly like all others so far, or still where they all began and may leave soon.

    All others that have come as far count; if there are none, all up to the last step that each shares with
    the trial. A trial that has not moved since its first report may leave that value soon if at least a tenth
    of those that were still there at half its steps have left since.
    """
    cutoff, own = study.cutoff, study.gains[0, study.start - 1 : study.cutoff]
    counted = study.reached if study.n_reached else np.ones(study.n, bool)
    steps = np.arange(study.start, cutoff + 1)
    known = (study.starts[counted, None] <= steps) & (steps <= study.context.lengths[counted, None])
    same = (study.others[counted, study.start - 1 : cutoff] == own) | ~known
    if same.all():
        return True
    if not study.n_reached or (own != own[0]).any():
        return False
    still_there = np.logical_and.accumulate(same, axis=1)
    half = still_there[:, (len(own) - 1) // 2]
    left = half & ~still_there[:, -1]
    return bool(left.any()) and int(left.sum()) >= _LEAVE_RATE * int(half.sum())


def _remaining_gain(study: Comparison) -> float:
    best, cutoff, horizon = study.others_best, study.cutoff, study.gains.shape[1]
    ended = best[study.finished]
    ended = ended[ended[:, cutoff - 1] > MISSING]
    if len(ended):
        most, gained = math.inf, ended[:, -1] - ended[:, cutoff - 1]
    else:
        half = cutoff // 2
        here = np.concatenate([best[study.reached, :cutoff], study.own_best])
        here = here[here[:, half - 1] > MISSING] if half else here[:0]
        if not len(here):
            return MAX_UNKNOWN_GAIN
        doublings = math.log2(horizon / cutoff) / math.log2(cutoff / half)
        most, gained = MAX_UNKNOWN_GAIN, 4 * doublings * (here[:, -1] - here[:, half - 1])
    gained.sort()
    remaining_gain = _quantile(gained, 0.5)
    if remaining_gain <= 0:
        return 0.0
    now = np.concatenate([study.others_now[study.reached], study.now])
    now = now[now > MISSING]
    if not len(now):  # values so large that none of them is finite on the grid
        return most
    now.sort()
    spread = _quantile(now, 0.9) - _quantile(now, 0.1)
    return min(most, remaining_gain / spread if spread > 0 else math.inf)


def _quantile(ordered: Array, q: float) -> float:
    """The same as ``np.quantile`` of sorted values ``[n]``, which takes 50 microseconds more."""
    at = q * (len(ordered) - 1)
    lower, share = int(at), at % 1
    low, high = ordered[lower : lower + 2].tolist() if share else 2 * [float(ordered[lower])]
    distance = high - low
    return float(low + distance * share if share < 0.5 else high - distance * (1 - share))


def _surpasses(
    trial: Curve,
    finished: Sequence[Curve],
    unfinished: Sequence[Curve],
    direction: Direction,
    target: Target,
) -> bool:
    """Whether the trial is better than any other trial at any step, or its last value than every end."""
    if target == "final":
        ends = CurveList.wrap(finished).last
        last = float(trial.values[-1])
        return len(ends) > 0 and not bool((ends >= last if direction == "maximize" else ends <= last).any())
    own = trial.best(direction)
    if own is None:
        return False
    others = CurveList.wrap(finished), CurveList.wrap(unfinished)
    if direction == "maximize":
        return not any(curves.max_value >= own for curves in others)
    return not any(curves.min_value <= own for curves in others)
