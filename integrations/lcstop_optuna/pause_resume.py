"""PauseResume: takes up trials that wait, as a callback of ``study.optimize``."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from numbers import Integral

import optuna
from optuna.trial import FrozenTrial, TrialState

from lcstop_optuna import running_here
from lcstop_optuna.chains import DUPLICATE, Chain, counts, resumed_number
from lcstop_optuna.own_queue import OWNED, RETRY, OwnQueue
from lcstop_optuna.pruner import LCPFNPruner
from lcstop_optuna.study_pausing import StudyPausing
from lcstop_optuna.trials import LCSTOP_ATTRS, RESUMES_ATTR

logger = logging.getLogger("lcstop_optuna")

_POLL = 0.2, 1.0
"""Seconds between two looks at a study while there is nothing to do for a thread: at first, and at most."""

_GRACE = 10.0
"""Seconds that a trial in the queue may take to start, before it no longer counts as one of this process."""


class PauseResume:
    """Callback of ``study.optimize`` that takes up trials that wait. It needs ``LCPFNPruner(pause=True)``.

    Optuna cannot pause a trial. A trial that waits ends as ``PRUNED``, and goes on as a new trial with the
    same parameters, whose user attribute ``lcstop_resumes`` is the number of the trial that it continues. The
    objective asks :func:`lcstop_optuna.resume_from`, and loads the checkpoint. ``lcstop`` counts both as one
    trial.

    After each trial the callback decides what is next: a new configuration, or a trial that waits, which it
    puts in the queue of the study. Once ``n_trials`` configurations have been started, what waits goes on or
    is stopped, and then the search ends. Leave out the ``n_trials`` of ``study.optimize``: it counts a trial
    each time that it goes on.

    Args:
        n_trials: Number of configurations to start. Several processes may start a few more, as with
            ``optuna.study.MaxTrialsCallback``. None: until ``study.optimize`` ends; what waits then is not
            trained further.

    Raises:
        ValueError: If ``n_trials`` is not positive; when called, if the pruner of the study is no
            ``LCPFNPruner(pause=True)``.

    Example:
        >>> import optuna
        >>> from lcstop_optuna import LCPFNPruner, PauseResume, resume_from
        >>> checkpoints = {}
        >>> def objective(trial):
        ...     best, epoch = trial.suggest_float("best", 0.1, 0.9), 0
        ...     if before := resume_from(trial):
        ...         epoch = checkpoints[before.number]
        ...     while epoch < 20:
        ...         trial.report(best * (1 - 0.7**epoch), epoch)
        ...         epoch += 1
        ...         if trial.should_prune():
        ...             checkpoints[trial.number] = epoch
        ...             raise optuna.TrialPruned
        ...     return best
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> sampler = optuna.samplers.RandomSampler(seed=0)
        >>> pruner = LCPFNPruner(horizon=20, pause=True)
        >>> study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        >>> study.optimize(objective, callbacks=[PauseResume(n_trials=8)])
        >>> sum("lcstop_resumes" not in trial.user_attrs for trial in study.trials)
        8
    """

    def __init__(self, n_trials: int | None = None) -> None:
        is_whole = isinstance(n_trials, Integral) and not isinstance(n_trials, bool)
        if n_trials is not None and not (is_whole and n_trials >= 1):
            raise ValueError(f"n_trials must be a whole number above 0, or None, got {n_trials!r}")
        self._n_trials = n_trials
        self._lock = threading.Lock()
        self._n_promised = 0  # configurations that were started, or are about to be
        self._promised_at = -_GRACE
        self._taken_up: dict[int, float] = {}  # when a trial was put in the queue, by number
        running_here.CALLBACKS.add(self)

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Decide what this worker does next. Optuna calls this after each trial.

        With ``n_jobs`` above 1 a thread without anything to do waits for the others: one of their trials may
        have to be taken up.
        """
        pausing = _pausing_of(study)
        OwnQueue.of(study)
        pausing.can_start = self._can_start
        seconds, longest = _POLL
        while True:
            with self._lock:
                if study._stop_flag or self._has_next(study, pausing):
                    return
            time.sleep(seconds)
            seconds = min(2 * seconds, longest)

    def _has_next(self, study: optuna.Study, pausing: StudyPausing) -> bool:
        """Whether this worker has a next trial, or the search is over and is stopped."""
        try:
            is_busy = self._is_busy(study)  # before the look: a trial may end and wait meanwhile
            if self._finds_next(study, pausing):
                return True
        except Exception as error:
            pausing.error_log.warn_once("no trial that waits was taken up", error)
            is_busy = False
            if self._can_start(study.get_trials(deepcopy=False)):
                return True
        if not is_busy:
            study.stop()
        return not is_busy

    def _finds_next(self, study: optuna.Study, pausing: StudyPausing) -> bool:
        """Whether the next trial of this worker is in the queue now, or a new one is to be started."""
        while True:
            trials = study.get_trials(deepcopy=False)
            can_start = self._can_start(trials)
            queued = next((t for t in trials if self._is_free(t, can_start=can_start)), None)
            if queued is not None:  # what the user, or a callback that repeats trials, has put in the queue
                self._start(study, queued.number, queued._trial_id)
                return True
            step = pausing.next_step(study, can_start=can_start)
            if step.kind == "start":
                self._n_promised = max(self._n_promised, _n_started(trials)) + 1
                self._promised_at = time.monotonic()
                return True
            if step.chain is None:
                return False
            if step.stop is not None:
                pausing.store_stop(study, step.chain, step.stop, step.reason)
            elif self._take_up(study, step.chain):
                return True

    def _is_free(self, trial: FrozenTrial, *, can_start: bool) -> bool:
        """Whether a trial is in the queue that this worker may start."""
        if trial.state != TrialState.WAITING or trial.number in self._taken_up:
            return False
        return RETRY in trial.system_attrs or (can_start and resumed_number(trial) is None)

    def _start(self, study: optuna.Study, number: int, trial_id: int) -> None:
        """Let a worker of this process start a trial that is in the queue."""
        self._taken_up[number] = time.monotonic()
        OwnQueue.of(study).add(trial_id)

    def _can_start(self, trials: Sequence[FrozenTrial]) -> bool:
        if self._n_trials is None:
            return True
        return max(_n_started(trials), self._n_promised) < self._n_trials

    def _take_up(self, study: optuna.Study, chain: Chain) -> bool:
        """Put a trial in the queue that continues a waiting one; whether this process was the first to do so.

        Two processes may do so at a time. The trial that was created first counts, and the other process
        takes its own back.
        """
        storage, last, known = study._storage, chain.parts[-1], chain.trial
        if _first_try(study, last) is not None:
            return False
        attrs = {name: value for name, value in known.user_attrs.items() if name not in LCSTOP_ATTRS}
        trial_id = storage.create_new_trial(
            study._study_id,
            optuna.trial.create_trial(
                state=TrialState.WAITING,
                params=last.params,
                distributions=last.distributions,
                user_attrs={**attrs, RESUMES_ATTR: last.number},
                system_attrs={"fixed_params": last.params, OWNED: True},
            ),
        )
        number = storage.get_trial_number_from_id(trial_id)
        if _first_try(study, last) == number:
            self._start(study, number, trial_id)
            logger.info("Trial %d goes on as trial %d", chain.number, number)
            return True
        storage.set_trial_system_attr(trial_id, DUPLICATE, True)
        if storage.set_trial_state_values(trial_id, TrialState.RUNNING):  # a new process may have started it
            storage.set_trial_state_values(trial_id, TrialState.FAIL)
        return False

    def _is_busy(self, study: optuna.Study) -> bool:
        """Whether another trial runs in this process, or is about to."""
        now, clock = datetime.now(), time.monotonic()
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING)):
            if trial.state == TrialState.WAITING:
                if clock - self._taken_up.get(trial.number, -_GRACE) < _GRACE:
                    return True
            elif running_here.is_here(study, trial.number):
                return True
            elif trial.datetime_start is not None and (now - trial.datetime_start).total_seconds() < _GRACE:
                return True  # it has not reported yet
        return clock - self._promised_at < _GRACE and self._n_promised > _n_started(
            study.get_trials(deepcopy=False)
        )


def _first_try(study: optuna.Study, trial: FrozenTrial) -> int | None:
    """Number of the first trial that continues ``trial`` and has not failed; None if there is none."""
    tries = (t for t in study.get_trials(deepcopy=False) if resumed_number(t) == trial.number and counts(t))
    return min((t.number for t in tries), default=None)


def _n_started(trials: Sequence[FrozenTrial]) -> int:
    """Number of configurations that were started: trials that neither continue nor repeat another one."""
    return sum(
        t.state != TrialState.WAITING and resumed_number(t) is None and RETRY not in t.system_attrs
        for t in trials
    )


def _pausing_of(study: optuna.Study) -> StudyPausing:
    pruner = study.pruner
    if isinstance(pruner, LCPFNPruner) and pruner.pausing is not None:
        return pruner.pausing
    raise ValueError(f"PauseResume needs a study with pruner=LCPFNPruner(pause=True), got {pruner!r}")
