"""StudyPolicy: a trial goes on as long as it may well end among the best of its study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from lcstop.curve import Curve, Direction
from lcstop.curve_list import CurveList
from lcstop.studies.features import NONE, features, with_and_without
from lcstop.studies.network import StudyNetwork
from lcstop.studies.view import Look, look
from lcstop.threads import apart

MOST_UNKNOWN = 4.0
"""The most that is taken to be to come as long as no trial has finished, and with a first report."""


class Verdict(NamedTuple):
    """What the network says of a trial.

    Attributes:
        p_top: Probability that it ends in the best tenth of the study's configurations.
        p_beat: Probability that it beats the incumbent.
        informed: Whether hyperparameters were compared. Both probabilities are then the higher of what the
            network says with and without them, so that they may speak for a trial and never against it:
            a region whose trials were stopped early looks worse than it is, and would not be tried again.
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
        self._network = StudyNetwork.load()

    def verdict(
        self,
        trial: Curve,
        finished: Sequence[Curve],
        unfinished: Sequence[Curve],
        direction: Direction,
        *,
        use_params: bool = True,
    ) -> Verdict | None:
        """What is to be expected of ``trial``; None where there is no other trial to compare it with."""
        seen = look(trial, finished, unfinished, direction, use_params=use_params)
        if seen is None:
            return None
        found = apart(lambda: self._verdict(seen))
        # Between two points of a grid that is coarser than its reports, a trial may just have taken the lead.
        return found._replace(leads=found.leads or _surpasses(trial, finished, unfinished, direction))

    def _verdict(self, seen: Look) -> Verdict:
        informed = bool(seen.context.known)
        with torch.inference_mode():
            rows = with_and_without(*seen)[:, 0, 0] if informed else features(*seen)[0]
            standing = self._network(rows.float())
            p_top, p_beat = float(standing.p_top().max()), float(standing.beats.sigmoid().max())
            return Verdict(p_top, p_beat, informed, _leads(seen), _to_come(seen))


def _leads(seen: Look) -> bool:
    cutoff = int(seen.cutoff)
    so_far = seen.context.gains[..., :cutoff].amax(2)[seen.context.lengths >= cutoff]
    return bool(len(so_far)) and bool(seen.gains[..., :cutoff].amax() > so_far.max())


def _to_come(seen: Look) -> float:
    cutoff = int(seen.cutoff)
    gains = torch.cat([seen.context.gains, seen.gains], 1)[0]
    lengths = torch.cat([seen.context.lengths[0], seen.cutoff])
    steps = torch.arange(gains.shape[1])
    best = gains.masked_fill(steps >= lengths[:, None], NONE).cummax(1).values
    ended = best[:-1][seen.context.finished[0]]
    ended = ended[ended[:, cutoff - 1] > NONE]
    if len(ended):
        most, gained = math.inf, ended[:, -1] - ended[:, cutoff - 1]
    else:
        half = cutoff // 2
        here = best[lengths >= cutoff]
        here = here[here[:, half - 1] > NONE] if half else here[:0]
        if not len(here):
            return MOST_UNKNOWN
        doublings = math.log2(len(steps) / cutoff) / math.log2(cutoff / half)
        most, gained = MOST_UNKNOWN, 4 * doublings * (here[:, cutoff - 1] - here[:, half - 1])
    to_come = float(gained.quantile(0.5))
    now = gains[lengths >= cutoff, cutoff - 1]
    low, high = now[now > NONE].quantile(torch.tensor([0.1, 0.9], dtype=now.dtype)).tolist()
    if to_come <= 0:
        return 0.0
    return min(most, to_come / (high - low) if high > low else math.inf)


def _surpasses(
    trial: Curve, finished: Sequence[Curve], unfinished: Sequence[Curve], direction: Direction
) -> bool:
    own = trial.best(direction)
    if own is None:
        return False
    others = CurveList(finished), CurveList(unfinished)
    if direction == "maximize":
        return not any((curves.high >= own).any() for curves in others)
    return not any((curves.low <= own).any() for curves in others)
