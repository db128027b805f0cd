"""Convergence: whether a trial, winner or not, still has anything to gain."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lcstop._utils.number_words import percents
from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.pruning.published_rule import MAX_QUERIES
from lcstop.pruning.study_view import StudyView
from lcstop.ranking.ranker import is_undecided
from lcstop.surrogates import Surrogate
from lcstop.surrogates.forecast import Forecast


@dataclass(frozen=True)
class GainEvidence:
    """What the forecast of a trial says about its further gain.

    Attributes:
        value: The value that the gain is measured from.
        p_gain: Probability of the gain at the step where it is most likely.
        threshold: The probability at or below which the trial has converged.
        forecast: The forecast at the horizon, ``[1, 1]``.
        scale: Its scale.
        is_undecided: Whether nothing tells the trial from the others yet, so that it goes on.
    """

    value: float
    p_gain: float
    threshold: float
    forecast: Forecast
    scale: MetricScale
    is_undecided: bool = False

    @property
    def converged(self) -> bool:
        """Whether the gain is too unlikely to wait for."""
        return self.p_gain <= self.threshold and not self.is_undecided

    def reason(self, trial: Curve, min_gain: float) -> str:
        """The evidence in one line without the forecast."""
        has, needs = percents(self.p_gain, self.threshold)
        return (
            f"{'converged' if self.converged else 'goes on'} at step {trial.cutoff:g} of {trial.horizon:g}: "
            f"{has} chance to gain more than {min_gain:.4g} on {self.value:.5g} (needs {needs})"
            f"{'; nothing tells it from the other trials yet' if self.is_undecided else ''}"
        )


def not_judged(trial: Curve) -> str | None:
    """Why convergence cannot be judged at the last report; None if it can."""
    if not len(trial) or not math.isfinite(trial.values[-1]) or len(trial.finite()) < 2:
        return "too few finite reports"
    if trial.cutoff >= trial.horizon:
        return "has reached the horizon"
    return None


def judge_convergence(
    trial: Curve, study: StudyView, config: PrunerConfig, min_gain: float, surrogate: Surrogate
) -> GainEvidence:
    """How likely ``trial`` is to gain more than ``min_gain`` from here to its horizon.

    For the target ``best`` the gain is that of the best value so far; for ``final`` it is the value at the
    horizon minus the last one. The trial has converged if at no later step the gain is reached with a
    probability above ``1 - confidence``. Unlike a stop this needs no other trial; other trials set the scale.
    While it is exactly like all other trials it has not converged.

    Raises:
        ValueError: If the probability is not finite.

    Example:
        >>> from lcstop import load_surrogate
        >>> flat = Curve(range(1, 41), [0.9 - 0.6 * 0.7**i for i in range(40)], horizon=50)
        >>> study, config = StudyView("maximize"), PrunerConfig(horizon=50)
        >>> judge = lambda curve: judge_convergence(curve, study, config, 0.02, load_surrogate())
        >>> judge(flat).converged, judge(flat.prefix(5)).converged
        (True, False)
    """
    known, direction = trial.finite(), study.direction
    best = config.target == "best"
    value = known.best(direction) if best else float(known.values[-1])
    assert value is not None  # two reports are finite
    goal = value + min_gain if direction == "maximize" else value - min_gain
    at = trial.future_steps(MAX_QUERIES).tolist() if best else [trial.horizon]
    scale = MetricScale.from_study(direction, study.finished or study.unfinished, judged=known)
    forecast = surrogate.forecast([known], at, scale, [*study.finished, *study.unfinished])
    p_gain = float(forecast.prob_better(goal).max())
    if not math.isfinite(p_gain):
        raise ValueError("the forecast is not finite")
    threshold = 1 - config.confidence
    undecided = p_gain <= threshold and is_undecided(known, study.finished, study.unfinished, direction)
    return GainEvidence(value, p_gain, threshold, forecast[:, -1:], scale, undecided)
