"""The pruner warns of what is surely wrong in how trials report, once in a study."""

import logging
import math
import pickle
import random
from unittest import mock

import numpy as np
import optuna
import pytest

from lcstop_optuna import REASON_ATTR, LCPFNPruner, converged

optuna.logging.set_verbosity(optuna.logging.ERROR)
H = 50


def run(objective, n=14, storage=None, first=(), pruner=None, **options) -> optuna.Study:
    """A study with an objective ``(trial, report) -> value``; ``report`` also asks."""
    pruner = pruner or LCPFNPruner(**{"horizon": H, "audit": 0, **options})
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner, storage=storage)
    study.add_trials(first)

    def asking(trial: optuna.Trial) -> float:
        def report(value: float, step: int) -> None:
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned

        return objective(trial, report)

    study.optimize(asking, n_trials=n, catch=RuntimeError)
    return study


def rising(steps=range(H), reported=lambda value: value, returned=lambda value: value):
    def objective(trial, report):
        top = trial.suggest_float("top", 0.1, 0.9)
        for i, step in enumerate(steps() if callable(steps) else steps):
            value = top * (1 - 0.9 ** (i + 1))
            report(reported(value), step)
        return returned(value)

    return objective


@pytest.mark.parametrize(
    ("objective", "options", "words"),
    [
        (rising(), {"horizon": 5000}, "3 trials have completed, all at step 50, but horizon=5000"),
        (rising(range(18)), {"horizon": 40, "min_steps": 20}, "before the first judgement at step 20"),
        (rising([H - 1]), {}, "3 trials have completed with one report each"),
        (rising([H // 2, H]), {}, "with fewer than two finite reports before the horizon"),
        (rising(), {"patience": 20}, "fewer than patience=20: lower patience"),
        (
            rising(returned=lambda value: -value),
            {"shadow": True},
            "what 10 completed trials returned does not",
        ),
        (rising(reported=lambda value: 1 - value), {"shadow": True}, "what 10 completed trials returned"),
        (rising(range(H, 0, -1)), {}, "steps of trial 0 fall"),
        (rising(lambda: random.Random(0).sample(range(H), H)), {}, "optuna.pruners.WilcoxonPruner"),  # noqa: S311
    ],
)
def test_what_is_wrong_is_told_once(objective, options, words, warnings):
    study = run(objective, **options)
    assert len(warnings()) == 1
    assert words in warnings()[0]
    assert study.study_name in warnings()[0] or "trial 0" in warnings()[0]


@pytest.mark.parametrize("steps", [range(12, 0, -1), [5, 2, 9, 11, 1, 8, 3, 10, 0, 4, 7, 6]])
def test_a_database_that_keeps_reports_in_the_order_of_their_steps(steps, warnings, tmp_path):
    run(rising(steps), 2, storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert len(warnings()) == 1
    assert "steps of trial 0 fall" in warnings()[0]


def test_an_objective_that_goes_on_after_its_stop_is_told_of_once(warnings):
    def deaf(trial, report):
        top = trial.suggest_float("top", 0.1, 0.9)
        for epoch in range(H):
            trial.report(top * (1 - 0.9 ** (epoch + 1)), epoch)
            trial.should_prune()
        return top

    study = run(deaf, 20)
    [message] = warnings()
    first = next(trial for trial in study.trials if REASON_ATTR in trial.user_attrs)
    assert message.startswith(f"trial {first.number} went on after it was told to stop at step ")
    assert message.endswith("raise optuna.TrialPruned()")


def stopping_early(trial, report):
    rng, best, since = np.random.default_rng(trial.number), -math.inf, 0
    top = trial.suggest_float("top", 0.1, 0.9)
    for epoch in range(H):
        value = top * (1 - 0.6 ** (epoch + 1)) + rng.normal(0, 0.01)
        report(value, epoch)
        best, since = (value, 0) if value > best else (best, since + 1)
        if since > 5:
            break
    return best


def converging(trial, report):
    top = trial.suggest_float("top", 0.1, 0.9)
    for epoch in range(200):
        value = top * (1 - 0.3 ** (epoch + 1))
        report(value, epoch)
        if converged(trial):
            break
    return value


def planned(trial, report):
    top = trial.suggest_float("top", 0.1, 0.9)
    for epoch in range(trial.suggest_int("epochs", 5, 60)):
        value = top * (1 - 0.9 ** (epoch + 1))
        report(value, epoch)
    return value


def evaluated_seldom(trial, report):
    top = trial.suggest_float("top", 0.1, 0.9)
    for epoch in range(H):
        value = top * (1 - 0.9 ** (epoch + 1))
        report(value if epoch % 5 == 4 else math.nan, epoch)
    return value


def failing(trial, report):
    for epoch in range(H if trial.number % 3 else 2):
        report(0.5 + epoch / 100, epoch)
    if trial.number % 3 == 0:
        raise RuntimeError
    return 1.0


def of_two_families(trial, report):
    return rising()(trial, report) if trial.number % 2 else 0.5


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        (rising(), {}),
        (rising(range(1, H + 1)), {"shadow": True}),
        (rising(range(9, H, 10)), {}),
        (stopping_early, {}),
        (converging, {"horizon": 200, "min_gain": 0.01}),
        (planned, {"horizon": "epochs"}),
        (evaluated_seldom, {}),
        (failing, {}),
        (of_two_families, {}),
        (lambda trial, report: 0.5, {}),
    ],
)
def test_what_people_do_on_purpose_is_no_mistake(objective, options, warnings):
    run(objective, 30, **options)
    assert not warnings()


def of_length(n: int) -> list[optuna.trial.FrozenTrial]:
    values = {epoch: 0.01 * epoch for epoch in range(n)}
    return [optuna.create_trial(value=0.1 + 0.01 * i, intermediate_values=values) for i in range(12)]


def test_trials_of_another_length_from_before_are_not_looked_at(warnings):
    study = run(rising(), first=of_length(3))
    study.pruner = pickle.loads(pickle.dumps(study.pruner))  # noqa: S301
    study.optimize(lambda trial: rising()(trial, trial.report), n_trials=2)
    assert not warnings()


def test_processes_of_one_trial_each_find_it_together(warnings):
    """Each knows from the options on record that the trials before were of its own horizon."""
    study = run(rising(), 6, horizon=500, min_steps=5)
    assert len(warnings()) == 1
    for _ in range(2):
        study.pruner = LCPFNPruner(horizon=500, min_steps=5)
        trial = study.ask()
        trial.report(0.1, 0)
        trial.should_prune()
    assert len(warnings()) == 3


def test_nothing_of_it_reaches_the_objective(caplog):
    """A storage that cannot be read, and a study of two objectives, whose error is the pruner's own."""
    study = run(rising(), 3)
    trial = study.ask()
    trial.report(0.5, 0)
    with mock.patch.object(study._storage, "get_all_trials", side_effect=OSError("gone")):
        assert not trial.should_prune()
    assert "gone" not in caplog.text
    two = optuna.create_study(directions=["minimize"] * 2)
    with caplog.at_level(logging.WARNING):
        study.pruner._study_warnings.look(two, two.ask()._cached_frozen_trial)
    assert not caplog.records
