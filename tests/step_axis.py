"""Runs trials with known final values through both engines, with any steps."""

from collections.abc import Callable, Iterable

import numpy as np
import optuna
import pytest
from ray.tune.experiment import Trial

from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler

TOPS = (0.7, 0.9, 0.5, 0.8, 0.6, 0.85, 0.1, 0.95, 0.2, 0.15, 0.97, 0.05)
"""Final values of the trials. Those below 0.3 come late enough to be stopped, and the best one after them."""

Point = tuple[float, float]
Reports = Iterable[Point]
Ends = list[tuple[int, bool]]
"""Number of reports of each trial, and whether it was stopped."""


def in_optuna(trials: Iterable[tuple[dict, Reports]], **options) -> Ends:
    """Run the trials in Optuna, one after another."""
    study = optuna.create_study(direction="maximize", pruner=LCPFNPruner(audit=0, **options))
    ends = []
    for params, reports in trials:
        study.enqueue_trial(params)
        trial = study.ask()
        for name, value in params.items():
            trial.suggest_int(name, value, value)
        n, stopped = 0, False
        for step, value in reports:
            n += 1
            trial.report(value, int(step))
            if stopped := trial.should_prune():
                break
        study.tell(trial, None if stopped else value, optuna.trial.TrialState(2 if stopped else 1))
        ends.append((n, stopped))
    return ends


def in_ray(trials: Iterable[tuple[dict, Reports]], **options) -> Ends:
    """Run the trials in Ray, one after another."""
    scheduler = LCPFNScheduler("t", "value", "max", audit=0, **options)  # audits depend on random ids
    ends = []
    for params, reports in trials:
        n = 0
        trial = Trial("trainable", config=params, evaluated_params=params, stub=True)
        scheduler.on_trial_add(None, trial)
        for step, value in reports:
            n += 1
            result = {"t": step, "value": value}
            decision = scheduler.on_trial_result(None, trial, result)
            if decision == "STOP":
                break
        scheduler.on_trial_complete(None, trial, result)
        ends.append((n, decision == "STOP"))
    return ends


ENGINES = pytest.mark.parametrize("run", [in_optuna, in_ray])


def assert_only_hopeless_trials_stop(ends: Ends, full: list[int]) -> None:
    """No trial that is better than all before it is stopped, and most poor ones stop in their first half."""
    lengths, stops = zip(*ends, strict=True)
    assert not any(stops[i] for i, top in enumerate(TOPS) if top >= max(TOPS[: i + 1]))
    hopeless = [i for i, top in enumerate(TOPS) if top < 0.3]
    assert sum(stops[i] and lengths[i] <= full[i] / 2 for i in hopeless) >= 3
    assert [lengths[i] for i in range(len(TOPS)) if not stops[i]] == [
        full[i] for i in range(len(TOPS)) if not stops[i]
    ]


def curves(length: Callable[[int], int], step: Callable[[int, int], float]) -> list[list[Point]]:
    """Curves that rise to ``TOPS`` on ``length(i)`` reports, made at ``step(i, k)``."""
    rng = np.random.default_rng(0)
    all_points = []
    for i, top in enumerate(TOPS):
        n = length(i)
        values = top * (1 - 0.05 ** (np.arange(1, n + 1) / n)) + rng.normal(0, 0.003, n)
        all_points.append([(step(i, k), value) for k, value in enumerate(values.tolist(), 1)])
    return all_points


def plain(reports: Iterable[Reports]) -> list[tuple[dict, Reports]]:
    return [({}, points) for points in reports]
