"""LCPFNPruner: the adapter between an Optuna study and :class:`lcstop.PrunerCore`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lcstop import Curve, Decision, PrunerConfig, PrunerCore, StudyView
from lcstop.config import horizon_of

logger = logging.getLogger("lcstop_optuna")

REASON_ATTR = "lcstop_reason"
"""User attribute of a stopped trial that holds the reason; ``trials_dataframe()`` shows it."""

CONVERGED_ATTR = "lcstop_converged"
"""User attribute of a trial that had converged, with the reason; such a trial has finished."""

CONFIG_ATTR = "lcstop_config"
"""User attribute of a study that holds the options with which the pruner last stopped a trial in it."""


class LCPFNPruner(optuna.pruners.BasePruner):
    """Pruner that stops a trial once it will hardly end among the best of its study.

    A network pre-trained on artificial studies compares the trial with the others. The trial is pruned
    when it is too unlikely to end in the best tenth of the study's configurations; with
    ``policy="published"``, when LC-PFN's forecast of its own curve beats the incumbent
    with probability at most ``1 - confidence``.

    All that a decision rests on comes from the study's storage, so that threads, processes and restarts
    decide alike. If a forecast fails the trial goes on, and the cause is logged once.

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
        policy: See :class:`lcstop.PrunerConfig`, as for every option below.
        preset: How early and how boldly trials are stopped: ``safe``, ``balanced`` or ``bold``.
        use_params: Whether trials are also compared by their hyperparameters.
        confidence: The factor of a preset's probabilities is ``(1 - confidence) / 0.05``.
        min_steps: First step at which a trial may be pruned, counted from 1.
        interval_steps: Steps between judgements.
        n_startup_trials: Trials that must have finished first.
        patience: Judgements in a row that must all say stop.
        target: ``best`` or ``final`` value of a trial.
        diverged_after: NaN or infinite reports in a row after which a trial is pruned.
        lower: Least possible value of the metric.
        upper: Greatest possible value of the metric.
        min_gain: What :func:`lcstop_optuna.converged` takes for hardly any further gain.
        surrogate: What predicts the rest of a curve.

    Raises:
        ValueError: If an option is not allowed.
    """

    def __init__(
        self,
        horizon: float | str,
        *,
        policy: Literal["study", "published"] = "study",
        preset: Literal["safe", "balanced", "bold"] = "balanced",
        use_params: bool = False,
        confidence: float = 0.95,
        min_steps: float = 2,
        interval_steps: float = 1,
        n_startup_trials: int = 1,
        patience: int = 1,
        target: Literal["best", "final"] = "best",
        diverged_after: int = 3,
        lower: float | None = None,
        upper: float | None = None,
        min_gain: float | None = None,
        surrogate: str = "lcpfn",
    ) -> None:
        config = PrunerConfig(
            horizon=horizon,
            policy=policy,
            preset=preset,
            use_params=use_params,
            confidence=confidence,
            min_steps=min_steps,
            interval_steps=interval_steps,
            n_startup_trials=n_startup_trials,
            patience=patience,
            target=target,
            diverged_after=diverged_after,
            lower=lower,
            upper=upper,
            min_gain=min_gain,
            surrogate=surrogate,
        )
        self._core = PrunerCore(config)
        self._ended: dict[int, tuple[FrozenTrial, Curve]] = {}

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
            if not self._core.due(curve):
                return False
            decision = self._core.decide(curve, self._view(study, trial.number))
        except Exception as error:
            # The pruner is a guest in somebody's training: a storage that fails for us must not end it.
            return self._core.fail_open(error, trial.last_step or 0).stop
        if decision.stop:
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
            decision = self._core.converged(curve, self._view(study, trial.number))
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
        return self._core.judge(self._curve(trials[trial.number]), self._view(study, trial.number))

    def _view(self, study: optuna.study.Study, number: int) -> StudyView:
        """Every other trial; failed ones gave the user no result, so they are left out."""
        finished, unfinished = list[Curve](), list[Curve]()
        for other in study.get_trials(
            deepcopy=False, states=(TrialState.COMPLETE, TrialState.RUNNING, TrialState.PRUNED)
        ):
            if other.number == number:
                continue
            try:
                curve = self._curve(other) if other.state == TrialState.RUNNING else self._ended_curve(other)
            except ValueError:
                continue  # nobody knows how long it was to be
            (finished if other.state == TrialState.COMPLETE else unfinished).append(curve)
        maximize = study.direction == StudyDirection.MAXIMIZE
        return StudyView("maximize" if maximize else "minimize", finished, unfinished)

    def _curve(self, trial: FrozenTrial) -> Curve:
        return to_curve(trial, self.config.horizon)

    def _ended_curve(self, trial: FrozenTrial) -> Curve:
        """The curve of a trial that has ended and will not change.

        Optuna's storages hand out the same object for such a trial each time, so its curve is made once;
        from a storage that does not, or with two studies in turn, it is only made again.
        """
        known, curve = self._ended.get(trial.number, (None, None))
        if curve is None or known is not trial:
            curve = self._curve(trial)
            self._ended[trial.number] = trial, curve
        return curve

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_ended": {}}  # curves are in the storage

    def _record(self, study: optuna.study.Study, trial: FrozenTrial, decision: Decision) -> None:
        logger.info("trial %d pruned at step %d: %s", trial.number, trial.last_step, decision.reason)
        try:
            storage, options = study._storage, self.config.model_dump()
            storage.set_trial_user_attr(trial._trial_id, REASON_ATTR, decision.reason)
            if storage.get_study_user_attrs(study._study_id).get(CONFIG_ATTR) != options:
                storage.set_study_user_attr(study._study_id, CONFIG_ATTR, options)
        except Exception:
            logger.warning("the reason for pruning trial %d was not stored", trial.number, exc_info=True)


def to_curve(trial: FrozenTrial, horizon: float | str) -> Curve:
    """What a trial has reported; one that was added with its result alone is known at the horizon only.

    Raises:
        ValueError: If ``horizon`` is a name, and the trial has no length under it.
    """
    horizon = horizon_of(horizon, trial.params, trial.user_attrs)
    if trial.state == TrialState.COMPLETE and not trial.intermediate_values:
        return Curve([horizon], [trial.values[0]], horizon, trial.params)
    return Curve.from_reports(trial.intermediate_values, horizon, trial.params)


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
