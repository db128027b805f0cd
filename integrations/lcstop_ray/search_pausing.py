"""SearchPausing: trials of a running Ray Tune search that wait for their turn, see :mod:`lcstop.pausing`."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ray.tune import Trainable
from ray.tune.experiment import Trial
from ray.tune.result import SHOULD_CHECKPOINT
from ray.tune.trainable.function_trainable import FunctionTrainable

from lcstop import Decision
from lcstop.pausing.core import PausingCore, resume
from lcstop.pausing.rule import Move, PausableTrial, TrialState, move_of, n_moments, next_move
from lcstop_ray.history import History
from lcstop_ray.results import DIRECTIONS
from lcstop_ray.search_state import SearchState

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController

logger = logging.getLogger("lcstop_ray")

_STATES: dict[str, TrialState] = {
    "running": "running",
    "waiting": "waiting",
    "finished": "finished",
    "converged": "finished",
    "stopped": "stopped",
    "cut off": "stopped",
}
"""State of a trial for the rule; a failed one is left out."""


class SearchPausing:
    """Which trials of a search wait, and which one goes on next.

    A trial can wait only where it can go on from: a function at a result that carries a checkpoint, a class
    at any result if it saves itself. A trial that has no checkpoint by the first rung is stopped or goes on,
    as without ``pause``, until it has one.

    Args:
        search: The trials of the search.
    """

    def __init__(self, search: SearchState) -> None:
        self._search = search
        self._core = PausingCore(search.core)
        # What the rule sees of each trial, with the version of its history; None where it is left out.
        self._seen: dict[str, tuple[int, PausableTrial | None]] = {}
        self._with_checkpoint: set[str] = set()
        self._as_without_pause: set[str] = set()  # ids of trials that had no checkpoint at a rung
        self._chosen: str | None = None  # id of the trial that goes on, until Ray starts it
        self._is_told = False

    def judge(self, controller: TuneController | None, trial: Trial, result: Mapping[str, Any]) -> bool:
        """Record a result of a running trial and decide on it. The trial may wait from now on.

        Args:
            controller: What Ray passes to a scheduler.
            trial, result: As for :meth:`lcstop_ray.search_state.SearchState.judge`.

        Returns:
            Whether the trial should stop.
        """
        is_savable = _saves_itself(trial, result)
        if is_savable:
            self._with_checkpoint.add(trial.trial_id)

        def decide(trial: Trial, history: History) -> Decision | None:
            return self._decide(controller, trial, history, is_savable=is_savable)

        return self._search.judge(trial, result, decide)

    def choose(self, controller: TuneController) -> Trial | None:
        """The trial that runs next: one that waits, or a new one. Stops those that are not worth advancing.

        Only one trial that has waited is passed to Ray at a time, so that the next one is chosen when more
        is known.
        """
        limit_pending_trials(controller)
        trials = {trial.trial_id: trial for trial in _trials_of(controller)}
        pending = [trial for trial in trials.values() if trial.status == Trial.PENDING]
        paused = [trial for trial in trials.values() if trial.status == Trial.PAUSED]
        for trial in pending:
            if trial.trial_id == self._chosen:
                return trial
        histories, first = self._search.histories, next(iter(pending), None)
        for trial in paused:
            if trial.trial_id not in histories or histories[trial.trial_id].state != "waiting":
                self._chosen = trial.trial_id  # something else has paused it
                return trial
        while paused:
            ids, seen = self._trials()
            move = next_move(seen, can_start=first is not None)
            if move.trial is None:
                return first
            trial_id = ids[move.trial]
            chosen = trials.get(trial_id)
            if chosen is None or chosen.status != Trial.PAUSED:
                return first  # it is still being saved
            decision = self._advance(chosen, histories[trial_id], move)
            if decision.stop:
                self._search.stop(chosen, histories[trial_id], decision)
                stop_paused(controller, chosen)
                paused.remove(chosen)
            elif not decision.waits:
                self._chosen = trial_id
                return chosen
        return first

    def _decide(
        self, controller: TuneController | None, trial: Trial, history: History, *, is_savable: bool
    ) -> Decision | None:
        """The decision by which a trial waits or ends; None if it goes on."""
        search = self._search
        has_checkpoint = trial.trial_id in self._with_checkpoint
        if trial.trial_id in self._as_without_pause:
            if not has_checkpoint:
                return search.decide(trial, history)
            self._as_without_pause.remove(trial.trial_id)
            history.next = None
        if not search.may_ask(history):
            return None
        if not has_checkpoint and self._look(history).is_at_rung:
            self._as_without_pause.add(trial.trial_id)
            self._tell(trial, history)
            history.next = None
            return search.decide(trial, history)
        _, everyone = self._trials()
        view = search.view(judged=trial.trial_id)
        decision = self._core.at_report(history.curve, view, n_moments(everyone), may_wait=is_savable)
        if decision.is_new:
            search.record(trial, history, decision, view.n_ended)
        # After one report it is not known yet from where its moments are counted.
        curve, records = history.curve, history.judgements
        history.next = self._core.next_question(curve, records) if len(curve) > 1 else None
        if decision.stop:
            return decision
        if not decision.waits:
            return search.converged(history, view)
        history.state = "waiting"
        ids, everyone = self._trials()
        move = move_of(everyone, ids.index(trial.trial_id), can_start=_can_start(controller))
        if move is None:
            return decision
        decision = self._advance(trial, history, move)
        return decision if decision.stop or decision.waits else None

    def _advance(self, trial: Trial, history: History, move: Move) -> Decision:
        """The decision on a waiting trial that the rule has chosen: it goes on, waits on, or is stopped."""
        search, curve = self._search, history.curve
        view = search.view(judged=trial.trial_id)
        if move.kind == "go on":
            decision = Decision(False, f"goes on at step {curve.cutoff:g} of {curve.horizon:g}", curve.cutoff)
        elif move.kind == "judge":
            decision = self._core.judge_again(curve, view, n_moments(self._trials()[1]))
        else:
            decision = self._core.settle(curve, view)
        if not (decision.stop or decision.waits):
            decision = resume(decision)
        search.record(trial, history, decision, view.n_ended)
        if decision.resumes:
            history.state = "running"
        return decision

    def _trials(self) -> tuple[list[str], list[PausableTrial]]:
        """Ids of the trials that have been started and have not failed, and what the rule sees of them."""
        ids, trials = [], []
        for trial_id, history in self._search.histories.items():
            seen = self._seen.get(trial_id)
            if seen is None or seen[0] != history.version:
                started = history.state in _STATES and history.last_step is not None
                seen = self._seen[trial_id] = history.version, self._look(history) if started else None
            if seen[1] is not None:
                ids.append(trial_id)
                trials.append(seen[1])
        return ids, trials

    def _look(self, history: History) -> PausableTrial:
        search = self._search
        return PausableTrial.of(
            history.curve,
            _STATES.get(history.state, "stopped"),
            DIRECTIONS[search.mode],
            history.judgements,
            search.core.config.target,
        )

    def _tell(self, trial: Trial, history: History) -> None:
        if not self._is_told:
            self._is_told = True
            logger.warning(
                "trial %s has come to step %g without a checkpoint, so it cannot be paused, only stopped: "
                "pass checkpoint= to tune.report, or give the class save_checkpoint",
                trial.trial_id,
                history.last_step,
            )


def limit_pending_trials(controller: TuneController | None) -> None:
    """Make Ray prepare one new trial at a time, as it does for a searcher.

    For a random search Ray queues up to 200 new trials for free resources, first come, first served. A trial
    that has waited would be started after all of them. ``TUNE_MAX_PENDING_TRIALS_PG`` takes precedence.
    """
    inner: Any = getattr(controller, "_tune_controller", controller)
    if os.environ.get("TUNE_MAX_PENDING_TRIALS_PG", "auto") != "auto":
        return
    if getattr(inner, "_max_pending_trials", 1) > 1:
        inner.update_max_pending_trials(1)


def stop_paused(controller: TuneController, trial: Trial) -> None:
    """End a paused trial. Ray itself does not store that a paused trial has ended."""
    controller.stop_trial(trial)  # type: ignore[no-untyped-call]
    inner = getattr(controller, "_tune_controller", controller)
    with contextlib.suppress(AttributeError):
        inner._mark_trial_to_checkpoint(trial)


def _saves_itself(trial: Trial, result: Mapping[str, Any]) -> bool:
    """Whether a trial can go on from this result."""
    if result.get(SHOULD_CHECKPOINT):
        return True
    kind = trial.get_trainable_cls()  # type: ignore[no-untyped-call]
    if kind is None or issubclass(kind, FunctionTrainable):
        return False
    return kind.save_checkpoint is not Trainable.save_checkpoint


def _can_start(controller: TuneController | None) -> bool:
    """Whether there is a new trial, or Ray may be given one."""
    if controller is None:
        return True
    if any(trial.status == Trial.PENDING for trial in _trials_of(controller)):
        return True
    return not controller.search_alg.is_finished()


def _trials_of(controller: TuneController) -> list[Trial]:
    return controller.get_trials()  # type: ignore[no-untyped-call, no-any-return]
