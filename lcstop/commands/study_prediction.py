"""``lcstop predict --storage``: the forecast of a curve as that of one more trial of a study."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lcstop.commands.prediction import PredictedCurve, rows_of
from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, better
from lcstop.curves.scale import MetricScale
from lcstop.pruning.bounds import Bounds
from lcstop.pruning.core import PrunerCore
from lcstop.review import RecordedStudy, RecordedTrial
from lcstop.surrogates import load_surrogate
from lcstop.surrogates.band import forecast_band
from lcstop.surrogates.tilt import Tilt


def predict_in_study(
    curve: Curve, study: RecordedStudy, config: PrunerConfig, surrogate: str = "lcpfn"
) -> PredictedCurve:
    """Forecast the rest of a curve as that of a new trial of a recorded study.

    The forecast of the curve is tilted to the probability that the study gives the trial to beat the best so
    far, as in a live decision; see :class:`lcstop.surrogates.tilt.Tilt`. With the target ``best`` no value is
    worse than the best one of the curve, and a best so far that the curve has beaten stays beaten.

    Args:
        curve: The observed curve, with a finite value and a cutoff before its horizon.
        study: The study.
        config: The options for judging it.
        surrogate: Name of the surrogate.

    Raises:
        ValueError: If a value of the curve is outside the bounds, or there is no such surrogate.
    """
    Bounds(config.lower, config.upper).check(curve)
    now = max(trial.end for trial in study.trials)
    number = 1 + max(trial.number for trial in study.trials)
    view = study.view(RecordedTrial(number, curve, "running", now, now), len(curve))
    model, finite = load_surrogate(surrogate), curve.finite()
    decision = PrunerCore(config, model).judge(curve, view)
    scale = decision.scale or MetricScale.from_study(
        study.direction, view.finished or view.unfinished, finite
    )
    own = finite.best(study.direction) if config.target == "best" else None
    incumbent, p_end = decision.incumbent, decision.p_beat
    to_beat = None if incumbent is None or p_end is None else (incumbent, p_end)
    has_beaten = own is not None and incumbent is not None and better(own, incumbent, study.direction)
    if has_beaten and to_beat is not None:
        to_beat = to_beat[0], 1.0
    bounds = config.lower, config.upper
    band = forecast_band(model, finite, scale, bounds, max_steps=math.ceil(curve.horizon), to_beat=to_beat)
    at, p_beat = rows_of(band), None
    if own is not None:
        worst = np.fmax if study.direction == "maximize" else np.fmin
        low, median, high = (worst(values, own) for values in (band.low, band.median, band.high))
        band = replace(band, low=low, median=median, high=high)
    if to_beat is not None:
        forecast = model.forecast([finite], band.steps[at].tolist(), scale)
        tilt = Tilt.of(forecast[-1:, -1:], *to_beat)
        p_beat = tilt.prob_better(forecast.prob_better(to_beat[0])[0])
        p_beat = np.ones_like(p_beat) if has_beaten else p_beat
    reason = (
        decision.reason if decision.verdict != "not judged" else f"goes on, not judged: {decision.reason}"
    )
    return PredictedCurve(
        curve, study.metric, band, at, None if to_beat is None else to_beat[0], p_beat, reason
    )
