"""Trials with planned lengths, named by a hyperparameter, a user attribute or a nested key."""

import logging

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.experiment import Trial

from lcstop import PrunerConfig
from lcstop.config.horizon import horizon_of
from lcstop_optuna import LCPFNPruner, read_study
from lcstop_ray import LCPFNScheduler
from tests.step_axis import (
    ENGINES,
    TOPS,
    Reports,
    assert_only_hopeless_trials_stop,
    curves,
    in_optuna,
    in_ray,
)

optuna.logging.set_verbosity(optuna.logging.ERROR)

LENGTHS = [20 + 20 * (i % 4) for i in range(len(TOPS))]


def planned() -> list[tuple[dict, Reports]]:
    own = curves(lambda i: LENGTHS[i], lambda i, k: k)
    return [({"n_epochs": n}, points) for n, points in zip(LENGTHS, own, strict=True)]


@ENGINES
def test_each_trial_has_the_length_that_it_names(run):
    assert_only_hopeless_trials_stop(run(planned(), horizon="n_epochs"), LENGTHS)


def test_trials_of_different_lengths_are_compared_at_the_same_share():
    """Two equally good trials. At step 20 the short one has ended and the long one has just begun."""
    half = [curve[: len(curve) // 2] for _, curve in planned()]
    long = [({"n_epochs": 80}, [(4 * step, value) for step, value in points]) for points in half]
    short = [({"n_epochs": 20}, [(step, value) for step, value in points]) for points in half]
    trials = [(long if i % 2 else short)[i] for i in range(len(half))]
    same = [({"n_epochs": 20}, points) for _, points in short]
    blind = {"use_params": False}  # the length is a hyperparameter, too
    ends = in_ray(trials, horizon="n_epochs", **blind)
    assert ends == in_ray(same, horizon="n_epochs", **blind) == in_ray(same, horizon=20, **blind)


def test_a_user_attribute_and_a_nested_key():
    pruner = LCPFNPruner(horizon="length")
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for top in TOPS[:5]:
        trial = study.ask()
        trial.set_user_attr("length", 30)
        for k in range(30):
            trial.report(top * (1 - 0.9**k), k)
        study.tell(trial, top)
    poor = study.ask()
    poor.set_user_attr("length", 15)
    for k in range(6):
        poor.report(0.01 * k, k)
    decision = pruner.explain(study, poor)
    assert decision.stop
    assert " at step 6 of 15: " in decision.reason
    assert poor.should_prune()
    study.tell(poor, state=TrialState.PRUNED)
    recorded = read_study(study)  # the study records the name
    assert [trial.curve.horizon for trial in recorded.trials] == [30.0] * 5 + [15.0]
    assert recorded.horizon == 30

    scheduler = LCPFNScheduler("t", "value", "max", "train/epochs")
    trial = Trial("trainable", config={"train": {"epochs": 7}}, stub=True)
    scheduler.on_trial_add(None, trial)
    scheduler.on_trial_result(None, trial, {"t": 1, "value": 0.5})
    assert scheduler._search.histories[trial.trial_id].horizon == 7


def test_a_name_that_a_trial_does_not_have_lets_it_go_on(caplog):
    with caplog.at_level(logging.WARNING):
        assert in_optuna(planned(), horizon="n_epoch") == [(n, False) for n in LENGTHS]
        assert in_ray(planned(), horizon="n_epoch") == [(n, False) for n in LENGTHS]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2  # one for each engine
    assert all("a trial goes on" in message and "has no 'n_epoch'" in message for message in told)
    scheduler = LCPFNScheduler("t", "value", "max", "n_epoch")
    for hook in (scheduler.on_trial_add, scheduler.on_trial_error, scheduler.on_trial_remove):
        hook(None, Trial("trainable", config={"n_epochs": 7}, stub=True))


def test_a_trial_without_its_length_is_left_out_of_the_view():
    study = optuna.create_study(
        direction="maximize", pruner=LCPFNPruner(horizon="length", n_startup_trials=2)
    )
    study.add_trial(optuna.create_trial(value=0.9, intermediate_values={0: 0.9}))
    trial = study.ask()
    trial.set_user_attr("length", 9)
    for k in range(4):
        trial.report(0.1, k)
    assert study.pruner.explain(study, trial).reason == "0 of 2 startup trials completed"
    assert [t.number for t in read_study(study, "length").trials] == [1]


@pytest.mark.parametrize("value", ["30", True, None, 0.5, float("nan"), float("inf"), [30], 10**400])
def test_lengths_that_are_none(value):
    with pytest.raises(ValueError, match=r"horizon='n': the length .* must be a number of at least 1"):
        horizon_of("n", {"n": value})


def test_names_in_the_configuration():
    assert PrunerConfig(horizon="n_epochs").horizon == "n_epochs"
    assert PrunerConfig(horizon="n_epochs", min_steps=500).min_steps == 500  # the length is unknown
    for options in ({}, {"horizon": 7}):
        assert LCPFNPruner(**{"horizon": "n"} | options).config == PrunerConfig(**{"horizon": "n"} | options)
