"""What a stopping decision is made from and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from lcstop.curves.curve import Curve, Direction
from lcstop.curves.curve_list import CurveList
from lcstop.curves.scale import MetricScale

Target = Literal["best", "final"]

Kind = Literal["audit", "shadow"]
"""Why a trial goes on that would be stopped: it is audited, or nothing is stopped at all."""


@dataclass(frozen=True)
class Mark:
    """What is put on record of a trial when it would be stopped first, and goes on.

    Attributes:
        step: Last step that was known.
        to_beat: See :meth:`StudyView.to_beat`; None if there was no value yet.
        kind: Why it goes on.
        reason: Why it would have been stopped, and that it goes on.

    Example:
        >>> mark = Mark(3.0, 0.9, "audit", "poor; audited, so it goes on")
        >>> Mark.from_json(mark.to_json()) == mark
        True
    """

    step: float
    to_beat: float | None
    kind: Kind
    reason: str

    def to_json(self) -> dict[str, Any]:
        """For :meth:`from_json`."""
        return {"step": self.step, "to_beat": self.to_beat, "kind": self.kind, "reason": self.reason}

    @classmethod
    def from_json(cls, content: Any) -> Mark | None:
        """The mark that :meth:`to_json` was called on; None if ``content`` is none, or is damaged."""
        try:
            to_beat, kind = content["to_beat"], content["kind"]
            if kind not in ("audit", "shadow"):
                return None
            return cls(
                float(content["step"]),
                None if to_beat is None else float(to_beat),
                kind,
                str(content["reason"]),
            )
        except (TypeError, KeyError, ValueError):
            return None


@dataclass(frozen=True, eq=False)
class Spared:
    """A trial that has ended, and would have been stopped before.

    Attributes:
        curve: What it reported.
        mark: What is on record of the stop that was not made.
        finished: Whether it ran to its own end.
    """

    curve: Curve
    mark: Mark
    finished: bool

    @cached_property
    def rest(self) -> Curve:
        """What it reported after it would have been stopped."""
        later = self.curve.steps > self.mark.step
        return Curve(self.curve.steps[later], self.curve.values[later], self.curve.horizon)

    def won(self, direction: Direction, target: Target) -> bool:
        """Whether the stop would have been wrong, as the benchmark counts it: it would have killed a winner.

        For the target ``best``: whether the trial has afterwards gone beyond the best value that any trial
        had reported by then. For ``final``: whether it ended better than every trial that had finished.

        Example:
            >>> spared = Spared(Curve([1, 2, 3], [0.1, 0.95, 0.6], 3), Mark(1.0, 0.9, "audit", ""), True)
            >>> spared.won("maximize", "best"), spared.won("maximize", "final")
            (True, False)
        """
        value = self.rest.best(direction)
        if target == "final" and value is not None:
            value = float(self.rest.values[-1])
        if value is None or not math.isfinite(value):
            return False
        return self.mark.to_beat is None or better(value, self.mark.to_beat, direction)


@dataclass(frozen=True)
class StudyView:
    """The other trials of the study, without the one that is judged.

    Args:
        direction: ``maximize`` or ``minimize``.
        finished: Curves of trials that ran to their own end; only these can hold the incumbent.
        unfinished: Curves of trials that are running or were stopped, for surrogates that look at them.
        judged: What the framework calls the trial that is judged, the same in every process and after every
            restart; a trial without a name is never audited.
        n_stopped: How many trials were stopped.
        spared: Trials that have ended and would have been stopped before; their curves are in ``finished`` or
            ``unfinished``, too.
    """

    direction: Direction
    finished: Sequence[Curve] = ()
    unfinished: Sequence[Curve] = ()
    judged: str | None = None
    n_stopped: int = 0
    spared: Sequence[Spared] = ()

    def incumbent(self, target: Target) -> float | None:
        """Best value of the finished trials: on the whole curve, or at its end; None if there is none.

        Example:
            >>> overfitted = Curve([1, 2, 3], [0.5, 0.9, 0.6], horizon=3)
            >>> study = StudyView("maximize", finished=[overfitted])
            >>> study.incumbent("best"), study.incumbent("final")
            (0.9, 0.6)
        """
        return _best(CurveList.known(self.finished), self.direction, target)

    def to_beat(self, trial: Curve, target: Target) -> float | None:
        """What ``trial`` has to go beyond for its stop to be wrong, as the benchmark counts wrong stops.

        The best value that any trial has reported, finished or not, the judged one among them; for the target
        ``final`` the incumbent. None if there is no value.

        Example:
            >>> stopped = Curve([1], [0.8], horizon=3)
            >>> study = StudyView("maximize", [Curve([1, 2, 3], [0.5, 0.7, 0.6], horizon=3)], [stopped])
            >>> trial = Curve([1], [0.2], horizon=3)
            >>> study.to_beat(trial, "best"), study.to_beat(trial, "final")
            (0.8, 0.6)
        """
        if target == "final":
            return self.incumbent(target)
        everyone = *map(CurveList.known, (self.finished, self.unfinished)), CurveList([trial])
        values = (_best(curves, self.direction, target) for curves in everyone)
        known = [value for value in values if value is not None]
        return (max if self.direction == "maximize" else min)(known, default=None)


def _best(curves: CurveList, direction: Direction, target: Target) -> float | None:
    maximize = direction == "maximize"
    if target == "final":
        best = float((np.fmax if maximize else np.fmin).reduce(curves.last, initial=math.nan))
    else:
        best = curves.greatest if maximize else curves.least
    return None if math.isnan(best) else best


@dataclass(frozen=True)
class Decision:
    """The outcome of one judgement.

    Attributes:
        stop: Whether the trial should be stopped.
        reason: One line for people.
        cutoff: Last observed step of the curve that was judged.
        p_beat: Probability that the trial beats the incumbent, None where nothing was forecast.
        p_top: Probability that it ends in the best tenth of the study's configurations; policy ``study``. See
            :meth:`lcstop.PrunerCore.decide` for trials that go on.
        incumbent: Best value so far, None if no trial has finished.
        median: Predicted median at the horizon, in the metric's units; policy ``study`` predicts it for
            trials that it stops.
        interval: Predicted 5 % and 95 % quantiles at the horizon.
        scale: The scale on which the forecast was made, to draw or repeat it.
        converged: Whether the trial should end since it has hardly anything to gain: it is then a finished
            trial, whatever the others do, and no stopped one.
        spared: Why a trial that would be stopped goes on; None for every other trial.
        to_beat: See :meth:`StudyView.to_beat`, of a trial that is spared.
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
    spared: Kind | None = None
    to_beat: float | None = None

    @property
    def says_stop(self) -> bool:
        """Whether the trial is stopped, or would be were it not spared."""
        return self.stop or self.spared is not None

    @property
    def mark(self) -> Mark | None:
        """What to put on record of a trial that is spared; None for every other trial."""
        return None if self.spared is None else Mark(self.cutoff, self.to_beat, self.spared, self.reason)


def better(value: float, other: float, direction: Direction) -> bool:
    """Whether ``value`` is better than ``other``.

    Example:
        >>> better(0.2, 0.1, "minimize")
        False
    """
    return value > other if direction == "maximize" else value < other
