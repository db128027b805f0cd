"""StudyPolicy: a trial goes on as long as it may well end among the best of its study."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lcstop.curves.curve import Curve, Direction
from lcstop.curves.curve_list import CurveList
from lcstop.ranking.comparison import NONE, Array, Comparison
from lcstop.ranking.features import View
from lcstop.ranking.grid import look
from lcstop.ranking.numpy_network import QuickStudyNetwork

MOST_UNKNOWN = 4.0
"""The most that is taken to be to come as long as no trial has finished, and with a first report."""


class Verdict(NamedTuple):
    """What the network says of a trial.

    Attributes:
        p_top: Probability that it ends in the best tenth of the study's configurations.
        p_beat: Probability that it beats the incumbent.
        informed: Whether there are hyperparameters to compare. Both probabilities are then the higher of what
            the network says with and without them, so that they may speak for a trial and never against it:
            a region whose trials were stopped early looks worse than it is, and would not be tried again.
            Where what it says without them was enough (``asked``), they are that.
        leads: Whether it is the best at its step of all trials that have come as far, or better than any
            other trial has ever been.
        to_come: What trials that finished have still gained after this step (median), in units of how far
            trials are apart at this step (their 10 % to 90 % quantiles): where it is large, ranks say little
            yet. As long as no trial has finished, four times what there would be if every doubling of the
            steps brought as much as the last one did, and at most :data:`MOST_UNKNOWN`.
    """

    p_top: float
    p_beat: float
    informed: bool
    leads: bool
    to_come: float


class StudyPolicy:
    """Forecasts where a trial will stand in its study.

    Raises:
        WeightsError: If the weights are missing or damaged.

    Example:
        >>> others = [Curve([1, 2, 3], [0.1 * i, 0.2 * i, 0.3 * i], 3) for i in range(1, 4)]
        >>> policy = StudyPolicy()
        >>> poor = policy.verdict(Curve([1, 2], [0.05, 0.06], 3), others, [], "maximize")
        >>> rich = policy.verdict(Curve([1, 2], [0.4, 0.7], 3), others, [], "maximize")
        >>> poor.p_top < rich.p_top
        True
    """

    def __init__(self) -> None:
        self._network = QuickStudyNetwork.load()

    def verdict(
        self,
        trial: Curve,
        finished: Sequence[Curve],
        unfinished: Sequence[Curve],
        direction: Direction,
        *,
        use_params: bool = True,
        asked: Callable[[float], float] | None = None,
    ) -> Verdict | None:
        """What is to be expected of ``trial``; None where there is no other trial to compare it with.

        Args:
            trial: The trial.
            finished: Trials that ran to their own end.
            unfinished: Trials that are running or were stopped.
            direction: Of the metric.
            use_params: Whether hyperparameters are compared.
            asked: What is asked of ``p_top``, given ``to_come``, where there are hyperparameters. If the
                network says more without them they cannot change that, and are left out to save time.
        """
        seen = look(trial, finished, unfinished, direction, use_params=use_params)
        if seen is None:
            return None
        view = View(seen.context, seen.gains, seen.cutoff)
        informed, to_come = seen.informed, _to_come(view.study)
        found = self._network.probabilities(view.features(None))
        if informed and (asked is None or found[0] <= asked(to_come)):
            found = np.maximum(found, self._network.probabilities(view.features(seen.configurations())))
        # Between two points of a grid that is coarser than its reports, a trial may just have taken the lead.
        leads = _leads(view.study) or _surpasses(trial, finished, unfinished, direction)
        return Verdict(float(found[0]), float(found[1]), informed, leads, to_come)


def _leads(study: Comparison) -> bool:
    others = study.others_best[study.reached, study.cutoff - 1]
    return bool(len(others) and study.best[0] > others.max())


def _to_come(study: Comparison) -> float:
    best, cutoff, horizon = study.others_best, study.cutoff, study.gains.shape[1]
    ended = best[study.context.finished]
    ended = ended[ended[:, cutoff - 1] > NONE]
    if len(ended):
        most, gained = math.inf, ended[:, -1] - ended[:, cutoff - 1]
    else:
        half = cutoff // 2
        own = np.maximum.accumulate(study.gains, axis=1)
        here = np.concatenate([best[study.reached], own])[:, :cutoff]
        here = here[here[:, half - 1] > NONE] if half else here[:0]
        if not len(here):
            return MOST_UNKNOWN
        doublings = math.log2(horizon / cutoff) / math.log2(cutoff / half)
        most, gained = MOST_UNKNOWN, 4 * doublings * (here[:, -1] - here[:, half - 1])
    to_come = float(_quantiles(gained, [0.5])[0])
    if to_come <= 0:
        return 0.0
    now = np.concatenate([study.others_now[study.reached], study.now])
    now = now[now > NONE]
    low, high = _quantiles(now, [0.1, 0.9]).tolist()
    spread = high - low
    return min(most, to_come / spread if spread > 0 else math.inf)


def _quantiles(values: Array, shares: list[float]) -> Array:
    """As ``np.quantile``, in a tenth of the time."""
    last = len(values) - 1
    return np.interp([share * last for share in shares], np.arange(last + 1), np.sort(values))


def _surpasses(
    trial: Curve, finished: Sequence[Curve], unfinished: Sequence[Curve], direction: Direction
) -> bool:
    own = trial.best(direction)
    if own is None:
        return False
    others = CurveList.known(finished), CurveList.known(unfinished)
    if direction == "maximize":
        return not any(curves.greatest >= own for curves in others)
    return not any(curves.least <= own for curves in others)
