"""CorePolicy: :class:`lcstop.PrunerCore` in a replay, with the same input as from an adapter."""

from __future__ import annotations

import math

import numpy as np

from lcstop.curves.curve import Curve
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.pruning.due import NextQuestion
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_verdict
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop
from lcstop.pruning.trial_table import State, TrialTable
from lcstop.simulation.loop import Action, SequentialPolicy
from lcstop.simulation.task import ReplayStudy


class CorePolicy(SequentialPolicy):
    """The decisions of ``lcstop`` in a replay. A trial whose last value is NaN has failed.

    Args:
        core: Makes the decisions.
        study: The study to replay.
        longest: Whether every trial has the horizon of the task. By default it has its planned length, where
            the task has planned lengths.
    """

    def __init__(self, core: PrunerCore, study: ReplayStudy, *, longest: bool = False) -> None:
        super().__init__(study.task.n_trials)
        self._core, self._study = core, study
        self._planned = None if longest else study.task.planned
        self._steps = np.arange(1.0, study.task.horizon + 1)
        self._values: dict[int, list[float]] = {}
        self._judgements: dict[int, list[JudgementRecord]] = {}
        self._next: dict[int, NextQuestion] = {}
        self._ended: dict[int, Curve] = {}
        self._suppressed_stops: dict[int, SuppressedStop] = {}
        self._table = TrialTable()

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        self._values.setdefault(trial, []).append(value)
        curve = self._curve(trial)
        self._table.set(trial, "running", curve)
        decision = self.decide(trial, curve)
        if decision.suppressed_stop:
            self._suppressed_stops.setdefault(trial, decision.suppressed_stop)
        if not decision.stop:
            return Action.GO
        self._close(trial, curve, "stopped")
        return Action.STOP

    def end(self, trial: int) -> None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        if trial in self._ended:
            return
        self._close(trial, self._curve(trial), self.end_state(trial))

    def decide(self, trial: int, curve: Curve) -> Decision:
        """The decision on a trial at its last report."""
        judgements = self._judgements.setdefault(trial, [])
        asked = self._next.get(trial)
        is_quiet = asked is not None and asked.n_ended is None and curve.cutoff < asked.step
        if is_quiet and math.isfinite(curve.values[-1]):
            return last_verdict(curve, StudyView(self._study.task.direction), self._core.config.target)
        view = self._view(trial)
        decision = self._core.decide(curve, view)
        if decision.is_new:
            judgements.append(decision.record(view.n_ended))
        if len(curve) > 1:
            self._next[trial] = self._core.next_question(curve, judgements)
        return decision

    def end_state(self, trial: int) -> State:
        """State of a trial at its own end. A failed trial is left out."""
        return "finished" if np.isfinite(self._values[trial][-1]) else "left out"

    def name(self, trial: int) -> str:
        """Name of the trial, unique among all replays."""
        return f"{self._study.name}/{trial}"

    def _close(self, trial: int, curve: Curve, state: State) -> None:
        self._ended[trial] = curve
        stop = self._suppressed_stops.get(trial)
        audited = AuditedTrial(curve, stop, state == "finished") if stop else None
        judgements = self._judgements.get(trial)
        last = judgements[-1] if judgements else None
        known = None if state in ("left out", "infeasible") else curve
        self._table.set(trial, state, known, audited, stop=last if last and last.verdict == "stop" else None)

    def _curve(self, trial: int) -> Curve:
        task, values, row = self._study.task, self._values[trial], self._study.order[trial]
        params = None if task.params is None else task.params[row]
        horizon = task.horizon if self._planned is None else self._planned[row]
        return Curve(self._steps[: len(values)], values, horizon, params)

    def _view(self, judged: int) -> StudyView:
        judgements = self._judgements.get(judged)
        return self._table.study_view(self._study.task.direction, self.name(judged), judged, judgements)
