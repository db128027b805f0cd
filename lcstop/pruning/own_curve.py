"""What a trial's own curve says of its end, whatever its rank among the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lcstop.curves.curve import Curve, Target
from lcstop.curves.scale import MetricScale
from lcstop.pruning.study_view import StudyView
from lcstop.surrogates import Surrogate
from lcstop.surrogates.forecast import Forecast


class OwnCurve(NamedTuple):
    """The forecast of a trial's own curve.

    Attributes:
        forecast: The forecast at the horizon, ``[1, 1]``.
        scale: Its scale.
    """

    forecast: Forecast
    scale: MetricScale

    def p_beat(self, value: float) -> float:
        """Probability that the trial ends better than ``value``."""
        return float(self.forecast.prob_better(value).item())


def forecast_own_curve(trial: Curve, study: StudyView, surrogate: Surrogate) -> OwnCurve:
    """Forecast the end of ``trial`` from what it has reported. Of the others only the scale is known.

    Args:
        trial: What it has reported.
        study: The other trials.
        surrogate: What forecasts the curve.

    Raises:
        ValueError: If the trial has no finite value, or has come to its horizon, or the forecast is not
            finite.
    """
    scale = MetricScale.from_study(study.direction, study.finished or study.unfinished, judged=trial)
    forecast = surrogate.forecast([trial.finite()], [trial.horizon], scale)
    if not np.isfinite(forecast.median()).all():
        raise ValueError("the forecast is not finite")
    return OwnCurve(forecast, scale)


def value_to_beat(trial: Curve, study: StudyView, target: Target) -> float | None:
    """The incumbent, or while no trial has finished the best value that is known; None if there is none.

    Args:
        trial: What it has reported.
        study: The other trials.
        target: Whether the best value of a trial on its way counts or the one at its end.
    """
    incumbent = study.incumbent(target)
    return study.to_beat(trial, target) if incumbent is None else incumbent
