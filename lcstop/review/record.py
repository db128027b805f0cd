"""RecordedStudy: what a framework has kept of a study, in a form that needs no framework."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Direction, Target, better, counted_from_0
from lcstop.pruning.audit import Audit
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop

State = Literal["finished", "stopped", "running", "failed"]
"""``stopped`` by a pruner or scheduler, ``finished`` if it ran to its own end, ``failed`` with an error."""

STATES: tuple[State, ...] = ("finished", "stopped", "running", "failed")


@dataclass(frozen=True, eq=False)
class RecordedTrial:
    """One trial on record.

    Attributes:
        number: Its number in the study, from 0 in the order of the trials' starts.
        curve: What it reported, with its hyperparameters.
        state: What became of it.
        start: When it started, in seconds of any clock.
        end: When it ended or, if it is running, when it was looked at.
        reason: Why ``lcstop`` stopped it; None if it did not.
        attrs: What the user noted of it.
        name: What the framework calls it, where that is more than the number.
        whole: The curve that it has without a stop, where that is known.
        decision: The decision that stopped it, where that is known; if not, it is made again.
        suppressed_stop: That it would have been stopped and went on; None if it would not.
    """

    number: int
    curve: Curve
    state: State
    start: float
    end: float
    reason: str | None = None
    attrs: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    whole: Curve | None = None
    decision: Decision | None = None
    suppressed_stop: SuppressedStop | None = None

    @property
    def label(self) -> str:
        """What decisions call it."""
        return self.name or str(self.number)

    @property
    def audited(self) -> AuditedTrial | None:
        """The trial as one that would have been stopped, if that is so and it has ended."""
        if self.suppressed_stop is None or self.state not in ("finished", "stopped"):
            return None
        return AuditedTrial(self.curve, self.suppressed_stop, self.state == "finished")

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return max(self.end - self.start, 0.0)

    def time(self, n: int) -> float:
        """When it made report ``n``, counted from 1.

        No framework keeps the times of reports, so they are taken to be evenly spread; the last one coincides
        with the trial's end.
        """
        return self.start + self.seconds * min(n / max(len(self.curve), 1), 1.0)


@dataclass(frozen=True, eq=False)
class RecordedStudy:
    """A study on record.

    Attributes:
        name: What the user calls it.
        engine: The framework's name, for people.
        metric: Name of the metric.
        step: Name of a step, such as ``epoch``.
        direction: ``maximize`` or ``minimize``.
        trials: Those with at least one report, by number.
        options: The options that ``lcstop`` ran with, where they are on record.

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

    def __post_init__(self) -> None:
        if all(trial.curve.finite_range is None for trial in self.trials):
            raise ValueError(f"no trial of study {self.name!r} has reported a finite value on its way")

    @property
    def horizon(self) -> float:
        """Last step that a trial would reach; of trials of different lengths that of the longest."""
        return max(trial.curve.horizon for trial in self.trials)

    @property
    def epochs(self) -> float:
        """Steps that were trained, of all trials together."""
        return sum(trial.curve.cutoff for trial in self.trials)

    def trial(self, number: int) -> RecordedTrial:
        """The trial of that number.

        Raises:
            ValueError: If there is none, or it has reported nothing.
        """
        if number not in self._by_number:
            raise ValueError(f"study {self.name!r} has no trial {number} with a report")
        return self._by_number[number]

    def better(self, value: float, other: float) -> bool:
        """Whether ``value`` is better than ``other``."""
        return better(value, other, self.direction)

    def value_of(self, curve: Curve, target: Target) -> float | None:
        """What counts of a curve: its best value or its last one; None without a finite one."""
        if target == "best":
            return curve.best(self.direction)
        last = float(curve.values[-1]) if len(curve) else math.nan
        return last if math.isfinite(last) else None

    def best(self, target: Target) -> float | None:
        """The best value of the finished trials; None if there is none."""
        finished = [trial.curve for trial in self.trials if trial.state == "finished"]
        return StudyView(self.direction, finished).incumbent(target)

    def view(self, judged: RecordedTrial, n: int) -> StudyView:
        """The other trials as they were when ``judged`` made report ``n``; failed ones are left out."""
        now = (judged.time(n), judged.number)
        finished, unfinished, audited, n_stopped = list[Curve](), list[Curve](), list[AuditedTrial](), 0
        for other in self.trials:
            if other is judged or other.state == "failed":
                continue
            if other.state != "running" and (other.end, other.number) <= now:
                (finished if other.state == "finished" else unfinished).append(other.curve)
                n_stopped += other.state == "stopped"
                if other.audited:
                    audited.append(other.audited)
            elif known := bisect_right(range(1, len(other.curve) + 1), now[0], key=other.time):
                unfinished.append(other.curve.prefix(known))
        return StudyView(self.direction, finished, unfinished, judged.label, n_stopped, audited)

    def audit(self, config: PrunerConfig) -> Audit:
        """What has come of the trials that would have been stopped and went on."""
        audited = [one for trial in self.trials if (one := trial.audited)]
        return PrunerCore(config).audit(StudyView(self.direction, audited=audited))

    @cached_property
    def _by_number(self) -> dict[int, RecordedTrial]:
        return {trial.number: trial for trial in self.trials}


def longest(reports: Iterable[Mapping[int, float]] | Iterable[Mapping[float, float]]) -> float:
    """The horizon of a study that names none: the last step of any trial, counted from 1; at least 1.

    Example:
        >>> longest([{0: 0.1, 1: 0.2, 2: 0.3}, {0: 0.1}]), longest([{1: 0.1, 5: 0.2}])
        (3.0, 5.0)
    """
    ends = [max(steps) + counted_from_0(steps) for steps in reports if steps]
    return float(max([*ends, 1]))
