"""The rule of policy ``published``: a trial is stopped when its chance of beating the incumbent is small."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.pruning.evidence import Evidence
from lcstop.pruning.own_curve import OwnCurve
from lcstop.pruning.study_view import StudyView
from lcstop.ranking.ranker import is_undecided
from lcstop.surrogates import Surrogate

MAX_QUERIES = 32
"""Later steps that one judgement looks at: all of them, or this many evenly spaced up to the horizon."""


def judge_as_published(
    config: PrunerConfig,
    trial: Curve,
    prefixes: Sequence[Curve],
    study: StudyView,
    incumbent: float,
    confidence: float,
    surrogate: Surrogate,
) -> Evidence:
    """How likely the trial is to beat the incumbent at any later step (arXiv 2310.20447, section 5).

    Not in the paper: a trial goes on while nothing tells it from the other trials, such as the same value in
    all of them until a first validation.

    Args:
        config: The options.
        trial: What it has reported.
        prefixes: The curve at the trial's last judgements, oldest first.
        study: The other trials.
        incumbent: Best value so far.
        confidence: The threshold is ``1 - confidence``.
        surrogate: What forecasts the curve.

    Raises:
        ValueError: If a probability is not finite.
    """
    # Not from unfinished trials: what they show changes while they run, and one may be dead.
    scale = MetricScale.from_study(study.direction, study.finished, judged=trial)
    at = [trial.horizon] if config.target == "final" else trial.future_steps(MAX_QUERIES).tolist()
    forecast = surrogate.forecast(prefixes, at, scale, [*study.finished, *study.unfinished])
    p_beat: list[float] = forecast.prob_better(incumbent).max(-1).tolist()  # of each prefix
    if not np.isfinite(p_beat).all():
        raise ValueError("the forecast is not finite")
    threshold = 1 - confidence
    says_stop = [p <= threshold for p in p_beat]
    now, others = prefixes[-1], (study.finished, study.unfinished)
    undecided = says_stop[-1] and is_undecided(now, *others, study.direction)
    says_stop[-1] = says_stop[-1] and not undecided
    p, own_curve = p_beat[-1], OwnCurve(forecast[-1:, -1:], scale)
    return Evidence(says_stop, p, threshold, p, own_curve=own_curve, is_undecided=undecided)
