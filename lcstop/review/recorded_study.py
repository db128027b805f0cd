"""RecordedStudy: a study read from the records of a framework. It does not depend on that framework."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Direction, Target, better
from lcstop.pruning.audit import Audit
from lcstop.pruning.bounds import Bounds
from lcstop.pruning.certificate import Certificate, StartedTrial, certificate, p_lost
from lcstop.pruning.last_verdict import shadow_stop
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import AuditedTrial
from lcstop.review.recorded_trial import RecordedTrial


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
