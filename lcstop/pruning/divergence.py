"""Divergence: whether a trial that reports NaN or infinite values will never report a number again."""

from __future__ import annotations

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.study_view import StudyView

_EXPLOSION = 1e6
"""Distance of a last value from those before it, in units of their range, that no training recovers from."""


def has_diverged(config: PrunerConfig, trial: Curve, study: StudyView) -> bool:
    """Whether a trial whose last ``diverged_after`` reports are not finite has diverged.

    Some metrics are NaN by design: between evaluations, or until a first episode has ended. A gap is
    therefore no sign of divergence before ``min_steps``, nor while it is at most twice the longest gap that
    the trial itself or another trial that has come as far has had before a finite report. Without a finite
    report of such a trial, a trial needs two of its own.

    A trial whose last finite value is a million times as far from those before it as these are from each
    other has diverged at any step.

    Args:
        config: The options.
        trial: What it has reported; its last reports are not finite.
        study: The other trials.

    Example:
        >>> nan = float("nan")
        >>> trial = Curve(range(1, 7), [0.5, 0.6, 0.7, nan, nan, nan], horizon=20)
        >>> every_fifth = Curve(range(1, 11), [*[nan] * 4, 0.4] * 2, horizon=20)
        >>> config = PrunerConfig(horizon=20)
        >>> [has_diverged(config, trial, StudyView("minimize", [], others)) for others in ([], [every_fifth])]
        [True, False]
    """
    finite = trial.finite()
    if _has_exploded(finite):
        return True
    if trial.cutoff < config.min_steps:
        return False
    longest, someone_reports = trial.longest_gap, len(finite) >= 2
    for curves in (CurveList.wrap(study.finished), CurveList.wrap(study.unfinished)):
        as_far = (curves.share >= trial.share) & ~np.isnan(curves.high)
        if as_far.any():
            someone_reports = True
            longest = max(longest, float(curves.gap[as_far].max()) * trial.horizon)
    gap = trial.cutoff - finite.cutoff
    return someone_reports and gap > 2 * longest


def _has_exploded(finite: Curve) -> bool:
    if len(finite) < 3:
        return False
    before, last = finite.values[:-1], finite.values[-1]
    spread = float(np.ptp(before))
    return 0 < spread * _EXPLOSION < float(np.abs(last - before).min())
