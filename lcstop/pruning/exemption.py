"""Trials that go on whatever is predicted of them."""

from __future__ import annotations

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import better
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.due import Question
from lcstop.pruning.study_view import StudyView


def exemption(
    config: PrunerConfig, question: Question, study: StudyView, incumbent: float | None
) -> str | None:
    """Why a trial goes on without a judgement; None if it is to be judged.

    Args:
        config: The options.
        question: The trial.
        study: The other trials.
        incumbent: Best value so far.

    Example:
        >>> from lcstop import Curve
        >>> trial = Curve([1, 2], [0.5, 0.6], horizon=3)
        >>> question = Question(trial, is_due=True, is_silent=False, prefixes=[trial])
        >>> exemption(PrunerConfig(horizon=3), question, StudyView("maximize"), None)
        '0 of 1 startup trials completed'
    """
    trial = question.trial
    if study.only_infeasible:
        return "no completed trial meets the constraints yet"
    finished, unfinished = CurveList.wrap(study.finished), CurveList.wrap(study.unfinished)
    n_started = finished.n_with_curve
    if config.policy == "study" and n_started < config.n_startup_trials:
        n_started += int(((unfinished.share >= trial.share) & (unfinished.start <= trial.share)).sum())
    if n_started < config.n_startup_trials:
        return f"{n_started} of {config.n_startup_trials} startup trials completed"
    if incumbent is None and config.policy == "published":
        return "no completed trial ended with a finite value"
    own = trial.best(study.direction)
    if own is None:
        return "no finite report yet"
    if config.policy == "published" and config.target == "best":
        assert incumbent is not None
        if not better(incumbent, own, study.direction):
            return "holds the incumbent itself"
    if trial.cutoff >= trial.horizon:
        return "has reached the horizon"
    if not question.prefixes:
        return "too few finite reports"
    return None
