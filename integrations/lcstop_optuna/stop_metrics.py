"""stop_metrics: the stop of a trial as numbers, for experiment trackers."""

from __future__ import annotations

from optuna.trial import FrozenTrial

from lcstop_optuna.judgements import is_stopped, stop_of


def stop_metrics(trial: FrozenTrial) -> dict[str, float]:
    """The stop of a trial as numbers, for MLflow, Weights & Biases or TensorBoard.

    Call it in a callback of ``study.optimize``, once the trial has ended. Its reason, a text, is the user
    attribute ``lcstop_reason``.

    Args:
        trial: A trial that has ended.

    Returns:
        ``lcstop_stopped`` is 1 if ``lcstop`` has stopped the trial, else 0. A stopped trial also has, as far
        as they are known, ``lcstop_step``: the step as it was reported; ``lcstop_probability``: the
        probability that decided; ``lcstop_threshold``: the probability at or below which it stops a trial;
        ``lcstop_predicted``: the predicted median of the final value, in the units of the metric;
        ``lcstop_to_beat``: the best value so far, in the same units.

    Example:
        >>> import optuna
        >>> from lcstop_optuna import stop_metrics
        >>> stop_metrics(optuna.trial.create_trial(value=0.5))
        {'lcstop_stopped': 0.0}
    """
    metrics = {"lcstop_stopped": float(is_stopped(trial))}
    stop = stop_of(trial)
    if stop is None:
        return metrics
    known = {
        "lcstop_step": stop.step,
        "lcstop_probability": stop.probability,
        "lcstop_threshold": stop.threshold,
        "lcstop_predicted": stop.median,
        "lcstop_to_beat": stop.to_beat,
    }
    return metrics | {name: float(value) for name, value in known.items() if value is not None}
