"""Divergence: whether a trial that reports NaN or infinite values will never report a number again."""

from __future__ import annotations

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.study_view import StudyView

_EXPLOSION = 1e6
"""Distance of a last value from those before it, in units of their range, that no training recovers from."""

_MIN_REPORTS = 3
"""Finite reports of a trial that show how often it reports numbers."""

_MIN_PEERS = 6
"""Trials that show how often trials report numbers, where the trial itself does not yet."""

_LONG, _LONG_ALONE = 0.2, 0.25
"""Share of the horizon, with peers and without. A shorter gap may lie between two evaluations of a trial that
evaluates more seldom than before, or than all others."""


def has_diverged(config: PrunerConfig, trial: Curve, study: StudyView) -> bool:
    """Whether a trial whose last ``diverged_after`` reports are not finite has diverged.

    Some metrics are NaN by design: between evaluations, or until a first episode has ended. A gap is
    therefore no sign of divergence before ``min_steps``, nor while it is at most twice the longest gap that
    the trial itself or another trial that has come as far has had before a finite report. Without a finite
    report of such a trial, a trial needs two of its own.

    How often a trial evaluates may be a hyperparameter, and may change on the way: a shorter gap than
    :data:`_LONG` says something only after :data:`_MIN_REPORTS` finite reports of a trial with a peer, or
    with :data:`_MIN_PEERS` peers. A peer is another trial that has come as far and whose last report is
    finite.

    A trial whose last finite value is a million times as far from those before it as these are from each
    other has diverged at any step.

    Args:
        config: The options.
        trial: What it has reported; its last reports are not finite.
        study: The other trials.

    Example:
        >>> nan = float("nan")
        >>> trial = Curve(range(1, 7), [0.5, 0.6, 0.7, nan, nan, nan], horizon=20)
        >>> every_epoch = Curve(range(1, 11), [0.4] * 10, horizon=20)
        >>> every_fifth = Curve(range(1, 11), [*[nan] * 4, 0.4] * 2, horizon=20)
        >>> config, others = PrunerConfig(horizon=20), ([], [every_epoch], [every_epoch, every_fifth])
        >>> [has_diverged(config, trial, StudyView("minimize", [], some)) for some in others]
        [False, True, False]
    """
    finite = trial.finite()
    if _has_exploded(finite):
        return True
    if trial.cutoff < config.min_steps:
        return False
    longest, n_as_far, n_peers = trial.longest_gap, 0, 0
    for curves in (CurveList.wrap(study.finished), CurveList.wrap(study.unfinished)):
        # A result without a curve, or a trial that reported first later, shows nothing of these steps.
        as_far = (curves.start <= trial.share) & (trial.share <= curves.share) & ~np.isnan(curves.high)
        if as_far.any():
            n_as_far += int(as_far.sum())
            n_peers += int((as_far & ~np.isnan(curves.last)).sum())
            longest = max(longest, float(curves.gap[as_far].max()) * trial.horizon)
    gap = trial.cutoff - finite.cutoff
    if gap <= 2 * longest or not (n_as_far or len(finite) >= 2):
        return False
    if n_peers >= (1 if len(finite) >= _MIN_REPORTS else _MIN_PEERS):
        return True
    return gap >= trial.horizon * (_LONG if n_peers else _LONG_ALONE)


def _has_exploded(finite: Curve) -> bool:
    if len(finite) < 3:
        return False
    before, last = finite.values[:-1], finite.values[-1]
    spread = float(np.ptp(before))
    return 0 < spread * _EXPLOSION < float(np.abs(last - before).min())
