"""The other trials of an Optuna study, as a :class:`lcstop.StudyView`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lcstop import StudyView
from lcstop.pruning.suppressed_stop import AuditedTrial
from lcstop.pruning.trial_table import State, TrialTable
from lcstop_optuna.trials import to_curve, to_suppressed_stop


class OtherTrials:
    """The other trials of a study. A trial that has ended is read once.

    Args:
        horizon: As in :class:`lcstop.PrunerConfig`.
    """

    def __init__(self, horizon: float | str) -> None:
        self._horizon = horizon
        self._known = _Snapshot(TrialTable())

    def view(self, study: optuna.study.Study, number: int) -> StudyView:
        """Every trial but the one with this number. Failed trials gave no result and are left out."""
        known = self._known  # before the trials are listed, since other threads may add to it
        trials = study.get_trials(deepcopy=False)
        n = len(trials)
        at = bisect_left(trials, number, key=lambda trial: trial.number)
        judged = at if at < n and trials[at].number == number else None
        if not known.is_start_of(trials):
            known = _Snapshot(TrialTable())
        to_read = [*known.running, *range(known.n, n)]
        table, running = known.table, list[int]()
        if n > known.n or any(i != judged for i in to_read):
            table = table.copy()  # other threads may use the old one
            for i in to_read:
                trial = trials[i]
                if i != judged and trial.state != TrialState.WAITING:
                    self._set(table, i, trial)
                if i == judged or not trial.state.is_finished():
                    running.append(i)
            again = {*running}
            last = next(((i, trials[i]) for i in reversed(range(n)) if i not in again), None)
            self._known = _Snapshot(table, n, running, last)
        maximize = study.direction == StudyDirection.MAXIMIZE
        return table.study_view("maximize" if maximize else "minimize", str(number), judged)

    def _set(self, table: TrialTable, at: int, trial: FrozenTrial) -> None:
        state = _STATES.get(trial.state, "left out")
        try:
            curve = to_curve(trial, self._horizon) if state != "left out" else None
        except ValueError:  # its length is unknown
            curve = None
        suppressed_stop = None if curve is None or state == "running" else to_suppressed_stop(trial)
        audited = (
            AuditedTrial(curve, suppressed_stop, state == "finished")
            if curve is not None and suppressed_stop
            else None
        )
        table.set(at, state, curve, audited)


_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "stopped",
    TrialState.RUNNING: "running",
}


class _Snapshot(NamedTuple):
    """The trials of a study as they were last read.

    Attributes:
        table: The trials.
        n: Number of trials.
        running: Indices of trials to read again: they had not ended, or were judged.
        last: The last trial that is not read again, and its index.
    """

    table: TrialTable
    n: int = 0
    running: Sequence[int] = ()
    last: tuple[int, FrozenTrial] | None = None

    def is_start_of(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether ``trials`` begin with the trials of this snapshot, and are not those of another study.

        Optuna's storages return the same object each time for a trial that has ended. If another process has
        added a trial before others, the last one has another index.
        """
        if len(trials) < self.n or self.last is None:
            return len(trials) >= self.n
        at, trial = self.last
        return trials[at] is trial
