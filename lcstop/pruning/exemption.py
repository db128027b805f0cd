"""Trials that go on whatever is predicted of them."""

from __future__ import annotations

from collections.abc import Sequence

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, better
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.study_view import StudyView


def exemption(
    config: PrunerConfig,
    trial: Curve,
    prefixes: Sequence[Curve],
    study: StudyView,
    incumbent: float | None,
) -> str | None:
    """Why ``trial`` goes on without a judgement; None if it is to be judged.

    Args:
        config: The options.
        trial: What it has reported.
        prefixes: Its curve at its last judgements; none if it has too few finite reports.
        study: The other trials.
        incumbent: Best value so far.

    Example:
        >>> config, trial = PrunerConfig(horizon=3), Curve([1, 2], [0.5, 0.6], horizon=3)
        >>> exemption(config, trial, [trial], StudyView("maximize"), None)
        '0 of 1 startup trials finished'
    """
    n_started = CurveList.wrap(study.finished).n_finite
    if config.policy == "study" and n_started < config.n_startup_trials:
        n_started += int((CurveList.wrap(study.unfinished).share >= trial.share).sum())
    if n_started < config.n_startup_trials:
        return f"{n_started} of {config.n_startup_trials} startup trials finished"
    if incumbent is None and config.policy == "published":
        return "no finished trial ended with a finite value"
    own = trial.best(study.direction)
    if own is None:
        return "no finite report yet"
    if incumbent is not None and config.target == "best" and not better(incumbent, own, study.direction):
        return "holds the incumbent itself"
    if trial.cutoff >= trial.horizon:
        return "has reached the horizon"
    if not prefixes:
        return "too few finite reports"
    return None
