"""The rule of policy ``study``: a trial is stopped by its standing among the trials of its study."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Direction, better
from lcstop.pruning.evidence import Evidence
from lcstop.pruning.own_curve import OwnCurve, value_to_beat
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.thresholds import THRESHOLDS, best_threshold
from lcstop.ranking.ranker import Ranker, Ranking

MIN_ASSUMED_TRIALS = 30
"""Minimum number of trials that is assumed where none is told.

With fewer, the first stops would spend most of what may be spent (research/best-of-the-study.md).
"""


def judge_in_study(
    config: PrunerConfig,
    prefixes: Sequence[Curve],
    study: StudyView,
    incumbent: float | None,
    certainty: float,
    ranker: Ranker,
    forecast: Callable[[Curve], OwnCurve | None],
) -> Evidence | None:
    """How likely the trial is to become the best of the study; None without a trial to compare with.

    With a preset in place of ``keep``, how likely it is to end in the best tenth of the study.

    A trial that leads at its step goes on. So does one that holds the incumbent, and one that nothing tells
    from the others yet.

    Args:
        config: The options.
        prefixes: The curve at the trial's last judgements, oldest first.
        study: The other trials.
        incumbent: Best value so far.
        certainty: See :attr:`lcstop.pruning.audit.Audit.adjusted_certainty`. All stops together may spend
            ``1 - certainty``. For a preset see :meth:`lcstop.pruning.thresholds.Thresholds.at`.
        ranker: What compares the trial with the others.
        forecast: Forecasts the curve of the trial; None if that fails. It is called where it can change the
            verdict.

    Raises:
        ValueError: If a probability is not finite.
    """
    rankings: list[Ranking] = []
    for prefix in prefixes:
        ranking = ranker.rank(
            prefix,
            study.finished,
            study.unfinished,
            study.direction,
            use_params=config.use_params,
            target=config.target,
        )
        if ranking is None:
            return None
        if not math.isfinite(ranking.p_top + ranking.p_beat):
            raise ValueError("the forecast is not finite")
        rankings.append(ranking)
    holds = [_holds_incumbent(config, prefix, incumbent, study.direction) for prefix in prefixes]
    goes_on = [
        ranking.leads or ranking.is_undecided or holds_incumbent
        for ranking, holds_incumbent in zip(rankings, holds, strict=True)
    ]
    judged = [
        _judge(config, prefix, ranking, study, certainty, None if is_safe else forecast)
        for prefix, ranking, is_safe in zip(prefixes, rankings, goes_on, strict=True)
    ]
    last = rankings[-1]
    return Evidence(
        [one.probability <= one.threshold and not safe for one, safe in zip(judged, goes_on, strict=True)],
        judged[-1].probability,
        judged[-1].threshold,
        last.p_beat,
        ranking=last,
        own_curve=judged[-1].own_curve,
        is_undecided=last.is_undecided,
        holds_incumbent=holds[-1],
    )


class _Judged(NamedTuple):
    probability: float
    threshold: float
    own_curve: OwnCurve | None = None


def _judge(
    config: PrunerConfig,
    trial: Curve,
    ranking: Ranking,
    study: StudyView,
    certainty: float,
    forecast: Callable[[Curve], OwnCurve | None] | None,
) -> _Judged:
    if config.keep is None:
        threshold = THRESHOLDS[config.preset or "balanced"].at(
            trial.share, certainty, ranking.remaining_gain, has_params=ranking.has_params
        )
        return _Judged(ranking.p_top, threshold)
    n_known = len(study.finished) + len(study.unfinished) + 1
    n_trials = config.n_trials
    if (
        n_trials is None or n_trials < n_known
    ):  # it is not known, or counts without what the study held before
        n_trials = max(2 * n_known, MIN_ASSUMED_TRIALS)
    n_left = n_trials - max(study.n_ended, len(study.finished))
    threshold = best_threshold(trial.share, 1 - certainty - study.spent, n_left)
    by_ranks = ranking.p_best(n_trials)
    to_beat = value_to_beat(trial, study, config.target)
    if forecast is None or to_beat is None or trial.cutoff >= trial.horizon:
        return _Judged(by_ranks, threshold)
    if ranking.with_curve(by_ranks, 0.0) > threshold:
        return _Judged(by_ranks, threshold)  # it goes on, whatever its curve says
    own_curve = forecast(trial)
    if own_curve is None:
        return _Judged(by_ranks, threshold)
    return _Judged(ranking.with_curve(by_ranks, own_curve.p_beat(to_beat)), threshold, own_curve)


def _holds_incumbent(
    config: PrunerConfig, trial: Curve, incumbent: float | None, direction: Direction
) -> bool:
    own = trial.best(direction)
    if config.target == "final" or incumbent is None or own is None:
        return False
    return not better(incumbent, own, direction)
