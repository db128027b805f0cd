"""WhatIf: a replay of a recorded study with ``lcstop``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.trial_table import State
from lcstop.review.history import decision_as_dict, suppressed_stop_as_dict
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import RecordedTrial
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import Action, Outcome, replay
from lcstop.simulation.task import ReplayStudy, Task
from lcstop.surrogates import Surrogate


@dataclass(frozen=True, eq=False)
class ReplayedTrial:
    """One trial of the replay.

    Attributes:
        trial: The recorded trial.
        n: Number of reports that it makes in the replay.
        stop: The decision that stops it before its end; None if no decision does.
        wrong: Whether the reports after the stop exceed the best value of any trial at the time of the stop
            (target ``final``: whether its final value is better than that of every finished trial). None if
            it is not stopped, or if its record ends too early to tell.
        decisions: Every decision on it, by number of reports.
        view: The other trials while it ran.
    """

    trial: RecordedTrial
    n: int
    stop: Decision | None
    wrong: bool | None
    decisions: Mapping[int, Decision]
    view: StudyView

    @property
    def saved(self) -> float:
        """Number of recorded steps that the replay does not train."""
        return self.trial.curve.cutoff - self.trial.curve.prefix(self.n).cutoff

    @property
    def seconds_saved(self) -> float:
        """Seconds saved. The steps of a trial are assumed to take equally long."""
        return self.trial.seconds * self.saved / self.trial.curve.cutoff


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The replay of a study with ``lcstop``.

    Attributes:
        study: The recorded study.
        config: The options.
        runs: Every trial, by number.
        outcome: The outcome of the replay loop. It counts reports as epochs.
    """

    study: RecordedStudy
    config: PrunerConfig
    runs: Sequence[ReplayedTrial]
    outcome: Outcome

    @property
    def epochs(self) -> float:
        """Number of steps trained in the replay."""
        return self.study.epochs - sum(run.saved for run in self.runs)

    @property
    def stopped(self) -> list[ReplayedTrial]:
        """The trials that are stopped before their last recorded report."""
        return [run for run in self.runs if run.stop]

    def as_dict(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        study, stopped, target = self.study, self.stopped, self.config.target
        kept = [run.trial.curve for run in self.runs if run.trial.is_result and not run.stop]
        return {
            "study": study.name,
            "trials": len(study.trials),
            "infeasible": sum(trial.is_infeasible for trial in study.trials),
            "epochs_recorded": study.epochs,
            "epochs": self.epochs,
            "epochs_saved": study.epochs - self.epochs,
            "share_saved": 1 - self.epochs / study.epochs,
            "seconds_saved": sum(run.seconds_saved for run in self.runs),
            "stopped_on_record": sum(trial.state == "stopped" for trial in study.trials),
            "stopped": len(stopped),
            "wrong": sum(run.wrong is True for run in stopped),
            "unknown": sum(run.wrong is None for run in stopped),
            "best_recorded": study.best(target),
            "best": StudyView(study.direction, kept).incumbent(target),
            "audit": study.audit(self.config).as_dict(),
            "spared": [
                suppressed_stop_as_dict(study, trial, target)
                for trial in study.trials
                if trial.suppressed_stop
            ],
            "config": self.config.model_dump(),
            "stops": [
                {"trial": run.trial.number, "wrong": run.wrong, **decision_as_dict(run.stop)}
                for run in stopped
                if run.stop
            ],
        }


def what_if(
    study: RecordedStudy,
    config: PrunerConfig,
    surrogate: Surrogate | None = None,
    report: Callable[[], None] = lambda: None,
) -> WhatIf:
    """Replay a study. Its trials run in the order of their numbers, one after another.

    The replay loop is that of ``lcstop bench`` with one worker. A trial that another rule stopped ends at its
    last recorded report and never becomes the incumbent. Trials are audited as in a live study. Shadow mode
    is off, because it would suppress every stop.

    Args:
        study: The recorded study.
        config: The options.
        surrogate: Replaces the surrogate named by ``config``.
        report: Called after each trial.

    Example:
        >>> trials = [
        ...     RecordedTrial(i, Curve([1, 2, 3], [top / 2, top, top], 3), "finished", i, i + 1)
        ...     for i, top in enumerate([0.9, 0.1, 0.95])
        ... ]
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", trials)
        >>> found = what_if(study, PrunerConfig(horizon=3, keep=0.1))
        >>> [run.trial.number for run in found.stopped], found.epochs, study.epochs
        ([1], 8.0, 9.0)
    """
    task = task_of(study)
    replayed = ReplayStudy(task, range(task.n_trials), config.target, study.name)
    core = PrunerCore(config.model_copy(update={"shadow": False}), surrogate)
    policy = _RecordingPolicy(core, replayed, study, report)
    outcome = replay(task, 0, 0, policy, workers=1, budget=int(task.lengths.sum()))
    return WhatIf(study, config, policy.runs, outcome)


class _TaskInRecordedOrder(Task):
    """A task with a single order: that of its rows."""

    def order(self, number: int, seed: int = 0) -> NDArray[np.intp]:
        return np.arange(self.n_trials)


def task_of(study: RecordedStudy) -> Task:
    """The study as a task. Columns are reports; the policy knows their steps."""
    lengths = np.array([len(trial.curve) for trial in study.trials])
    values = np.full((len(lengths), lengths.max()), np.nan)
    for row, trial in zip(values, study.trials, strict=True):
        row[: len(trial.curve)] = trial.curve.values
    return _TaskInRecordedOrder("recorded", study.name, study.direction, values, lengths)


class _RecordingPolicy(CorePolicy):
    """The policy of ``lcstop`` on a recorded study. It records its decisions."""

    def __init__(
        self, core: PrunerCore, replayed: ReplayStudy, study: RecordedStudy, report: Callable[[], None]
    ) -> None:
        super().__init__(core, replayed)
        self.runs: list[ReplayedTrial] = []
        self._record, self._report = study, report
        self._decisions: dict[int, Decision] = {}
        self._best = self._best_final = -math.inf

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        task, recorded = self._study.task, self._record.trials[trial]
        if not recorded.is_infeasible:
            self._best = max(self._best, float(task.gains[trial, step - 1]))
        if recorded.has_curve:
            action = super().report(trial, step, value)
        else:
            self._values[trial], action = [value], Action.GO
        if step == task.lengths[trial]:
            if recorded.is_result:
                self._best_final = max(self._best_final, float(task.gains[trial, step - 1]))
            self._end(trial, step, None)
        elif action is Action.STOP:
            self._end(trial, step, self._decisions[step])
        return action

    def decide(self, trial: int, curve: Curve) -> Decision:
        """See :class:`CorePolicy`."""
        decision = super().decide(trial, curve)
        if decision.is_new:
            self._decisions[len(curve)] = decision
        return decision

    def name(self, trial: int) -> str:
        """See :class:`CorePolicy`. Recorded trials have names."""
        return self._record.label(self._record.trials[trial])

    def end_state(self, trial: int) -> State:
        """See :class:`CorePolicy`. The state is recorded."""
        recorded = self._record.trials[trial]
        if recorded.is_infeasible:
            return "infeasible"
        states: dict[str, State] = {"failed": "left out", "finished": "finished"}
        return states.get(recorded.state, "stopped")

    def _end(self, trial: int, n: int, stop: Decision | None) -> None:
        recorded = self._record.trials[trial]
        wrong = self._is_wrong(trial, n, recorded) if stop else None
        self.runs.append(ReplayedTrial(recorded, n, stop, wrong, self._decisions, self._view(trial)))
        self._decisions = {}
        self._report()

    def _is_wrong(self, trial: int, n: int, recorded: RecordedTrial) -> bool | None:
        """See :attr:`ReplayedTrial.wrong`."""
        if recorded.is_infeasible:
            return False
        task, is_complete = self._study.task, recorded.state in ("finished", "failed")
        if self._study.target == "final":
            return bool(task.final_gains[trial] > self._best_final) if is_complete else None
        beats = bool(task.later_best[trial, n] > self._best)
        return beats if is_complete or beats else None

    def _curve(self, trial: int) -> Curve:
        return self._record.trials[trial].curve.prefix(len(self._values[trial]))
