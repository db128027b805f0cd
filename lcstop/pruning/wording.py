"""The words of a decision: its reason, and the forecast of where a trial ends. They never decide."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lcstop._utils.number_words import apart_from, distinct, percents
from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Direction
from lcstop.curves.scale import MetricScale
from lcstop.pruning.decision import Decision
from lcstop.pruning.evidence import Evidence
from lcstop.pruning.own_curve import OwnCurve
from lcstop.ranking.ranker import LARGE_REMAINING_GAIN
from lcstop.surrogates.forecast import Forecast
from lcstop.surrogates.tilt import Tilt


@dataclass(frozen=True)
class PredictedEnd:
    """Where a trial is predicted to end, in the metric's units.

    Attributes:
        median: Median at the horizon.
        low: 5 % quantile at the horizon.
        high: 95 % quantile at the horizon.
        scale: The scale of the forecast.
    """

    median: float
    low: float
    high: float
    scale: MetricScale


def predicted_end(
    forecast: Forecast, scale: MetricScale, config: PrunerConfig, tilt: Tilt | None = None
) -> PredictedEnd:
    """Median and 90 % interval of a forecast ``[1, 1]``, within the bounds of the metric.

    Args:
        forecast: The forecast at the horizon.
        scale: Its scale.
        config: The options.
        tilt: What the study says of the end; None leaves the forecast as it is.

    Raises:
        ValueError: If one of them is not finite.
    """
    lower = -math.inf if config.lower is None else config.lower
    upper = math.inf if config.upper is None else config.upper
    levels = [[[0.5]], [[0.05]], [[0.95]]]
    quantiles = (forecast.quantile(levels) if tilt is None else tilt.quantile(forecast, levels))[:, 0, 0]
    if not np.isfinite(quantiles).all():
        raise ValueError("the forecast is not finite")
    median, low, high = np.clip(quantiles, lower, upper).tolist()
    return PredictedEnd(median, low, high, scale)


def tilted_end(
    own_curve: OwnCurve,
    trial: Curve,
    direction: Direction,
    config: PrunerConfig,
    incumbent: float | None,
    p_beat: float,
) -> PredictedEnd:
    """The predicted value of ``trial`` by the forecast of its own curve, tilted to what the study says.

    With the target ``best`` it is at least as good as the trial's best value so far.

    Args:
        own_curve: The forecast.
        trial: What it has reported.
        direction: Of the metric.
        config: The options.
        incumbent: Best value so far; without one nothing is tilted.
        p_beat: Probability that the trial beats it, as the study says.

    Raises:
        ValueError: If the forecast is not finite.
    """
    forecast, scale = own_curve
    tilt = None if incumbent is None else Tilt.of(forecast, incumbent, p_beat)
    end = predicted_end(forecast, scale, config, tilt)
    own = trial.best(direction)
    if config.target == "final" or own is None:
        return end
    worst = np.fmax if direction == "maximize" else np.fmin
    median, low, high = worst([end.median, end.low, end.high], own).tolist()
    return PredictedEnd(median, low, high, scale)


def with_end(decision: Decision, end: PredictedEnd | None) -> Decision:
    """The decision with the forecast of the trial's end."""
    if end is None:
        return decision
    return replace(decision, median=end.median, interval=(end.low, end.high), scale=end.scale)


def outcome(decision: Decision, horizon: float) -> str:
    """What a decision does with a trial, and when: the first words of its reason."""
    verb = "goes on"
    if decision.would_stop:
        verb = "stopped" if decision.stop else "would be stopped"
    return f"{verb} at step {decision.cutoff:g} of {horizon:g}"


def chance(decision: Decision) -> str:
    """The probability that decides, and the threshold that it needs to exceed; "" if nothing was judged.

    Example:
        >>> chance(Decision(True, "", cutoff=4.0, p_beat=0.021, threshold=0.05))
        '2.1 % chance to beat the best so far (needs 5 %)'
    """
    if decision.probability is None or decision.threshold is None:
        return ""
    goal = "end in the best tenth" if decision.p_best is None else "become the best"
    if decision.p_best is None and decision.p_top is None:
        goal = "beat the best so far"
    has, needs = percents(decision.probability, decision.threshold)
    return f"{has} chance to {goal} (needs {'more than ' if has == needs else ''}{needs})"


def qualifications(config: PrunerConfig, evidence: Evidence) -> str:
    """Why a trial with a low probability goes on, and what has changed its threshold; "" if nothing."""
    words, ranking = "", evidence.ranking
    if ranking is not None and config.keep is None and ranking.remaining_gain > LARGE_REMAINING_GAIN:
        gain = f"{ranking.remaining_gain:.2g} times their spread"
        words += f"; threshold lowered, since trials may still gain {gain}"
    if _is_low(evidence):
        if evidence.holds_incumbent:
            words += "; it holds the best so far"
        elif ranking is not None and ranking.leads:
            words += "; it leads at this step"
        elif evidence.is_undecided:
            words += "; nothing tells it from the other trials yet"
    if evidence.says_stop[-1] and not evidence.stops(config.patience):
        words += f"; {_n_in_a_row(evidence)} of {config.patience} judgements in a row say stop"
    return words


def values_in_words(end: PredictedEnd | None, incumbent: float | None) -> str:
    """Where a trial is predicted to end, and the best so far; "" for what is not known.

    Example:
        >>> scale = MetricScale("maximize", lower=0.0, upper=1.0)
        >>> values_in_words(PredictedEnd(0.8959, 0.8704, 0.95, scale), 0.9711)
        ', predicted 0.896 [0.87, 0.95], best so far 0.971'
    """
    known = [] if end is None else [end.median, end.low, end.high]
    shown = distinct(known)
    words = "" if end is None else ", predicted {} [{}, {}]".format(*shown)
    return words if incumbent is None else f"{words}, best so far {apart_from(incumbent, known, shown)}"


def _is_low(evidence: Evidence) -> bool:
    return evidence.probability <= evidence.threshold


def _n_in_a_row(evidence: Evidence) -> int:
    """How many of the last judgements say stop, without a gap."""
    newest_first = reversed(evidence.says_stop)
    return next((i for i, says_stop in enumerate(newest_first) if not says_stop), len(evidence.says_stop))
