"""A recorded study searched by Optuna: a real study, sampler and pruner propose, recorded trials run."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from lcstop.benchmark import lcstop_rule
from lcstop.benchmark.search_record import SearchRecord
from lcstop.benchmark.search_space import Column, SearchSpace
from lcstop.benchmark.search_work import SearchedTrial, Searcher, SearchUnit, run_in_turn
from lcstop.benchmark.settings import LIMITS, OURS, Setting
from lcstop.curves.curve import Target
from lcstop.simulation.task import Task
from lcstop_optuna.pruner import LCPFNPruner
from lcstop_optuna.replay import pruner_of

_PLANNED = "planned_length"
"""User attribute of a trial: its planned length, in tasks whose trials have one."""

_SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
    "shuffle": lambda seed: RandomSampler(seed=seed),  # it is never asked: all trials are enqueued
}


def search(unit: SearchUnit, seed: int) -> SearchRecord:
    """Search the task of a unit once. Every recorded trial runs at most once.

    A trial reports every epoch from step 1 on. It fails at its first value that is not finite. The study is
    told the last value of a trial that ran to its end.
    """
    task = unit.task
    with _quiet_optuna():
        start = time.perf_counter()
        space = SearchSpace.of(task)
        study = optuna.create_study(
            study_name=f"{task.name} {seed}",
            direction=task.direction,
            sampler=_SAMPLERS[unit.sampler](seed),
            pruner=_pruner(unit.setting, task, unit.target, min(unit.n_trials, task.n_trials)),
        )
        free, n_trials = np.ones(task.n_trials, bool), min(unit.n_trials, task.n_trials)
        order = task.order(seed)[:n_trials].tolist() if unit.sampler == "shuffle" else None
        for row in order or ():
            study.enqueue_trial({column.name: column.value(row) for column in space.columns})
        trials = (_trial(study, task, space, free, order) for _ in range(n_trials))
        runs = run_in_turn(trials, unit.workers)
    return SearchRecord.of_runs(seed, runs, unit.workers, time.perf_counter() - start)


def check(setting: Setting, task: Task, target: Target) -> None:
    """Check that a setting can be used on a task.

    Raises:
        ValueError: If its rule or one of its options is unknown.
    """
    _pruner(setting, task, target, n_trials=1)


def fingerprint(setting: Setting) -> str:
    """Everything that a search depends on beside its task: the setting, and the version of Optuna."""
    rule = lcstop_rule.fingerprint(setting) if setting.source == OURS else setting.name
    return f"{rule} {optuna.__version__}"


SEARCHER = Searcher(search, check, fingerprint)


def _trial(
    study: optuna.Study,
    task: Task,
    space: SearchSpace,
    free: NDArray[np.bool_],
    order: Sequence[int] | None,
) -> SearchedTrial:
    """Run one trial, the nearest free one or the next of an order. Yields after each epoch but the last."""
    trial = study.ask()
    proposal = {column.name: _suggest(trial, column) for column in space.columns}
    row = space.nearest(proposal, free) if order is None else order[trial.number]
    free[row] = False
    length = int(task.lengths[row])
    if task.planned is not None:
        trial.set_user_attr(_PLANNED, int(task.planned[row]))
    for step in range(1, length + 1):
        value = float(task.values[row, step - 1])
        trial.report(value, step)
        if not math.isfinite(value):
            study.tell(trial, state=TrialState.FAIL)
            return row, step, False
        if step < length:
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                return row, step, True
            yield
    study.tell(trial, value)
    return row, length, False


def _suggest(trial: Trial, column: Column) -> float | str:
    if column.categories:
        return trial.suggest_categorical(column.name, column.categories)
    return trial.suggest_float(column.name, 0.0, 1.0)


def _pruner(setting: Setting, task: Task, target: Target, n_trials: int) -> BasePruner:
    if setting.source == OURS:
        return LCPFNPruner(**lcstop_rule.pruner_options(setting, task, target, _PLANNED, n_trials))
    if setting.source == LIMITS:
        if setting.rule != "none" or setting.options:
            raise ValueError(f"the only limit of a search is limits.none, got {setting.name!r}")
        return NopPruner()
    if setting.source != "optuna":
        raise ValueError(f"{setting.name!r} is not a rule of a search with Optuna")
    return pruner_of(setting, task.horizon)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Silence Optuna's log of each trial and its warnings about experimental classes."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
