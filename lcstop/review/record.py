"""RecordedStudy: a study read from the records of a framework. It does not depend on that framework."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Direction, Target, better
from lcstop.pruning.audit import Audit
from lcstop.pruning.bounds import Bounds
from lcstop.pruning.certificate import Certificate, StartedTrial, certificate, p_lost
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_judgement, shadow_stop
from lcstop.pruning.study_view import StudyView
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


@dataclass(frozen=True, eq=False)
class RecordedStudy:
    """A recorded study.

    Attributes:
        name: Name that the user gave it.
        engine: Display name of the framework.
        metric: Name of the metric.
        step: Name of a step, such as ``epoch``.
        direction: ``maximize`` or ``minimize``.
        trials: Trials with at least one report, by number.
        options: The options that ``lcstop`` ran with; None if they are not recorded.
        notes: What whoever reads the study has to know, such as what is assumed; a line each.

    Raises:
        ValueError: If no trial has a finite value.

    Example:
        >>> done = RecordedTrial(0, Curve([1, 2], [0.5, 0.9], 2), "finished", start=0, end=2)
        >>> running = RecordedTrial(1, Curve([1], [0.4], 2), "running", start=2, end=3)
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", [done, running])
        >>> study.view(running, 1).incumbent("best"), study.epochs
        (0.9, 3.0)
    """

    name: str
    engine: str
    metric: str
    step: str
    direction: Direction
    trials: Sequence[RecordedTrial]
    options: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if all(trial.curve.finite_range is None for trial in self.trials):
            raise ValueError(f"no trial of study {self.name!r} has reported a finite value before its end")

    @property
    def ran_with_lcstop(self) -> bool:
        """Whether ``lcstop`` decided on its trials, also in shadow mode: options or a stop are on record."""
        return self.options is not None or any(
            trial.is_stopped or trial.suppressed_stop or trial.full_curve for trial in self.trials
        )

    @property
    def is_shadow(self) -> bool:
        """Whether it ran in shadow mode, so that all its stops were suppressed."""
        kinds = {trial.suppressed_stop.kind for trial in self.trials if trial.suppressed_stop}
        return "shadow" in kinds and not any(trial.is_stopped for trial in self.trials)

    @property
    def horizon(self) -> float:
        """Greatest horizon of the trials, a step."""
        return max(trial.curve.horizon for trial in self.trials)

    @property
    def epochs(self) -> float:
        """Total number of trained steps of all trials."""
        return sum(trial.epochs for trial in self.trials)

    def trial(self, number: int) -> RecordedTrial:
        """The trial with this number.

        Raises:
            ValueError: If there is no such trial, or it has made no report.
        """
        if number not in self._by_number:
            raise ValueError(f"study {self.name!r} has no trial {number} with a report")
        return self._by_number[number]

    def better(self, value: float, other: float) -> bool:
        """Whether ``value`` is better than ``other``."""
        return better(value, other, self.direction)

    def value_of(self, curve: Curve, target: Target) -> float | None:
        """The value of a curve for a target: its best or its last value; None if it is not finite."""
        if target == "best":
            return curve.best(self.direction)
        last = float(curve.values[-1]) if len(curve) else math.nan
        return last if math.isfinite(last) else None

    def best(self, target: Target) -> float | None:
        """The best value of the finished trials for a target; None if no feasible trial has finished."""
        finished = [trial.curve for trial in self.trials if trial.is_result]
        finished += [trial.result_alone for trial in self.trials if trial.result is not None]
        return StudyView(self.direction, finished).incumbent(target)

    def winner(self, target: Target, trials: Sequence[RecordedTrial] | None = None) -> RecordedTrial | None:
        """The best of the finished feasible trials, or of those among ``trials``; None if there is none."""
        best, top = None, None
        for trial in self.trials if trials is None else trials:
            value = self.value_of(trial.curve, target) if trial.is_result else None
            if value is not None and (top is None or self.better(value, top)):
                best, top = trial, value
        return best

    def label(self, trial: RecordedTrial) -> str:
        """Name of a trial in decisions, which the audit is drawn by; as the adapters name it."""
        return f"{self.name}/{trial.name or trial.number}"

    def view(self, judged: RecordedTrial, n: int) -> StudyView:
        """The other trials at the time of report ``n`` of ``judged``, without failed and infeasible ones."""
        now = (judged.time(n), judged.number)
        finished, unfinished, audited = list[Curve](), list[Curve](), list[AuditedTrial]()
        n_stopped, n_ended, spent = 0, 0, list[float]()
        some_infeasible = False
        for other in self.trials:
            if other is judged or other.state == "failed":
                continue
            if other.is_infeasible and (other.end, other.number) <= now:
                some_infeasible = True
                n_ended += 1
                continue
            if other.state != "running" and (other.end, other.number) <= now:
                (finished if other.state == "finished" else unfinished).append(other.curve)
                n_stopped += other.state == "stopped" and other.reason is not None
                n_ended += 1
                if (stop := other.stop or shadow_stop(other.judgements)) is not None:
                    spent.append(p_lost(stop) or 0.0)
                if other.result is not None:
                    finished.append(other.result_alone)
                if other.audited:
                    audited.append(other.audited)
            elif other.start <= now[0] and (
                known := bisect_right(range(1, len(other.curve) + 1), now[0], key=other.time)
            ):
                unfinished.append(other.curve.prefix(known))
        return StudyView(
            self.direction,
            finished,
            unfinished,
            self.label(judged),
            n_stopped,
            audited,
            only_infeasible=some_infeasible and not finished,
            n_ended=n_ended,
            spent=math.fsum(spent),
        )

    def audit(self, config: PrunerConfig) -> Audit:
        """The audit of the study: how many audited trials turned out to be wrong stops."""
        trials = [trial.audited for trial in self.trials if trial.audited]
        possible = Bounds(config.lower, config.upper).filter(StudyView(self.direction, audited=trials))
        return Audit.of_study(possible, config)

    def certificate(self) -> Certificate:
        """What the stops on record may have lost, and what they have saved; see :func:`certificate`."""
        return certificate(self.started())

    def started(self) -> list[StartedTrial]:
        """Its trials as the certificate counts them."""
        return [StartedTrial(trial.epochs, trial.curve.horizon, trial.stop) for trial in self.trials]

    @cached_property
    def _by_number(self) -> dict[int, RecordedTrial]:
        again = {
            wait.number: trial for trial in self.trials for wait in trial.waits if wait.number is not None
        }
        return again | {trial.number: trial for trial in self.trials}


def longest(
    reports: Iterable[Mapping[int, float]] | Iterable[Mapping[float, float]], *, from_0: bool
) -> float:
    """The horizon of a study without a configured one: the last step of any trial, from 1; at least 1.

    Args:
        reports: The values of each trial by step.
        from_0: Whether the steps are counted from 0.

    Example:
        >>> longest([{0: 0.1, 1: 0.2, 2: 0.3}, {9: 0.1}], from_0=True), longest([{5: 0.2}], from_0=False)
        (10.0, 5.0)
    """
    return float(max([max(steps) + from_0 for steps in reports if steps], default=1))
