"""converged: whether an objective may return early because its trial has converged."""

from __future__ import annotations

import optuna

from lcstop_optuna.pruner import LCPFNPruner


def converged(trial: optuna.trial.BaseTrial, pruner: LCPFNPruner | None = None) -> bool:
    """Whether a trial is unlikely to gain more than the pruner's ``min_gain`` before its horizon.

    The objective should then return its value. The trial counts as finished: it is complete, it may be the
    best trial, and the sampler learns from it. The reason is stored in the trial's user attribute
    ``lcstop_converged``. If a forecast fails, the trial goes on and the cause is logged once.

    Args:
        trial: The trial, after a report.
        pruner: The pruner whose options are used. Default: the study's pruner.

    Returns:
        True if the trial has converged. False if not, if the pruner has no ``min_gain``, and for every trial
        that is no :class:`optuna.Trial`: a ``FixedTrial``, ``study.best_trial``, a ``TorchDistributedTrial``.

    Raises:
        ValueError: If the study's pruner is not an :class:`LCPFNPruner` and ``pruner`` is not given, or if
            the study has more than one objective.

    Example:
        >>> import optuna
        >>> from lcstop_optuna import LCPFNPruner, converged
        >>> def objective(trial):
        ...     for epoch in range(50):
        ...         accuracy = 0.9 - 0.6 * 0.7**epoch
        ...         trial.report(accuracy, epoch)
        ...         if trial.should_prune():
        ...             raise optuna.TrialPruned()
        ...         if converged(trial):
        ...             break
        ...     return accuracy
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> pruner = LCPFNPruner(horizon=50, min_gain=0.02)
        >>> study = optuna.create_study(direction="maximize", pruner=pruner)
        >>> study.optimize(objective, n_trials=1)
        >>> study.best_trial.last_step < 49, study.best_trial.user_attrs["lcstop_converged"][:9]
        (True, 'converged')
    """
    if not isinstance(trial, optuna.Trial):
        return False  # a FixedTrial or FrozenTrial is no part of a search
    used = trial.study.pruner if pruner is None else pruner
    if not isinstance(used, LCPFNPruner):
        raise ValueError(
            f"converged needs an LCPFNPruner, but the study's pruner is {type(used).__name__}: "
            "pass converged(trial, LCPFNPruner(horizon=..., min_gain=...))"
        )
    return used.converged(trial)
