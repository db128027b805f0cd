"""OwnQueue: a worker starts the trials that it has put in the queue of a study, and no other worker does."""

from __future__ import annotations

from collections import deque

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

OWNED = "lcstop:owned"
"""System attribute of a trial in the queue that the process which has put it there starts."""

RETRY = "failed_trial"
"""System attribute with which Optuna marks a trial that repeats a failed one. It inherits the others."""

_POP = "_pop_waiting_trial_id"
"""Name of the method of a study that takes a trial from the queue."""


class OwnQueue:
    """Takes trials from the queue of a study, in place of the study's own method.

    With SQLite two processes may take the same trial from Optuna's queue, since it cannot lock a row. Both
    would train it, and Optuna ends the process that tells its result second. So each process starts its own
    trials and leaves those of the others. A process that has just come up does not know this yet.

    Args:
        study: The study. From now on it takes trials from this queue.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._own: deque[int] = deque()
        study.__dict__[_POP] = self

    @classmethod
    def of(cls, study: optuna.Study) -> OwnQueue:
        """The queue of a study."""
        known = study.__dict__.get(_POP)
        return known if isinstance(known, cls) else cls(study)

    def add(self, trial_id: int) -> None:
        """Let this process start a trial that it has put in the queue."""
        self._own.append(trial_id)

    def __call__(self) -> int | None:
        """The next trial, which runs from now on: one of this process, or else one without an owner.

        Returns:
            Its id in the storage; None if there is none.
        """
        while self._own:
            trial_id = self._own.popleft()
            if self._start(trial_id):
                return trial_id
        storage, study_id = self._study._storage, self._study._study_id
        for trial in storage.get_all_trials(study_id, deepcopy=False, states=(TrialState.WAITING,)):
            is_owned = OWNED in trial.system_attrs and RETRY not in trial.system_attrs
            if not is_owned and self._start(trial._trial_id):
                return trial._trial_id
        return None

    def _start(self, trial_id: int) -> bool:
        try:
            return self._study._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False
