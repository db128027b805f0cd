"""A recorded study searched by Optuna: a real study, sampler and pruner propose, recorded trials run."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
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
from lcstop_optuna.pause_resume import PauseResume
from lcstop_optuna.pruner import LCPFNPruner
from lcstop_optuna.replay import pruner_of
from lcstop_optuna.resuming import resume_from

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
    told the last value of a trial that ran to its end. With ``pause=true`` trials wait, and
    :class:`lcstop_optuna.PauseResume` takes them up; one that diverges is then pruned.
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
        if _pauses(study.pruner):
            turns = _Turns(task, space, free, order)
            study.optimize(turns.objective, callbacks=[PauseResume(n_trials)])
            return turns.record(seed, time.perf_counter() - start)
        trials = (_trial(study, task, space, free, order) for _ in range(n_trials))
        runs = run_in_turn(trials, unit.workers)
    return SearchRecord.of_runs(seed, runs, unit.workers, time.perf_counter() - start)


def check(unit: SearchUnit) -> None:
    """Check that the setting of a unit can be used on its task.

    Raises:
        ValueError: If its rule or one of its options is unknown, or it pauses trials of several workers.
    """
    pruner = _pruner(unit.setting, unit.task, unit.target, n_trials=1)
    if _pauses(pruner) and unit.workers > 1:
        raise ValueError(f"{unit.setting.name!r} pauses trials: a search has 1 worker, got {unit.workers}")


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
    row = _next_row(trial, space, free, order, trial.number)
    epochs, state = yield from _train(trial, task, row)
    study.tell(trial, float(task.values[row, epochs - 1]) if state == TrialState.COMPLETE else None, state)
    return row, epochs, state == TrialState.PRUNED


def _next_row(
    trial: Trial, space: SearchSpace, free: NDArray[np.bool_], order: Sequence[int] | None, n_before: int
) -> int:
    """The recorded trial that runs: the nearest free one, or the next of an order."""
    proposal = {column.name: _suggest(trial, column) for column in space.columns}
    row = space.nearest(proposal, free) if order is None else order[n_before]
    free[row] = False
    return row


def _train(
    trial: Trial, task: Task, row: int, first: int = 1
) -> Generator[None, None, tuple[int, TrialState]]:
    """Report the epochs of a recorded trial from ``first`` on. Yields after each but the last.

    Returns:
        The last epoch, and the state in which the trial has ended.
    """
    if task.planned is not None:
        trial.set_user_attr(_PLANNED, int(task.planned[row]))
    length = int(task.lengths[row])
    for step in range(first, length + 1):
        value = float(task.values[row, step - 1])
        trial.report(value, step)
        if not math.isfinite(value):
            return step, TrialState.FAIL
        if step < length:
            if trial.should_prune():
                return step, TrialState.PRUNED
            yield
    return length, TrialState.COMPLETE


class _Turns:
    """The trials of a search in which trials wait, and the order in which they ran."""

    def __init__(
        self, task: Task, space: SearchSpace, free: NDArray[np.bool_], order: Sequence[int] | None
    ) -> None:
        self._task, self._space, self._free, self._order = task, space, free, order
        self._rows: list[int] = []
        self._epochs: list[int] = []
        self._is_stopped: list[bool] = []
        self._turns: list[tuple[int, int]] = []
        self._index: dict[int, int] = {}  # of a trial of this class, by the numbers of its trials of Optuna

    def objective(self, trial: Trial) -> float:
        """Run a recorded trial until it waits or ends, from where it waited."""
        before = resume_from(trial)
        if before is None:
            index, first = len(self._rows), 1
            self._rows.append(_next_row(trial, self._space, self._free, self._order, index))
            self._epochs.append(0)
            self._is_stopped.append(False)
        else:
            index, first = self._index[before.number], before.last_step + 1
            for column in self._space.columns:
                _suggest(trial, column)
        self._index[trial.number] = index
        training = _train(trial, self._task, self._rows[index], first)
        while True:
            try:
                next(training)
            except StopIteration as ended:
                epochs, state = ended.value
                break
        self._epochs[index], self._is_stopped[index] = epochs, state == TrialState.PRUNED
        self._turns.append((index, epochs - first + 1))
        if state != TrialState.COMPLETE:
            raise optuna.TrialPruned  # also if it has diverged: a failed one would be tried again
        return float(self._task.values[self._rows[index], epochs - 1])

    def record(self, seed: int, seconds: float) -> SearchRecord:
        """The record of the search."""
        return SearchRecord(seed, self._rows, self._epochs, self._is_stopped, 1, seconds, self._turns)


def _pauses(pruner: BasePruner) -> bool:
    return isinstance(pruner, LCPFNPruner) and pruner.config.pause


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
