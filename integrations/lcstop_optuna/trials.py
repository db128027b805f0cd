"""The trials of an Optuna study as :class:`lcstop.PrunerCore` knows them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lcstop import Curve, StudyView
from lcstop.config.pruner import horizon_of
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop
from lcstop.pruning.trial_table import State, TrialTable

REASON_ATTR = "lcstop_reason"
"""User attribute of a stopped trial that holds the reason; ``trials_dataframe()`` shows it."""

CONVERGED_ATTR = "lcstop_converged"
"""User attribute of a trial that had converged, with the reason; such a trial has finished."""

CONFIG_ATTR = "lcstop_config"
"""User attribute of a study that holds the options with which the pruner last stopped a trial in it."""

AUDIT_ATTR = "lcstop_audit"
"""User attribute of a trial that would have been stopped and went on: when, why, and what it had to beat.

The one of the same name of a study says what has come of these trials, as of the last stop.
"""


class Others:
    """The trials beside a judged one; each that has ended is looked at once.

    Args:
        horizon: As in :class:`lcstop.PrunerConfig`.
    """

    def __init__(self, horizon: float | str) -> None:
        self._horizon = horizon
        self._known = _Known(TrialTable())

    def view(self, study: optuna.study.Study, number: int) -> StudyView:
        """Every other trial; failed ones gave the user no result, so they are left out."""
        known = self._known  # before the trials are listed, of which other threads may soon know more
        trials = study.get_trials(deepcopy=False)
        n = len(trials)
        at = bisect_left(trials, number, key=lambda trial: trial.number)
        judged = at if at < n and trials[at].number == number else None
        if not known.come_first_in(trials):
            known = _Known(TrialTable())
        looked_at = [*known.running, *range(known.n, n)]
        table, running = known.table, list[int]()
        if n > known.n or any(i != judged for i in looked_at):
            table = table.copy()  # threads judge side by side
            for i in looked_at:
                trial = trials[i]
                if i != judged and trial.state != TrialState.WAITING:
                    self._set(table, i, trial)
                if i == judged or not trial.state.is_finished():
                    running.append(i)
            again = {*running}
            last = next(((i, trials[i]) for i in reversed(range(n)) if i not in again), None)
            self._known = _Known(table, n, running, last)
        maximize = study.direction == StudyDirection.MAXIMIZE
        return table.study_view("maximize" if maximize else "minimize", str(number), judged)

    def _set(self, table: TrialTable, at: int, trial: FrozenTrial) -> None:
        state = _STATES.get(trial.state, "left out")
        try:
            curve = to_curve(trial, self._horizon) if state != "left out" else None
        except ValueError:  # of a length that is not to be known
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


class _Known(NamedTuple):
    """What was seen last.

    Attributes:
        table: What was made of the trials.
        n: How many trials there were.
        running: Positions of those to be looked at again: they had not ended, or were judged.
        last: The last one that is not looked at again, and its position.
    """

    table: TrialTable
    n: int = 0
    running: Sequence[int] = ()
    last: tuple[int, FrozenTrial] | None = None

    def come_first_in(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether these trials go on from those that were seen, and are not of another study.

        Optuna's storages hand out the same object each time for a trial that has ended. If a trial turns up
        before others, as it may where another process adds it meanwhile, the last one is elsewhere.
        """
        if len(trials) < self.n or self.last is None:
            return len(trials) >= self.n
        at, trial = self.last
        return trials[at] is trial


def to_curve(trial: FrozenTrial, horizon: float | str) -> Curve:
    """What a trial has reported; one that was added with its result alone is known at the horizon only.

    Raises:
        ValueError: If ``horizon`` is a name, and the trial has no length under it.
    """
    horizon = horizon_of(horizon, trial.params, trial.user_attrs)
    if trial.state == TrialState.COMPLETE and not trial.intermediate_values:
        return Curve([horizon], [trial.values[0]], horizon, trial.params)
    return Curve.from_reports(trial.intermediate_values, horizon, trial.params)


def to_suppressed_stop(trial: FrozenTrial) -> SuppressedStop | None:
    """That a trial would have been stopped; a retried trial inherits attributes, and this is not for it."""
    content = trial.user_attrs.get(AUDIT_ATTR)
    if not isinstance(content, dict) or content.get("trial") != trial.number:
        return None
    return SuppressedStop.from_json(content)


def check_single_objective(study: optuna.study.Study) -> None:
    """Refuse a study that the pruner cannot judge.

    Raises:
        ValueError: If it has more than one objective.
    """
    if len(study.directions) > 1:
        raise ValueError(
            "LCPFNPruner works on studies with one objective, "
            f"got {len(study.directions)} directions in study {study.study_name!r}"
        )
