"""The words of a decision: its reason, and the forecast of where a trial ends. They never decide."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.pruning.evidence import Evidence
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.thresholds import LARGE_REMAINING_GAIN
from lcstop.surrogates import Surrogate
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

    def __str__(self) -> str:
        return f"predicted {self.median:.4g} [{self.low:.4g}, {self.high:.4g}]"


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


def forecast_end(
    trial: Curve,
    study: StudyView,
    config: PrunerConfig,
    surrogate: Surrogate,
    incumbent: float | None,
    p_beat: float,
) -> PredictedEnd:
    """The predicted value of ``trial`` by the forecast of its own curve, tilted to what the study says.

    With the target ``best`` it is at least as good as the trial's best value so far.

    Args:
        trial: What it has reported.
        study: The other trials.
        config: The options.
        surrogate: What forecasts the curve.
        incumbent: Best value so far; without one nothing is tilted.
        p_beat: Probability that the trial beats it, as the study says.

    Raises:
        ValueError: If the forecast is not finite.
    """
    scale = MetricScale.from_study(study.direction, study.finished or study.unfinished, judged=trial)
    forecast = surrogate.forecast([trial.finite()], [trial.horizon], scale)
    tilt = None if incumbent is None else Tilt.of(forecast, incumbent, p_beat)
    end = predicted_end(forecast, scale, config, tilt)
    own = trial.best(study.direction)
    if config.target == "final" or own is None:
        return end
    worst = np.fmax if study.direction == "maximize" else np.fmin
    median, low, high = worst([end.median, end.low, end.high], own).tolist()
    return PredictedEnd(median, low, high, scale)


def reason(config: PrunerConfig, trial: Curve, evidence: Evidence, incumbent: float | None) -> str:
    """What a rule has found, in one line without the forecast."""
    comparison = f"{evidence.probability:.3g} {_sign(evidence)} {evidence.threshold:.2g}"
    ranking = evidence.ranking
    if ranking is None:
        preposition = "by" if config.target == "best" else "at"
        words = f"P(beat {incumbent:.5g} {preposition} step {trial.horizon:g}) = {comparison}"
    else:
        what = "best tenth" if config.keep is None else "best"
        words = f"P({what} of the study by step {trial.horizon:g}) = {comparison}"
        if incumbent is not None:
            words += f", P(beat {incumbent:.5g}) = {ranking.p_beat:.3g}"
        if config.keep is None and ranking.remaining_gain > LARGE_REMAINING_GAIN:
            words += (
                f"; less is asked where trials may still gain {ranking.remaining_gain:.2g} times their spread"
            )
        if evidence.holds_incumbent and _is_low(evidence):
            words += "; holds the incumbent itself"
        elif ranking.leads and _is_low(evidence):
            words += "; leads at its step"
    leads = ranking is not None and ranking.leads
    if evidence.is_undecided and _is_low(evidence) and not leads:
        words += "; nothing tells it from the other trials yet"
    if evidence.says_stop[-1] and not evidence.stops(config.patience):
        words += f"; {_n_in_a_row(evidence)} of {config.patience} votes"
    return words


def _is_low(evidence: Evidence) -> bool:
    return evidence.probability <= evidence.threshold


def _sign(evidence: Evidence) -> str:
    return "<=" if _is_low(evidence) else ">"


def _n_in_a_row(evidence: Evidence) -> int:
    """How many of the last judgements say stop, without a gap."""
    newest_first = reversed(evidence.says_stop)
    return next((i for i, says_stop in enumerate(newest_first) if not says_stop), len(evidence.says_stop))
