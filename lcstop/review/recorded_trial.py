"""RecordedTrial: a trial read from the records of a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from lcstop.curves.curve import Curve
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_judgement
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop
from lcstop.review.wait import Wait, time_of_report

State = Literal["finished", "stopped", "running", "failed"]
"""``stopped``: by a pruner or scheduler. ``finished``: ran to its own end. ``failed``: raised an error."""

NO_REASON = "stopped, but the reason is not on record"
"""Words in place of a reason that is not on record."""

STATES: tuple[State, ...] = ("finished", "stopped", "running", "failed")

STATE_WORDS: dict[str, str] = {state: state for state in STATES} | {"finished": "completed"}
"""The states in texts for users."""


@dataclass(frozen=True, eq=False)
class RecordedTrial:
    """One recorded trial.

    Attributes:
        number: Number in the study, from 0, in the order of the starts.
        curve: Reports and hyperparameters.
        state: State at the time of reading.
        start: Time of the start, in seconds of any clock.
        end: Time of the end, in seconds of the same clock; of a running trial, the time of reading.
        reason: Why ``lcstop`` stopped it; None if ``lcstop`` did not stop it.
        attrs: Attributes that the user set.
        name: Name in the framework; empty if the framework has only numbers.
        full_curve: Curve without the stop; None if unknown.
        suppressed_stop: Its first suppressed stop; None if no stop was suppressed.
        judgements: Its judgements on record, oldest first.
        is_infeasible: Whether it has finished and a recorded constraint is violated. It is then never the
            best, nor are others compared with it.
        has_curve: Whether it has reported. A result without a curve is one point, at the horizon, and counts
            as a result alone.
        result: Value that the objective returned although the trial was stopped; None if it returned none.
        waits: Its waits after which it went on, in order.
        steps_again: Trained steps that are not in the curve: those trained twice after a wait, or in vain.
    """

    number: int
    curve: Curve
    state: State
    start: float
    end: float
    reason: str | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    full_curve: Curve | None = None
    suppressed_stop: SuppressedStop | None = None
    judgements: Sequence[JudgementRecord] = ()
    is_infeasible: bool = False
    has_curve: bool = True
    result: float | None = None
    waits: Sequence[Wait] = ()
    steps_again: float = 0.0

    @property
    def audited(self) -> AuditedTrial | None:
        """The trial with its suppressed stop; None if it has none, runs, has failed or is infeasible."""
        if self.suppressed_stop is None or self.state not in ("finished", "stopped") or self.is_infeasible:
            return None
        return AuditedTrial(self.curve, self.suppressed_stop, self.state == "finished")

    @cached_property
    def stop(self) -> JudgementRecord | None:
        """The judgement by which ``lcstop`` has stopped it; None if ``lcstop`` has not."""
        last = last_judgement(self.judgements)
        if self.state == "stopped" and last is not None and last.verdict == "stop":
            went_on = self.suppressed_stop is not None and self.suppressed_stop.step == last.step
            return None if went_on else last
        # The first release recorded only the reason.
        return None if self.reason is None else JudgementRecord(self.curve.cutoff, "stop")

    @property
    def is_stopped(self) -> bool:
        """Whether ``lcstop`` has stopped it."""
        return self.stop is not None

    @property
    def result_alone(self) -> Curve:
        """:attr:`result`, which is known, as one point at the horizon."""
        assert self.result is not None
        return Curve([self.curve.horizon], [self.result], self.curve.horizon)

    @property
    def is_result(self) -> bool:
        """Whether its value is a result of the study: it has finished and breaks no constraint."""
        return self.state == "finished" and not self.is_infeasible

    @property
    def epochs(self) -> float:
        """Number of trained steps on record; 0 without a curve."""
        return self.curve.cutoff + self.steps_again if self.has_curve else 0.0

    @property
    def seconds(self) -> float:
        """Running time in seconds, without waits."""
        waited = sum(max(wait.end - wait.start, 0.0) for wait in self.waits)
        return max(self.end - self.start - waited, 0.0)

    def time(self, n: int) -> float:
        """Time of report ``n`` (from 1), in seconds of the clock of ``start``.

        No framework records the times of reports. They are assumed to be evenly spaced, with the last one at
        the end of the trial.
        """
        return time_of_report(n, self.curve.steps, self.start, self.end, self.waits)
