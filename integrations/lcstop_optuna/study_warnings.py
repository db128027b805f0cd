"""StudyWarnings: warns of what is surely wrong in how the trials of a study report."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from lcstop import Curve, PrunerConfig
from lcstop.pruning.study_checks import N_FIRST, StudyChecks, WatchedTrial
from lcstop_optuna.judgements import is_stopped
from lcstop_optuna.other_trials import direction_of
from lcstop_optuna.trials import CONFIG_ATTR, CONVERGED_ATTR, to_curve

logger = logging.getLogger("lcstop_optuna")


class StudyWarnings:
    """Logs each warning once for a study, see :mod:`lcstop.pruning.study_checks`. It never raises.

    Args:
        config: The options.
    """

    def __init__(self, config: PrunerConfig) -> None:
        self._config = config
        self._studies: dict[str, _Watched] = {}
        self.warned_past_horizon = self._warned_went_on = False

    def look(self, study: optuna.study.Study, trial: FrozenTrial) -> None:
        """Look at a trial that has reported, and now and then at its study.

        The storage is read when this process first reports in a study of others, once for each of the next
        trials, and ever more seldom then.
        """
        try:
            watched = self._studies.get(study.study_name)
            if watched is None:
                watched = self._studies[study.study_name] = _Watched(self._config, trial.number)
            watched.look(study, trial)
        except Exception as error:
            logger.debug("the study was not looked at: %r", error)

    def past_horizon(self, trial: FrozenTrial, curve: Curve) -> None:
        """Warn once if a trial has reported more than one step past its horizon.

        Trials are never stopped there, so the horizon is probably in other units than the steps. A single
        report past the horizon is normal: a loop may overshoot, or report its last step twice.
        """
        if not self.warned_past_horizon and len(trial.intermediate_values) > len(curve) + 1:
            self.warned_past_horizon = True
            logger.warning(
                "trial %d reports step %d past horizon=%g, where no trial is stopped: "
                "does horizon count the steps that are reported?",
                trial.number,
                trial.last_step,
                curve.horizon,
            )

    def went_on(self, trial: FrozenTrial, step: float) -> None:
        """Warn once of a trial that has gone on after it was told to stop, or to wait, at ``step``."""
        if not self._warned_went_on:
            self._warned_went_on = True
            logger.warning(
                "trial %d went on after it was told to stop at step %g: "
                "where trial.should_prune() returns True, raise optuna.TrialPruned()",
                trial.number,
                step,
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_studies": {}}


class _Watched:
    """A study, from the first trial on that this process has seen: those before may be of other lengths."""

    def __init__(self, config: PrunerConfig, first: int) -> None:
        self._config, self._checks, self._first = config, StudyChecks(config), first
        self._is_new = first >= N_FIRST

    def look(self, study: optuna.study.Study, trial: FrozenTrial) -> None:
        reports = trial.intermediate_values
        if reports and self._checks.falls(trial.number, len(reports), next(reversed(reports))):
            logger.warning(
                "steps of trial %d fall, so that its reports are no learning curve: report the training done "
                "as step. For values of problem instances in any order use optuna.pruners.WilcoxonPruner",
                trial.number,
            )
        if not (self._is_new or self._checks.due(trial.number - self._first)) or len(study.directions) > 1:
            return
        if self._is_new:
            self._is_new = False
            options = study._storage.get_study_user_attrs(study._study_id).get(CONFIG_ATTR)
            if not isinstance(options, dict) or options.get("horizon") != self._config.horizon:
                return
            self._first = 0  # other processes have run all of it with the same horizon
            if not self._checks.due(trial.number):
                return
        trials = study.get_trials(deepcopy=False)
        for message in self._checks.find(direction_of(study), self._reported(trials)):
            logger.warning("study %s: %s", study.study_name, message)

    def _reported(self, trials: Sequence[FrozenTrial]) -> Iterator[WatchedTrial]:
        from_0 = any(0 in trial.intermediate_values for trial in trials)
        for trial in trials:
            if trial.number < self._first or not trial.intermediate_values:
                continue
            try:
                curve = to_curve(trial, self._config.horizon, from_0)
            except ValueError:  # the trial's horizon is unknown
                continue
            was_ended = is_stopped(trial) or CONVERGED_ATTR in trial.user_attrs
            is_complete = trial.state == TrialState.COMPLETE and not was_ended
            value = trial.values[0] if is_complete else None
            yield WatchedTrial(curve, len(trial.intermediate_values), is_complete, value)
