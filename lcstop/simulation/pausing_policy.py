"""PausingPolicy: the decisions of ``lcstop`` with ``pause`` in a replay."""

from __future__ import annotations

from lcstop.curves.curve import Curve
from lcstop.pausing.core import PausingCore, resume
from lcstop.pausing.rule import Move, PausableTrial, TrialState, move_of, next_move
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import Action
from lcstop.simulation.task import ReplayStudy


class PausingPolicy(CorePolicy):
    """Trials wait and go on later, see :mod:`lcstop.pausing`. The arguments are those of CorePolicy."""

    def __init__(self, core: PrunerCore, study: ReplayStudy, *, longest: bool = False) -> None:
        super().__init__(core, study, longest=longest)
        self._pausing = PausingCore(core)
        self._n_unstarted = study.task.n_trials
        self._seen: dict[int, PausableTrial] = {}  # failed trials are left out
        self._clock = 0

    def next(self) -> int | None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        while True:
            numbers = [*self._seen]
            move = next_move([*self._seen.values()], can_start=self._n_unstarted > 0)
            if move.kind == "nothing":
                return None
            if move.trial is None:
                started = super().next()
                assert started is not None
                self._n_unstarted -= 1
                self._set(started, PausableTrial("running", 0.0, (), 0, 0.0))
                return started
            trial = numbers[move.trial]
            decision = self._advance(trial, move)
            if decision.stop:
                self.dropped.append(trial)
            elif not decision.waits:
                return trial

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        self._values.setdefault(trial, []).append(value)
        curve = self._curve(trial)
        self._table.set(trial, "running", curve)
        self._look(trial, curve, "running")
        decision = self._pausing.at_report(curve, self._view(trial), self._clock)
        if decision.is_new:
            self._record(trial, decision)
        if decision.stop:
            self._stop(trial, curve)
            return Action.STOP
        if not decision.waits:
            return Action.GO
        self._look(trial, curve, "waiting")
        own = [*self._seen].index(trial)
        move = move_of([*self._seen.values()], own, can_start=self._n_unstarted > 0)
        if move is None:
            return Action.PAUSE
        decision = self._advance(trial, move)
        if decision.stop:
            return Action.STOP
        return Action.PAUSE if decision.waits else Action.GO

    def _advance(self, trial: int, move: Move) -> Decision:
        """The decision on a waiting trial that the rule has chosen: it goes on, waits on, or is stopped."""
        curve = self._curve(trial)
        decision = Decision(False, "goes on", curve.cutoff)
        if move.kind == "judge":
            decision = self._pausing.judge_again(curve, self._view(trial), self._clock)
        elif move.kind == "settle":
            decision = self._pausing.settle(curve, self._view(trial))
        if not (decision.stop or decision.waits):
            decision = resume(decision)
        self._record(trial, decision)
        if decision.stop:
            self._stop(trial, curve)
        else:
            self._look(trial, curve, "waiting" if decision.waits else "running")
        return decision

    def end(self, trial: int) -> None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        if trial in self._ended:
            return
        super().end(trial)
        if self.end_state(trial) == "finished":
            self._look(trial, self._curve(trial), "finished")
        else:
            self._clock -= self._seen.pop(trial).n_moments

    def _stop(self, trial: int, curve: Curve) -> None:
        self._close(trial, curve, "stopped")
        self._look(trial, curve, "stopped")

    def _record(self, trial: int, decision: Decision) -> None:
        self._judgements.setdefault(trial, []).append(decision.record(0))

    def _look(self, trial: int, curve: Curve, state: TrialState) -> None:
        """Update what the rule sees of a trial."""
        study, records = self._study, self._judgements.get(trial, ())
        self._set(trial, PausableTrial.of(curve, state, study.task.direction, records, study.target))

    def _set(self, trial: int, seen: PausableTrial) -> None:
        before = self._seen.get(trial)
        self._clock += seen.n_moments - (0 if before is None else before.n_moments)
        self._seen[trial] = seen
