"""What a stopping decision is made from and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lcstop.curve import Curve, Direction
from lcstop.scale import MetricScale


@dataclass(frozen=True)
class StudyView:
    """The other trials of the study, without the one that is judged.

    Args:
        direction: ``maximize`` or ``minimize``.
        finished: Curves of trials that ran to their own end; only these can hold the incumbent.
        unfinished: Curves of trials that are running or were stopped, for surrogates that look at them.
    """

    direction: Direction
    finished: Sequence[Curve] = ()
    unfinished: Sequence[Curve] = ()

    def incumbent(self, target: Literal["best", "final"]) -> float | None:
        """Best value of the finished trials: on the whole curve, or at its end; None if there is none.

        Example:
            >>> overfitted = Curve([1, 2, 3], [0.5, 0.9, 0.6], horizon=3)
            >>> study = StudyView("maximize", finished=[overfitted])
            >>> study.incumbent("best"), study.incumbent("final")
            (0.9, 0.6)
        """
        if target == "best":
            values = [value for curve in self.finished if (value := curve.best(self.direction)) is not None]
        else:
            ends = [float(curve.values[-1]) for curve in self.finished if len(curve)]
            values = [end for end in ends if math.isfinite(end)]
        return (max if self.direction == "maximize" else min)(values, default=None)


@dataclass(frozen=True)
class Decision:
    """The outcome of one judgement.

    Attributes:
        stop: Whether the trial should be stopped.
        reason: One line for people.
        cutoff: Last observed step of the curve that was judged.
        p_beat: Probability that the trial beats the incumbent, None where nothing was forecast.
        p_top: Probability that it ends in the best tenth of the study's configurations; policy ``study``.
        incumbent: Best value so far, None if no trial has finished.
        median: Predicted median at the horizon, in the metric's units; policy ``study`` predicts it for
            trials that it stops.
        interval: Predicted 5 % and 95 % quantiles at the horizon.
        scale: The scale on which the forecast was made, to draw or repeat it.
        converged: Whether the trial should end since it has hardly anything to gain: it is then a finished
            trial, whatever the others do, and no stopped one.
    """

    stop: bool
    reason: str
    cutoff: float
    p_beat: float | None = None
    incumbent: float | None = None
    median: float | None = None
    interval: tuple[float, float] | None = None
    scale: MetricScale | None = None
    p_top: float | None = None
    converged: bool = False
