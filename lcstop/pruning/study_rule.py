"""The rule of policy ``study``: a trial is stopped by its standing among the trials of its study."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Direction, better
from lcstop.pruning.evidence import Evidence
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
    p_beat_by_curve: Callable[[Curve], float | None],
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
        p_beat_by_curve: What the forecast of a curve says of beating the incumbent. It is called where it
            can change the verdict.

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
    found = [
        _probability_and_threshold(config, prefix, ranking, study, certainty, p_beat_by_curve)
        for prefix, ranking in zip(prefixes, rankings, strict=True)
    ]
    holds = [_holds_incumbent(config, prefix, incumbent, study.direction) for prefix in prefixes]
    says_stop = [
        probability <= threshold and not (ranking.leads or ranking.is_undecided or holds_incumbent)
        for ranking, (probability, threshold), holds_incumbent in zip(rankings, found, holds, strict=True)
    ]
    last = rankings[-1]
    return Evidence(
        says_stop,
        *found[-1],
        last.p_beat,
        ranking=last,
        is_undecided=last.is_undecided,
        holds_incumbent=holds[-1],
    )


def _probability_and_threshold(
    config: PrunerConfig,
    trial: Curve,
    ranking: Ranking,
    study: StudyView,
    certainty: float,
    p_beat_by_curve: Callable[[Curve], float | None],
) -> tuple[float, float]:
    if config.keep is None:
        threshold = THRESHOLDS[config.preset or "balanced"].at(
            trial.share, certainty, ranking.remaining_gain, has_params=ranking.has_params
        )
        return ranking.p_top, threshold
    n_known = len(study.finished) + len(study.unfinished) + 1
    n_trials = config.n_trials
    if (
        n_trials is None or n_trials < n_known
    ):  # not told, or a study that held results before is told of less
        n_trials = max(2 * n_known, MIN_ASSUMED_TRIALS)
    n_left = n_trials - max(study.n_ended, len(study.finished))
    threshold = best_threshold(trial.share, 1 - certainty - study.spent, n_left)
    is_open = ranking.p_best(n_trials, p_beat_by_curve=0.0) <= threshold
    return ranking.p_best(n_trials, p_beat_by_curve(trial) if is_open else None), threshold


def _holds_incumbent(
    config: PrunerConfig, trial: Curve, incumbent: float | None, direction: Direction
) -> bool:
    own = trial.best(direction)
    if config.target == "final" or incumbent is None or own is None:
        return False
    return not better(incumbent, own, direction)
