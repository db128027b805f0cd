"""Ranker: a trial goes on as long as it may well end among the best of its study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lcstop.curves.curve import Curve, Direction
from lcstop.curves.curve_list import CurveList
from lcstop.ranking.comparison import MISSING, Comparison
from lcstop.ranking.features import TrialFeatures
from lcstop.ranking.grid import align
from lcstop.ranking.numpy_network import NumpyStudyNetwork

MAX_UNKNOWN_GAIN = 4.0
"""Highest remaining gain that is estimated while no trial has finished, and the one at a first report."""


class Ranking(NamedTuple):
    """What the network says of a trial.

    Attributes:
        p_top: Probability that it ends in the best tenth of the study's configurations.
        p_beat: Probability that it beats the incumbent.
        has_params: Whether there are hyperparameters to compare. Both probabilities are then the higher of
            what the network says with and without them. Hyperparameters can save a trial, never stop it: a
            region whose trials were stopped early looks worse than it is, and would not be tried again.
        leads: Whether it is the best at its step of all trials that have reached that step, or better than
            any other trial at any step.
        remaining_gain: Median gain of the finished trials after this step, in units of the spread of all
            trials at this step (from their 10 % to their 90 % quantile). Where it is large, ranks say little
            yet. While no trial has finished it is estimated: four times the gain that there would be if every
            doubling of the steps brought as much as the last one, at most :data:`MAX_UNKNOWN_GAIN`.
    """

    p_top: float
    p_beat: float
    has_params: bool
    leads: bool
    remaining_gain: float


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
    ) -> Ranking | None:
        """What is to be expected of ``trial``; None where there is no other trial to compare it with.

        Args:
            trial: The trial.
            finished: Trials that ran to their own end.
            unfinished: Trials that are running or were stopped.
            direction: Of the metric.
            use_params: Whether hyperparameters are compared.
        """
        seen = align(trial, finished, unfinished, direction, use_params=use_params)
        if seen is None:
            return None
        view = TrialFeatures(seen.context, seen.gains, seen.cutoff)
        has_params, remaining_gain = seen.has_params, _remaining_gain(view.study)
        found = self._network.probabilities(view.features(None))
        if has_params:
            found = np.maximum(found, self._network.probabilities(view.features(seen.configurations())))
        # Between two points of a grid that is coarser than its reports, a trial may just have taken the lead.
        leads = _leads(view.study) or _surpasses(trial, finished, unfinished, direction)
        return Ranking(float(found[0]), float(found[1]), has_params, leads, remaining_gain)


def _leads(study: Comparison) -> bool:
    others = study.others_best[study.reached, study.cutoff - 1]
    return bool(len(others) and study.best[0] > others.max())


def _remaining_gain(study: Comparison) -> float:
    best, cutoff, horizon = study.others_best, study.cutoff, study.gains.shape[1]
    ended = best[study.context.finished]
    ended = ended[ended[:, cutoff - 1] > MISSING]
    if len(ended):
        most, gained = math.inf, ended[:, -1] - ended[:, cutoff - 1]
    else:
        half = cutoff // 2
        own = np.maximum.accumulate(study.gains, axis=1)
        here = np.concatenate([best[study.reached], own])[:, :cutoff]
        here = here[here[:, half - 1] > MISSING] if half else here[:0]
        if not len(here):
            return MAX_UNKNOWN_GAIN
        doublings = math.log2(horizon / cutoff) / math.log2(cutoff / half)
        most, gained = MAX_UNKNOWN_GAIN, 4 * doublings * (here[:, -1] - here[:, half - 1])
    remaining_gain = float(np.quantile(gained, 0.5))
    if remaining_gain <= 0:
        return 0.0
    now = np.concatenate([study.others_now[study.reached], study.now])
    now = now[now > MISSING]
    low, high = np.quantile(now, [0.1, 0.9]).tolist()
    spread = high - low
    return min(most, remaining_gain / spread if spread > 0 else math.inf)


def _surpasses(
    trial: Curve, finished: Sequence[Curve], unfinished: Sequence[Curve], direction: Direction
) -> bool:
    own = trial.best(direction)
    if own is None:
        return False
    others = CurveList.wrap(finished), CurveList.wrap(unfinished)
    if direction == "maximize":
        return not any(curves.max_value >= own for curves in others)
    return not any(curves.min_value <= own for curves in others)
