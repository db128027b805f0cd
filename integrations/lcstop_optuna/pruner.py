"""LCPFNPruner: the adapter between an Optuna study and :class:`lcstop.PrunerCore`."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from typing_extensions import Unpack

from lcstop import Curve, Decision, PrunerConfig, PrunerCore
from lcstop.config.keywords import takes_options
from lcstop.config.pruner import PrunerOptions
from lcstop_optuna.other_trials import OtherTrials
from lcstop_optuna.trials import (
    AUDIT_ATTR,
    CONFIG_ATTR,
    CONVERGED_ATTR,
    REASON_ATTR,
    check_single_objective,
    to_curve,
    to_suppressed_stop,
)

logger = logging.getLogger("lcstop_optuna")


class LCPFNPruner(optuna.pruners.BasePruner):
    """Pruner that stops a trial once it will hardly end among the best of its study.

    A network pre-trained on artificial studies compares the trial with the others. The trial is pruned
    when it is too unlikely to end in the best tenth of the study's configurations; with
    ``policy="published"``, when LC-PFN's forecast of its own curve beats the incumbent
    with probability at most ``1 - confidence``.

    All that a decision rests on comes from the study's storage, so that threads, processes and restarts
    decide alike. If what decides fails, the trial goes on, and the cause is logged once.

    Every field of :class:`lcstop.PrunerConfig` is a keyword. ``help()`` shows their types and defaults;
    ``docs/options.md`` says what each does.

    Example:
        >>> import optuna
        >>> from lcstop_optuna import LCPFNPruner
        >>> def objective(trial):
        ...     best = trial.suggest_float("best", 0.1, 0.9)
        ...     for epoch in range(20):
        ...         accuracy = best * (1 - 0.7**epoch)
        ...         trial.report(accuracy, epoch)
        ...         if trial.should_prune():
        ...             raise optuna.TrialPruned()
        ...     return accuracy
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> sampler = optuna.samplers.RandomSampler(seed=0)
        >>> study = optuna.create_study(
        ...     direction="maximize", sampler=sampler, pruner=LCPFNPruner(horizon=20)
        ... )
        >>> study.optimize(objective, n_trials=10)
        >>> any(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
        True

    Args:
        horizon: Number of steps that a trial reports if nothing stops it; right for steps counted from 0
            and from 1. Where trials are planned to be of different lengths, the name of the hyperparameter
            or user attribute that holds the length of each.

    Raises:
        TypeError: If there is no option of that name.
        ValueError: If an option's value is not allowed.
    """

    @takes_options
    def __init__(self, horizon: float | str, **options: Unpack[PrunerOptions]) -> None:
        config = PrunerConfig(horizon=horizon, **options)
        self._core = PrunerCore(config)
        self._others = OtherTrials(config.horizon)
        self._warned = False

    @classmethod
    def from_yaml(cls, path: str | Path) -> LCPFNPruner:
        """A pruner with the options of a YAML file.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If a key or value in it is not allowed.
        """
        return cls(**PrunerConfig.from_yaml(path).model_dump())

    @property
    def config(self) -> PrunerConfig:
        """The validated options."""
        return self._core.config

    def prune(self, study: optuna.study.Study, trial: FrozenTrial) -> bool:
        """Whether ``trial`` should be pruned at its last report; called by ``trial.should_prune()``.

        Raises:
            ValueError: If the study has more than one objective.
        """
        check_single_objective(study)
        try:
            curve = self._curve(trial)
            self._warn_past_horizon(trial, curve)
            question = self._core.question(curve)
            if question is None:
                return False
            self._core.warm_up()  # once; its seconds are not those of a decision
            start = time.perf_counter()
            view = self._others.view(study, trial.number)
            decision = self._core.answer(question, view)
            self._core.error_log.warn_if_slow(time.perf_counter() - start)
        except Exception as error:
            # The pruner is a guest in somebody's training: a storage that fails for us must not end it.
            return self._core.fail_open(error, trial.last_step or 0).stop
        if decision.would_stop:
            self._record(study, trial, decision)
        return decision.stop

    def converged(self, trial: optuna.Trial) -> bool:
        """See :func:`lcstop_optuna.converged`, which calls this."""
        study, storage = trial.study, trial.study._storage
        check_single_objective(study)
        try:
            frozen = storage.get_trial(trial._trial_id)
            curve = self._curve(frozen)
            if not self._core.convergence_due(curve):
                return False
            decision = self._core.converged(curve, self._others.view(study, trial.number))
            if decision.stop:
                logger.info("trial %d ends at step %d: %s", trial.number, frozen.last_step, decision.reason)
                storage.set_trial_user_attr(trial._trial_id, CONVERGED_ATTR, decision.reason)
        except Exception as error:
            return self._core.fail_open(error, 0).stop
        return decision.stop

    def explain(self, study: optuna.study.Study, trial: FrozenTrial | optuna.Trial) -> Decision:
        """What would be decided on a trial at its last report, from what the study holds now.

        Raises:
            ValueError: If the study has more than one objective, or no trial of that number.
        """
        check_single_objective(study)
        trials = {t.number: t for t in study.get_trials(deepcopy=False)}
        if trial.number not in trials:
            raise ValueError(f"study {study.study_name!r} has no trial {trial.number}")
        return self._core.judge(self._curve(trials[trial.number]), self._others.view(study, trial.number))

    def _curve(self, trial: FrozenTrial) -> Curve:
        return to_curve(trial, self.config.horizon)

    def _warn_past_horizon(self, trial: FrozenTrial, curve: Curve) -> None:
        """Say once that steps and horizon do not count the same: trials past it are never stopped.

        One report past it is no mistake: a loop may step over it, and some report their last step twice.
        """
        if not self._warned and len(trial.intermediate_values) > len(curve) + 1:
            self._warned = True
            logger.warning(
                "trial %d reports step %d past horizon=%g, where no trial is stopped: "
                "is horizon counted in the steps that are reported?",
                trial.number,
                trial.last_step,
                curve.horizon,
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_others": OtherTrials(self.config.horizon)}  # curves are in the storage

    def _record(self, study: optuna.study.Study, trial: FrozenTrial, decision: Decision) -> None:
        """Store why a trial is pruned or, once, that it would have been; little is written, and seldom."""
        try:
            storage, suppressed = study._storage, decision.suppressed_stop
            if suppressed is None:
                logger.info("trial %d pruned at step %d: %s", trial.number, trial.last_step, decision.reason)
                storage.set_trial_user_attr(trial._trial_id, REASON_ATTR, decision.reason)
            elif to_suppressed_stop(storage.get_trial(trial._trial_id)):
                return  # what counts is when it would have been pruned first
            else:
                logger.info(
                    "trial %d not pruned at step %d: %s", trial.number, trial.last_step, decision.reason
                )
                content = {"trial": trial.number, **suppressed.to_json()}
                storage.set_trial_user_attr(trial._trial_id, AUDIT_ATTR, content)
            known = storage.get_study_user_attrs(study._study_id)
            new: dict[str, Any] = {CONFIG_ATTR: self.config.model_dump()}
            if decision.audit is not None and decision.audit.n:
                new[AUDIT_ATTR] = decision.audit.as_dict()
            for name, content in new.items():
                if known.get(name) != content:
                    storage.set_study_user_attr(study._study_id, name, content)
        except Exception as error:
            self._core.error_log.warn_once("the decision on trial %d was not stored", error, trial.number)
