"""The adapters of Optuna and Ray Tune make the same decisions on the same recorded curves."""

import json
import math
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import optuna
import pytest
from ray.tune.experiment import Trial

from lcstop import Decision
from lcstop.surrogates.posterior import draw_curves
from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler

optuna.logging.set_verbosity(optuna.logging.ERROR)

AT_ONCE = 3
"""Number of trials that run in parallel, so that there are unfinished trials, too."""


class OptunaRun:
    """A study whose trials report recorded curves."""

    def __init__(self, mode: str, options: dict) -> None:
        self.study = optuna.create_study(
            study_name="agree",
            direction="maximize" if mode == "max" else "minimize",
            pruner=LCPFNPruner(**options),
        )
        self.decisions = recorded(self.study.pruner)

    def start(self, params: dict) -> optuna.Trial:
        self.study.enqueue_trial(params)
        trial = self.study.ask()
        if params:
            trial.suggest_float("lr", 0, 1)
            trial.suggest_int("width", 1, 9)
            trial.suggest_categorical("opt", ["sgd", "adam"])
        return trial

    def report(self, trial: optuna.Trial, step: int, value: float) -> bool:
        trial.report(value, step)
        return trial.should_prune()

    def end(self, trial: optuna.Trial, step: int, value: float, stopped: bool) -> None:
        state = optuna.trial.TrialState.PRUNED if stopped else optuna.trial.TrialState.COMPLETE
        self.study.tell(trial, None if stopped else np.nan_to_num(value, nan=0.0), state)


class RayRun:
    """The scheduler of a search whose trials report recorded curves."""

    def __init__(self, mode: str, options: dict) -> None:
        self.scheduler = LCPFNScheduler(metric="value", mode=mode, **options)
        self.decisions = recorded(self.scheduler)
        # Names of trials as in Optuna, so that the same trials are audited.
        self.names = (f"agree/{i}" for i in count())

    def start(self, params: dict) -> Trial:
        trial = Trial(
            "trainable", config=params, evaluated_params=params, stub=True, trial_id=next(self.names)
        )
        self.scheduler.on_trial_add(None, trial)
        return trial

    def report(self, trial: Trial, step: int, value: float) -> bool:
        result = {"training_iteration": step, "value": value}
        return self.scheduler.on_trial_result(None, trial, result) == "STOP"

    def end(self, trial: Trial, step: int, value: float, stopped: bool) -> None:
        self.scheduler.on_trial_complete(None, trial, {"training_iteration": step, "value": value})


def recorded(adapter) -> list[Decision]:
    """Records the decisions of the adapter's core."""
    decisions: list[Decision] = []
    answer = adapter._core.answer

    def record(question, study) -> Decision:
        decisions.append(answer(question, study))
        return decisions[-1]

    adapter._core.answer = record
    return decisions


def params_of(index: int) -> dict:
    """Hyperparameters of a trial; None for the first one and every seventh one."""
    rng = np.random.default_rng(index)
    lr, width, opt = float(rng.uniform()), int(rng.integers(1, 10)), str(rng.choice(["sgd", "adam"]))
    return {} if index % 7 == 0 else {"lr": lr, "width": width, "opt": opt}


def run(adapter: OptunaRun | RayRun, curves: np.ndarray, steps: list[int]) -> list[tuple[int, int, bool]]:
    """``(curve, step, stop)`` in order. Trials take turns; a new trial starts when one ends."""
    waiting = iter(enumerate(curves))
    running: list[tuple[int, object, Iterator]] = []
    outcome = []
    while True:
        while len(running) < AT_ONCE and (following := next(waiting, None)):
            index, curve = following
            running.append(
                (index, adapter.start(params_of(index)), iter(list(zip(steps, curve.tolist(), strict=True))))
            )
        if not running:
            return outcome
        index, trial, reports = running.pop(0)
        step, value = next(reports)
        stop = adapter.report(trial, step, value)
        outcome.append((index, step, stop))
        if stop or step == steps[-1]:
            adapter.end(trial, step, value, stop)
        else:
            running.append((index, trial, reports))


def assert_agreement(curves: np.ndarray, steps: list[int], mode: str, **options) -> None:
    optuna_run, ray_run = OptunaRun(mode, options), RayRun(mode, options)
    assert run(optuna_run, curves, steps) == run(ray_run, curves, steps)
    assert len(optuna_run.decisions) >= len(curves)
    assert optuna_run.decisions == ray_run.decisions  # p_beat, incumbent, median, interval and reason too


def prior(n: int, length: int, seed: int = 0) -> np.ndarray:
    return draw_curves(n, np.random.default_rng(seed), np.linspace(1, 100, length))


@pytest.mark.parametrize(
    ("n", "mode", "start", "options"),
    [
        (60, "max", 0, {"policy": "published"}),
        (60, "min", 1, {"keep": "bold", "use_params": True}),
        (200, "max", 1, {}),
        (40, "min", 1, {"lower": -1.5, "upper": 0.5, "patience": 3, "n_startup_trials": 4}),
        (40, "max", 0, {"target": "final", "keep": 0.7, "interval_steps": 3, "min_steps": 4}),
        (40, "max", 1, {"diverged_after": 2, "min_steps": 1}),
        (60, "max", 0, {"audit": 0.3, "keep": "bold"}),
        (30, "min", 1, {"shadow": True, "diverged_after": 2}),
    ],
)
def test_curves_of_the_prior(n, mode, start, options):
    h = 15
    curves = prior(n, h) * (1 if mode == "max" else -1)
    if "diverged_after" in options:
        curves[np.random.default_rng(0).random(curves.shape) < 0.1] = math.nan
    if "lower" in options:
        curves = curves.clip(options["lower"], options["upper"])
    assert_agreement(curves, list(range(start, start + h)), mode, horizon=h, **options)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("h", [3, 4, 5])
def test_short_trials(h, start):
    tops = np.random.default_rng(h).uniform(0.3, 0.9, (40, 1))
    curves = tops * (1 - 0.6 ** np.arange(1, h + 1))
    assert_agreement(curves, list(range(start, start + h)), "max", horizon=h)


@pytest.mark.skipif("LCSTOP_CURVES" not in os.environ, reason="needs recorded curves in LCSTOP_CURVES")
@pytest.mark.slow
def test_recorded_curves():
    """25 curves of every pack, on at most 20 of its steps."""
    folder = Path(os.environ["LCSTOP_CURVES"])
    n_curves = 0
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path, allow_pickle=False) as pack:
            curves, meta = pack["curves"].astype(float), json.loads(str(pack["meta"]))
        complete = curves[np.isfinite(curves[:, -1])][:25]
        points = np.unique(np.linspace(0, curves.shape[1] - 1, 20).round().astype(int))
        if len(points) < 4:
            continue
        mode = meta["direction"]
        steps = [int(point) + 1 for point in points]
        n_curves += len(complete)
        assert_agreement(complete[:, points], steps, mode, horizon=steps[-1])
    assert n_curves >= 200
