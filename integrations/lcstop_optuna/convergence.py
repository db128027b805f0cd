"""converged: whether an objective of Optuna may return, since more training would hardly help."""

from __future__ import annotations

import optuna

from lcstop_optuna.pruner import LCPFNPruner


def converged(trial: optuna.Trial | optuna.trial.FixedTrial, pruner: LCPFNPruner | None = None) -> bool:
    """Whether a trial will hardly gain more than the pruner's ``min_gain`` from here to its horizon.

    The objective then returns, and the trial has finished: it is complete, may be the best, and teaches the
    sampler. A pruned trial is one that will not win; a converged one, winner or not, is as good as it gets.
    The reason is kept in the trial's user attribute ``lcstop_converged``. If a forecast fails the trial goes
    on, and the cause is logged once.

    Args:
        trial: The trial, after a report.
        pruner: Whose options count; by default the study's own pruner.

    Returns:
        False where the pruner has no ``min_gain``, or the trial is not in a study.

    Raises:
        ValueError: If the study has another pruner and none is given, or more than one objective.

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
        >>> study.best_trial.last_step < 49, study.best_trial.user_attrs["lcstop_converged"][:10]
        (True, 'converged:')
    """
    if isinstance(trial, optuna.trial.FixedTrial):
        return False
    judge = trial.study.pruner if pruner is None else pruner
    if not isinstance(judge, LCPFNPruner):
        raise ValueError(
            "converged needs the options of an LCPFNPruner, and the study's pruner is "
            f"{type(judge).__name__}: pass converged(trial, LCPFNPruner(horizon=..., min_gain=...))"
        )
    return judge.converged(trial)
