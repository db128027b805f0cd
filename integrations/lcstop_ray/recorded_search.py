"""A recorded study searched by Ray Tune's ``OptunaSearch``, with a scheduler that stops its trials.

The search algorithm and the scheduler are the real classes. The controller is that of
:mod:`lcstop_ray.replay`. It asks the search algorithm for a trial when a worker is free, as Ray does for all
algorithms but random search. It tells results and ends in Ray's order: a trial that the scheduler stops is
complete for the algorithm, with its last value.
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
import ray
from optuna.samplers import RandomSampler, TPESampler
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search.optuna import OptunaSearch

from lcstop.benchmark import lcstop_rule
from lcstop.benchmark.search_record import SearchRecord
from lcstop.benchmark.search_space import SearchSpace
from lcstop.benchmark.search_work import SearchedTrial, Searcher, SearchUnit, run_in_turn
from lcstop.benchmark.settings import LIMITS, OURS, Setting
from lcstop.curves.curve import Target
from lcstop.simulation.loop import Action
from lcstop.simulation.task import Task
from lcstop_ray.replay import RayPolicy, scheduler_of
from lcstop_ray.scheduler import LCPFNScheduler

_PLANNED = "planned_length"
"""Key of the configuration of a trial: its planned length, in tasks whose trials have one."""

_METRIC = "metric"

_SAMPLERS = {"tpe": TPESampler, "random": RandomSampler}


def search(unit: SearchUnit, seed: int) -> SearchRecord:
    """Search the task of a unit once. Every recorded trial runs at most once.

    A trial reports every epoch from step 1 on. It fails at its first value that is not finite.

    Raises:
        ValueError: If ``OptunaSearch`` has no such sampler.
    """
    if unit.sampler not in _SAMPLERS:
        raise ValueError(f"a search with Ray Tune takes the samplers tpe and random, got {unit.sampler}")
    with _quiet():
        start = time.perf_counter()
        run = _Search(unit, seed)
        runs = run_in_turn((run.trial() for _ in range(run.n_trials)), unit.workers)
    return SearchRecord.of_runs(seed, runs, unit.workers, time.perf_counter() - start)


def check(unit: SearchUnit) -> None:
    """Check that the setting of a unit can be used on its task.

    Raises:
        ValueError: If its rule or one of its options is unknown, or it pauses trials.
    """
    _scheduler(unit.setting, unit.task, unit.target, n_trials=1)


def fingerprint(setting: Setting) -> str:
    """Everything that a search depends on beside its task: the setting and the frameworks' versions."""
    rule = lcstop_rule.fingerprint(setting) if setting.source == OURS else setting.name
    return f"{rule} ray {ray.__version__} optuna {optuna.__version__}"


SEARCHER = Searcher(search, check, fingerprint)


class _Search:
    """A running search."""

    def __init__(self, unit: SearchUnit, seed: int) -> None:
        self._task, self._space = unit.task, SearchSpace.of(unit.task)
        self._free = np.ones(unit.task.n_trials, bool)
        self._rows: dict[int, int] = {}
        self.n_trials = min(unit.n_trials, unit.task.n_trials)
        domains = {
            column.name: tune.choice(list(column.categories)) if column.categories else tune.uniform(0, 1)
            for column in self._space.columns
        }
        self._algorithm = OptunaSearch(
            domains,
            metric=_METRIC,
            mode="max" if unit.task.direction == "maximize" else "min",
            sampler=_SAMPLERS[unit.sampler](seed=seed),
        )
        scheduler = _scheduler(unit.setting, unit.task, unit.target, self.n_trials)
        self._policy = RayPolicy(scheduler, self._new_trials(), max_pending=1)

    def trial(self) -> SearchedTrial:
        """Run the trial that is proposed next. Yields after each epoch but the last.

        Raises:
            RuntimeError: If the scheduler does not start it.
        """
        number = self._policy.next()
        if number is None:
            raise RuntimeError("the scheduler has not started the trial that was proposed")
        row, trial_id = self._rows[number], _id(number)
        length = int(self._task.lengths[row])
        for step in range(1, length + 1):
            value = float(self._task.values[row, step - 1])
            if not math.isfinite(value):
                self._policy.fail(number)
                self._algorithm.on_trial_complete(trial_id, error=True)
                return row, step, False
            result = {"training_iteration": step, _METRIC: value}
            if self._policy.report(number, step, value) is Action.STOP:
                self._algorithm.on_trial_complete(trial_id, result)
                return row, step, step < length
            self._algorithm.on_trial_result(trial_id, result)
            if step < length:
                yield
        self._policy.end(number)
        self._algorithm.on_trial_complete(trial_id, result)
        return row, length, False

    def _new_trials(self) -> Iterator[Trial]:
        for number in range(self.n_trials):
            proposal: dict[str, Any] = self._algorithm.suggest(_id(number)) or {}
            row = self._space.nearest(proposal, self._free)
            self._free[row] = False
            self._rows[number] = row
            config = dict(proposal)
            if self._task.planned is not None:
                config[_PLANNED] = int(self._task.planned[row])
            trial = Trial(
                "trainable", config=config, trial_id=_id(number), evaluated_params=proposal, stub=True
            )
            trial.number = number  # type: ignore[attr-defined]
            yield trial


def _id(number: int) -> str:
    return f"{number:08x}"


def _scheduler(setting: Setting, task: Task, target: Target, n_trials: int) -> TrialScheduler:
    if setting.source == OURS:
        mode = "max" if task.direction == "maximize" else "min"
        options = lcstop_rule.pruner_options(setting, task, target, _PLANNED, n_trials)
        if options.get("pause"):
            raise _pausing_error(setting)
        return LCPFNScheduler(metric=_METRIC, mode=mode, **options)
    if setting.source == LIMITS:
        if setting.rule != "none" or setting.options:
            raise ValueError(f"the only limit of a search is limits.none, got {setting.name!r}")
        return FIFOScheduler()  # type: ignore[no-untyped-call]
    if setting.source != "ray":
        raise ValueError(f"{setting.name!r} is not a rule of a search with Ray Tune")
    if setting.rule == "hyperband":
        raise _pausing_error(setting)
    return scheduler_of(setting, task)


def _pausing_error(setting: Setting) -> ValueError:
    return ValueError(f"{setting.name!r} pauses trials, which a search of recorded trials with Ray cannot do")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's log of each trial and all warnings."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("ray.tune.search.optuna").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
