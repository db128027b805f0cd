"""StudyPausing: an Optuna study as the rule for pausing sees it, see :mod:`lcstop.pausing`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import optuna
from optuna.trial import FrozenTrial, TrialState

from lcstop import Curve, Decision, PrunerCore
from lcstop.pausing.core import PausingCore, resume
from lcstop.pausing.rule import PausableTrial, n_moments, next_move
from lcstop.pausing.rule import TrialState as RuleState
from lcstop.pruning.due import NextQuestion
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop_optuna.chains import Chain, chains_of, store_stop
from lcstop_optuna.judgements import is_stopped, is_waiting, records_of
from lcstop_optuna.other_trials import OtherTrials, StudyBesides, direction_of
from lcstop_optuna.running_here import CALLBACKS
from lcstop_optuna.summary import stops_log
from lcstop_optuna.trials import CERTIFICATE_ATTR, is_infeasible, to_curve

logger = logging.getLogger("lcstop_optuna")

MAX_FAILED = 2
"""Trials that fail when they continue a waiting one, before it is no longer taken up."""

MAX_SHARE_AGAIN = 1 / 3
"""Share of the horizon up to which a trial is taken up that must be trained from the start again.

What is trained again is then at most half of what is left.
"""


class Step(NamedTuple):
    """What is next in a study.

    Attributes:
        kind: ``go on``: a waiting trial is taken up. ``stop``: a waiting trial is stopped. ``start``: a new
            trial. ``nothing``: no trial waits.
        chain: The waiting trial.
        stop: The judgement that stops it.
        reason: Its reason.
    """

    kind: Literal["go on", "stop", "start", "nothing"]
    chain: Chain | None = None
    stop: JudgementRecord | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Entry:
    chain: Chain
    curve: Curve
    pausable: PausableTrial
    look: tuple[int, ...]  # what it was made from


class StudyPausing:
    """Says of a running trial whether it waits, and which trial of a study is next.

    Args:
        core: Makes the decisions by ``keep``.
        others: Reads the trials of the study.
    """

    def __init__(self, core: PrunerCore, others: OtherTrials) -> None:
        self._config, self._others = core.config, others
        self._core, self._pausing, self.error_log = core, PausingCore(core), core.error_log
        self._warned = set[str]()
        # Whether a new trial can be started, by the callback that takes up waiting ones.
        self.can_start: Callable[[Sequence[FrozenTrial]], bool] | None = None
        # Judged again in this process and still parked, by the last part: the clock of the judgement. Other
        # processes judge for themselves.
        self._parked_at: dict[tuple[str, int], int] = {}
        self._entries_of_ended: dict[tuple[str, int], _Entry] = {}

    @property
    def is_on(self) -> bool:
        """Whether trials may wait: not without a callback that takes them up, which is told once."""
        if CALLBACKS:
            return True
        self._warn_once(
            "no callback",
            "pause=True needs callbacks=[PauseResume(...)] in study.optimize, which takes up the trials that "
            "wait: without it trials are stopped, as with pause=False",
        )
        return False

    def _warn_once(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            logger.warning(message)

    def decide(self, study: optuna.Study, number: int, curve: Curve, besides: StudyBesides) -> Decision:
        """Whether a running trial waits at its last report, or is stopped since it has diverged.

        Args:
            study: The study.
            number: Number of the trial.
            curve: What it has reported.
            besides: The other trials.
        """
        entries = self._entries(study, besides)
        clock = n_moments([entry.pausable for entry in entries])
        decision = self._pausing.at_report(curve, besides.view, clock)
        can_start = self.can_start is None or self.can_start(besides.trials)
        if not decision.waits or (can_start and decision.parked_at is not None):
            return decision
        place = next((i for i, e in enumerate(entries) if e.chain.parts[-1].number == number), None)
        if place is None:
            return decision
        everyone = [entry.pausable for entry in entries]
        records = [*(besides.view.judgements or ()), decision.record(besides.view.n_ended)]
        target, direction = self._config.target, besides.view.direction
        everyone[place] = PausableTrial.of(curve, "waiting", direction, records, target)
        move = next_move(everyone, can_start=can_start)
        if move.trial != place:
            return decision
        # It is the next one, and need not end before it goes on.
        if move.kind == "settle":
            settled = self._pausing.settle(curve, besides.view)
            return settled if settled.stop else resume(settled)
        return resume(decision)

    def next_question(self, curve: Curve, records: Sequence[JudgementRecord]) -> NextQuestion:
        """See :meth:`lcstop.pausing.core.PausingCore.next_question`."""
        return self._pausing.next_question(curve, records)

    def next_step(self, study: optuna.Study, *, can_start: bool) -> Step:
        """What is next for a free worker.

        Args:
            study: The study.
            can_start: Whether a new trial can be started.
        """
        while True:
            besides = self._others.look(study, -1)
            entries = self._entries(study, besides)
            everyone = [entry.pausable for entry in entries]
            again = next((entry.chain for entry in entries if entry.chain.starts_again), None)
            if again is not None:
                self._warn_once(
                    "from the start",
                    f"trial {again.parts[-1].number} continues trial {again.number}, but starts from the "
                    "first step again. Such a trial goes on only if it waits early. Does the objective load "
                    "the checkpoint of resume_from(trial)?",
                )
                for entry in entries:
                    if entry.pausable.state == "waiting" and entry.pausable.share > MAX_SHARE_AGAIN:
                        return self._stop_of_late(study, entry)
            move = next_move(everyone, can_start=can_start)
            if move.trial is None:
                return Step("start" if move.kind == "start" else "nothing")
            entry = entries[move.trial]
            if move.kind == "go on":
                return Step("go on", entry.chain)
            last = entry.chain.parts[-1].number
            view = self._others.view(study, last)
            if move.kind == "judge":
                decision = self._pausing.judge_again(entry.curve, view, n_moments(everyone))
            else:
                decision = self._pausing.settle(entry.curve, view)
            if decision.stop:
                return Step("stop", entry.chain, decision.record(view.n_ended), decision.reason)
            if not decision.waits:
                return Step("go on", entry.chain)
            self._parked_at[study.study_name, last] = n_moments(everyone)

    def store_stop(self, study: optuna.Study, chain: Chain, stop: JudgementRecord, reason: str) -> None:
        """Store the stop of a trial that waits, and the certificate with it."""
        store_stop(study, chain.parts[-1], stop, reason, self._others.from_0)
        stops_log.info("Trial %d %s", chain.number, reason)
        found = self._others.look(study, -1).table.certificate().as_dict()
        study._storage.set_study_user_attr(study._study_id, CERTIFICATE_ATTR, found)

    def _stop_of_late(self, study: optuna.Study, entry: _Entry) -> Step:
        """The stop of a trial that would have to be trained from the start again."""
        view = self._others.view(study, entry.chain.parts[-1].number)
        curve, decision = entry.curve, self._core.judge(entry.curve, view)
        reason = f"stopped at step {curve.cutoff:g} of {curve.horizon:g}: it would be trained from the start"
        stop = replace(decision, stop=True, suppressed_by=None, reason=reason).record(view.n_ended)
        return Step("stop", entry.chain, stop, reason)

    def _entries(self, study: optuna.Study, besides: StudyBesides) -> list[_Entry]:
        """The trials that were started and have not failed, in the order of their starts."""
        found = [self._entry(study, chain) for chain in chains_of(besides.trials, besides.links)]
        return [entry for entry in found if entry is not None]

    def _entry(self, study: optuna.Study, chain: Chain) -> _Entry | None:
        last, from_0 = chain.parts[-1], self._others.from_0
        if last.state in (TrialState.WAITING, TrialState.FAIL):
            return None
        name = study.study_name, chain.number
        look = (from_0, chain.is_queued, chain.n_failed, *map(id, chain.parts))
        known = self._entries_of_ended.get(name)
        if known is None or known.look != look:
            trial = chain.trial
            state = _state_of(chain, trial)
            try:
                curve = to_curve(trial, self._config.horizon, from_0)
            except ValueError:  # the trial's horizon is unknown
                state = None
            if state is None:
                return None
            records, target = records_of(trial, from_0), self._config.target
            pausable = PausableTrial.of(curve, state, direction_of(study), records, target)
            known = _Entry(chain, curve, pausable, look)
            if last.state.is_finished():
                self._entries_of_ended[name] = known  # it holds the trials, so that their ids stay theirs
        parked_at = self._parked_at.get((study.study_name, last.number))
        if parked_at is None or known.pausable.parked_at is None:
            return known
        return replace(known, pausable=replace(known.pausable, parked_at=parked_at))


def _state_of(chain: Chain, trial: FrozenTrial) -> RuleState | None:
    """The state of a trial for the rule; None for an infeasible one, which is compared with no other."""
    if trial.state == TrialState.RUNNING:
        return "running"
    if is_waiting(trial):
        return "running" if chain.is_queued else "waiting" if chain.n_failed < MAX_FAILED else "stopped"
    if trial.state != TrialState.COMPLETE or is_stopped(trial):
        return "stopped"
    return None if is_infeasible(trial) else "finished"
