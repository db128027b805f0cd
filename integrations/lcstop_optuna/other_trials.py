"""The other trials of an Optuna study, as a :class:`lcstop.StudyView`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lcstop import Curve, StudyView
from lcstop.curves.curve import Direction
from lcstop.pruning.certificate import Certificate
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import shadow_stop
from lcstop.pruning.suppressed_stop import AuditedTrial
from lcstop.pruning.trial_table import State, TrialTable
from lcstop_optuna.chains import NO_LINKS, Chain, Links, chain_of, index_of, parents_of, stops_of
from lcstop_optuna.judgements import is_stopped, is_waiting, records_of, stop_of, suppressed_stop_of
from lcstop_optuna.trials import AUDIT_ATTR, is_infeasible, to_curve

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class OtherTrials:
    """The other trials of a study. Trials that have ended are read only once.

    Args:
        horizon, pause: As in :class:`lcstop.PrunerConfig`.
    """

    def __init__(self, horizon: float | str, *, pause: bool = False) -> None:
        self._horizon, self._pause = horizon, pause
        self._snapshot = _Snapshot(TrialTable())

    @property
    def from_0(self) -> bool:
        """Whether a trial of the study had reported step 0 when it was last read: all count from 0 then."""
        return self._snapshot.from_0

    def view(self, study: optuna.study.Study, number: int) -> StudyView:
        """Every trial of the study but trial ``number``. Failed trials have no result and are left out."""
        return self.look(study, number).view

    def look(self, study: optuna.study.Study, number: int) -> StudyBesides:
        """As :meth:`view`, with what the certificate of the study needs to know."""
        # Before get_trials: a snapshot that another thread takes after it may hold more trials.
        snapshot = self._snapshot
        trials = study.get_trials(deepcopy=False)
        n = len(trials)
        judged = index_of(trials, number)
        if not snapshot.is_start_of(trials):
            snapshot = _Snapshot(TrialTable())
        to_read = [*snapshot.to_reread, *range(snapshot.n, n)]
        known = (
            snapshot.from_0 and snapshot.last is not None
        )  # else all are read, maybe those of another study
        from_0 = known or any(0 in trials[i].intermediate_values for i in to_read)
        if from_0 != snapshot.from_0:  # also the steps of the trials that had been read move up by one
            snapshot, to_read = _Snapshot(TrialTable()), [*range(n)]
        stops = stops_of(study) if self._pause else {}
        new_parents = parents_of(trials[i] for i in to_read)
        links = snapshot.links.add(new_parents, stops)
        in_chains = {*new_parents, *(stops.keys() - snapshot.links.stops.keys())}
        table, to_reread = snapshot.table, list[int]()
        if n > snapshot.n or in_chains or any(i != judged for i in to_read):
            table = table.copy()  # other threads may use the old table
            for i in to_read:
                trial = trials[i]
                if i != judged and trial.state != TrialState.WAITING and trial.number not in in_chains:
                    self._set(table, i, trial, from_0)
                if i == judged or not trial.state.is_finished():
                    to_reread.append(i)
            chains = [chain_of(trials, links, one) for one in in_chains]
            for chain in {chain.number: chain for chain in chains}.values():
                self._set_chain(table, trials, chain, judged, from_0)
            unsettled = {*to_reread}
            last = next(((i, trials[i]) for i in reversed(range(n)) if i not in unsettled), None)
            self._snapshot = _Snapshot(table, n, to_reread, last, from_0, links)
        records = list[JudgementRecord]()
        if judged is not None:
            chain = chain_of(trials, links, number)
            number, records = chain.number, records_of(chain.trial, from_0)
        view = table.study_view(direction_of(study), f"{study.study_name}/{number}", judged, records)
        return StudyBesides(view, table, judged, trials, links)

    @staticmethod
    def n_ended(study: optuna.study.Study) -> int:
        """How many trials have ended."""
        return len(study.get_trials(deepcopy=False, states=_ENDED))

    def _set_chain(
        self,
        table: TrialTable,
        trials: Sequence[FrozenTrial],
        chain: Chain,
        judged: int | None,
        from_0: bool,
    ) -> None:
        """Put a chain at the place of its last part. Its other trials are left out."""
        for trial in [*chain.parts[:-1], *chain.others]:
            if (index := index_of(trials, trial.number)) is not None:
                table.set(index, "left out")
        index = index_of(trials, chain.parts[-1].number)
        if index is not None and index != judged:
            self._set(table, index, chain.trial, from_0, chain.steps_again(from_0))

    def _set(
        self, table: TrialTable, index: int, trial: FrozenTrial, from_0: bool, steps_again: float = 0.0
    ) -> None:
        state = _STATES.get(trial.state, "left out")
        if state == "finished" and is_infeasible(trial):
            state = "infeasible"
        elif trial.state in _ENDED and is_stopped(trial):
            state = "stopped"
        elif is_waiting(trial):
            state = "running"  # it has not ended
        try:
            curve = to_curve(trial, self._horizon, from_0)
        except ValueError:  # the trial's horizon is unknown
            table.set(index, state)
            return
        steps = (curve.cutoff if trial.intermediate_values else 0.0) + steps_again if curve else None
        if state in ("left out", "infeasible"):
            table.set(index, state, steps=steps)
            return
        suppressed_stop = None if state == "running" else suppressed_stop_of(trial, from_0)
        audited = AuditedTrial(curve, suppressed_stop, state == "finished") if suppressed_stop else None
        result = None
        if state == "stopped" and trial.state == TrialState.COMPLETE:
            result = Curve([curve.horizon], [trial.values[0]], curve.horizon)
        # A trial that has been told to stop has spent, ended or not: another worker may decide meanwhile.
        stop = stop_of(trial) if state in ("stopped", "running") else None
        if stop is None and AUDIT_ATTR in trial.user_attrs:
            stop = shadow_stop(records_of(trial, from_0))
        table.set(index, state, curve, audited, result, stop, steps)


class StudyBesides(NamedTuple):
    """A study besides one of its trials.

    Attributes:
        view: The other trials.
        table: The trials of the study, in which that one may be as it was before.
        place: Its index in the table; None if it is not there.
        trials: All trials of the study.
        links: Which of them continue which.
    """

    view: StudyView
    table: TrialTable
    place: int | None
    trials: Sequence[FrozenTrial]
    links: Links

    def certificate(self, curve: Curve, stop: JudgementRecord) -> Certificate:
        """The certificate of the study once the trial has stopped.

        Args:
            curve: What it has reported.
            stop: The judgement that stops it.
        """
        if self.place is None:
            return self.table.certificate()
        table = self.table.copy()  # other threads may use it
        table.set(self.place, "stopped", curve, stop=stop)
        return table.certificate()


def direction_of(study: optuna.study.Study) -> Direction:
    """The direction of a study with one objective."""
    return "maximize" if study.direction == StudyDirection.MAXIMIZE else "minimize"


_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.RUNNING: "running",
}


class _Snapshot(NamedTuple):
    """The trials of a study as they were last read.

    Attributes:
        table: The trials.
        n: Number of trials.
        to_reread: Indices of the trials to read again: they had not ended, or were being judged.
        last: Index of the last trial that is not read again, and that trial.
        from_0: Whether a trial has reported step 0.
        links: Which trials continue which, see :mod:`lcstop_optuna.chains`.
    """

    table: TrialTable
    n: int = 0
    to_reread: Sequence[int] = ()
    last: tuple[int, FrozenTrial] | None = None
    from_0: bool = False
    links: Links = NO_LINKS

    def is_start_of(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether ``trials`` start with the trials of this snapshot. False for those of another study.

        Only the last settled trial is compared. Optuna's storages return the same object each time for a
        trial that has ended. If another process has inserted a trial, that object is at another index.
        """
        if len(trials) < self.n or self.last is None:
            return len(trials) >= self.n
        index, trial = self.last
        return trials[index] is trial
