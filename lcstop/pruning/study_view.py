"""StudyView: the other trials of a study, from which a decision on one trial is made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lcstop.curves.curve import Curve, Direction, Target, check_direction
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.suppressed_stop import AuditedTrial


@dataclass(frozen=True)
class StudyView:
    """The other trials of the study, without the one that is judged.

    Args:
        direction: ``maximize`` or ``minimize``.
        finished: Curves of trials that ran to their own end; only these can hold the incumbent.
        unfinished: Curves of trials that are running or were stopped.
        judged: Name of the judged trial in its framework, the same in every process and after every restart;
            None for a trial that is never audited.
        n_stopped: How many trials ``lcstop`` has stopped.
        audited: Trials that have ended and whose stop was suppressed; their curves are also in ``finished``
            or ``unfinished``.
        only_infeasible: Whether trials have finished and all of them break a constraint. Infeasible trials
            are not listed, and only divergence stops a trial until a feasible one has finished.
        judgements: What is on record of the judged trial, oldest first; None if that is unknown. Each of its
            reports then counts as asked and judged.
        spent: Sum of the probabilities of becoming the best that the stopped trials had at their stops, in
            shadow mode at those that were not made.
        n_ended: How many trials have ended. A question that could not be judged is asked again once there
            are more.

    Raises:
        ValueError: If ``direction`` is neither ``maximize`` nor ``minimize``.
    """

    direction: Direction
    finished: Sequence[Curve] = ()
    unfinished: Sequence[Curve] = ()
    judged: str | None = None
    n_stopped: int = 0
    audited: Sequence[AuditedTrial] = ()
    only_infeasible: bool = False
    judgements: Sequence[JudgementRecord] | None = None
    n_ended: int = 0
    spent: float = 0.0

    def __post_init__(self) -> None:
        check_direction(self.direction)

    def incumbent(self, target: Target) -> float | None:
        """Best value of the finished trials: on the whole curve, or at its end; None if there is none.

        Example:
            >>> overfitted = Curve([1, 2, 3], [0.5, 0.9, 0.6], horizon=3)
            >>> study = StudyView("maximize", finished=[overfitted])
            >>> study.incumbent("best"), study.incumbent("final")
            (0.9, 0.6)
        """
        return _best(CurveList.wrap(self.finished), self.direction, target)

    def to_beat(self, trial: Curve, target: Target) -> float | None:
        """The value that ``trial`` must go beyond for its stop to be wrong; None if there is no value.

        For the target ``best`` it is the best value that any trial has reported, the judged one included; for
        ``final`` it is the incumbent.

        Example:
            >>> stopped = Curve([1], [0.8], horizon=3)
            >>> study = StudyView("maximize", [Curve([1, 2, 3], [0.5, 0.7, 0.6], horizon=3)], [stopped])
            >>> trial = Curve([1], [0.2], horizon=3)
            >>> study.to_beat(trial, "best"), study.to_beat(trial, "final")
            (0.8, 0.6)
        """
        if target == "final":
            return self.incumbent(target)
        everyone = *map(CurveList.wrap, (self.finished, self.unfinished)), CurveList([trial])
        values = (_best(curves, self.direction, target) for curves in everyone)
        known = [value for value in values if value is not None]
        return (max if self.direction == "maximize" else min)(known, default=None)


def _best(curves: CurveList, direction: Direction, target: Target) -> float | None:
    maximize = direction == "maximize"
    if target == "final":
        best = float((np.fmax if maximize else np.fmin).reduce(curves.last, initial=math.nan))
    else:
        best = curves.max_value if maximize else curves.min_value
    return None if math.isnan(best) else best
