"""What a trial's own curve says of its end, whatever its rank among the others."""

from __future__ import annotations

from lcstop.curves.curve import Curve, Target
from lcstop.curves.scale import MetricScale
from lcstop.pruning.study_view import StudyView
from lcstop.surrogates import Surrogate


def p_beat_by_curve(trial: Curve, study: StudyView, target: Target, surrogate: Surrogate) -> float | None:
    """Probability that ``trial`` ends better than the incumbent, by the forecast of its own curve.

    While no trial has finished, better than any value that is known. None if there is no value to beat, or
    if the trial has come to its horizon.

    Args:
        trial: What it has reported.
        study: The other trials.
        target: Whether the best value of a trial on its way counts or the one at its end.
        surrogate: What forecasts the curve.

    Raises:
        ValueError: If the trial has no finite value, or the forecast is not finite.
    """
    to_beat = study.incumbent(target)
    if to_beat is None:
        to_beat = study.to_beat(trial, target)
    if to_beat is None or trial.cutoff >= trial.horizon:
        return None
    scale = MetricScale.from_study(study.direction, study.finished or study.unfinished, judged=trial)
    forecast = surrogate.forecast([trial.finite()], [trial.horizon], scale)
    found = float(forecast.prob_better(to_beat).item())
    if not 0 <= found <= 1:
        raise ValueError("the forecast is not finite")
    return found
