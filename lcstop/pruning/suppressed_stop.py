"""Stops that are decided and not made: of audited trials, and of all trials in shadow mode."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from lcstop.curves.curve import Curve, Direction, Target, better

SuppressedBy = Literal["audit", "shadow"]
"""Why a trial goes on although it would be stopped: it is audited, or the pruner runs in shadow mode."""


@dataclass(frozen=True)
class SuppressedStop:
    """The record of the first stop of a trial that was decided and not made.

    Attributes:
        step: Last step that was known.
        to_beat: See :meth:`lcstop.StudyView.to_beat`; None if there was no value yet.
        kind: Why the trial goes on.
        reason: Why the trial would have been stopped, and that it goes on.

    Example:
        >>> stop = SuppressedStop(3.0, 0.9, "audit", "poor; audited, so it goes on")
        >>> SuppressedStop.from_json(stop.to_json()) == stop
        True
    """

    step: float
    to_beat: float | None
    kind: SuppressedBy
    reason: str

    def to_json(self) -> dict[str, Any]:
        """For :meth:`from_json`."""
        return {"step": self.step, "to_beat": self.to_beat, "kind": self.kind, "reason": self.reason}

    @classmethod
    def from_json(cls, content: Any) -> SuppressedStop | None:
        """The object that :meth:`to_json` was called on; None if ``content`` is None or damaged."""
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
class AuditedTrial:
    """A trial that has ended and whose stop was suppressed.

    Attributes:
        curve: What it reported.
        suppressed_stop: The record of the stop.
        finished: Whether it ran to its own end.
    """

    curve: Curve
    suppressed_stop: SuppressedStop
    finished: bool

    @cached_property
    def rest(self) -> Curve:
        """What it reported after the suppressed stop."""
        later = self.curve.steps > self.suppressed_stop.step
        return Curve(self.curve.steps[later], self.curve.values[later], self.curve.horizon)

    def won(self, direction: Direction, target: Target) -> bool:
        """Whether the stop would have been wrong, counted as the benchmark counts wrong stops.

        For the target ``best``: whether the trial later went beyond the best value that any trial had
        reported by the stop. For ``final``: whether it ended better than every trial that had finished.

        Example:
            >>> stop = SuppressedStop(1.0, 0.9, "audit", "")
            >>> trial = AuditedTrial(Curve([1, 2, 3], [0.1, 0.95, 0.6], horizon=3), stop, finished=True)
            >>> trial.won("maximize", "best"), trial.won("maximize", "final")
            (True, False)
        """
        value = self.rest.best(direction)
        if target == "final" and value is not None:
            value = float(self.rest.values[-1])
        if value is None or not math.isfinite(value):
            return False
        to_beat = self.suppressed_stop.to_beat
        return to_beat is None or better(value, to_beat, direction)
