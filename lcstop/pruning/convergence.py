"""Convergence: whether a trial, winner or not, still has anything to gain."""

from __future__ import annotations

import math

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.pruning.decision import Decision, StudyView
from lcstop.pruning.rules import predicted
from lcstop.surrogates import Surrogate

_MAX_QUERIES = 32


def judge_convergence(
    trial: Curve, study: StudyView, config: PrunerConfig, min_gain: float, surrogate: Surrogate
) -> Decision:
    """Whether ``trial`` will hardly gain more than ``min_gain`` from here to its horizon.

    What counts is the gain in the best value so far, or with the target ``final`` that of the value at the
    horizon over the last one. The trial has converged if at no later step it is reached with a probability of
    more than ``1 - confidence``. Unlike a stop this needs no other trial; those there are set the scale.

    Raises:
        ValueError: If the forecast is not finite.

    Example:
        >>> from lcstop import load_surrogate
        >>> flat = Curve(range(1, 41), [0.9 - 0.6 * 0.7**i for i in range(40)], horizon=50)
        >>> study, config = StudyView("maximize"), PrunerConfig(horizon=50)
        >>> judge = lambda curve: judge_convergence(curve, study, config, 0.02, load_surrogate())
        >>> judge(flat).stop, judge(flat.first(5)).stop
        (True, False)
    """
    known, direction = trial.finite(), study.direction
    if not len(trial) or not math.isfinite(trial.values[-1]) or len(known) < 2:
        return Decision(False, "too few finite reports", trial.cutoff)
    if trial.cutoff >= trial.horizon:
        return Decision(False, "has reached the horizon", trial.cutoff)
    best = config.target == "best"
    now = known.best(direction) if best else float(known.values[-1])
    assert now is not None  # two reports are finite
    goal = now + min_gain if direction == "maximize" else now - min_gain
    at = trial.ahead(_MAX_QUERIES).tolist() if best else [trial.horizon]
    scale = MetricScale.from_study(direction, study.finished or study.unfinished, judged=known)
    forecast = surrogate.forecast([known], at, scale, [*study.finished, *study.unfinished])
    p_gain = float(forecast.prob_better(goal).max())
    if not math.isfinite(p_gain):
        raise ValueError("the forecast is not finite")
    threshold = 1 - config.confidence
    stop = p_gain <= threshold
    median, (low, high) = predicted(forecast[:, -1:], config)
    reason = (
        f"{'converged: ' if stop else ''}P(gain more than {min_gain:.4g} on {now:.5g} by step "
        f"{trial.horizon:g}) = {p_gain:.3g} {'<=' if stop else '>'} {threshold:.2g}; "
        f"predicted {median:.4g} [{low:.4g}, {high:.4g}]"
    )
    return Decision(
        stop, reason, trial.cutoff, median=median, interval=(low, high), scale=scale, converged=stop
    )
