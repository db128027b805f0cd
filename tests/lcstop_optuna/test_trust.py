"""Faults in a real Optuna study of one process: wrong units, failing storages, bad values, divergence."""

import logging
import math
from unittest import mock

import optuna
import pytest
from optuna.trial import TrialState

from lcstop_optuna import REASON_ATTR, LCPFNPruner
from tests.lcstop_optuna.test_pruner import H, accuracy, ours, published, running, study_with

optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.parametrize(
    ("steps", "warned"), [(range(H), False), (range(1, H + 2), False), (range(21, 253, 21), True)]
)
def test_a_horizon_in_another_unit_than_the_steps_is_told_once(caplog, steps, warned):
    """The Trainer of transformers reports optimizer steps; the horizon is in epochs here."""
    study = study_with(n=1)
    with caplog.at_level(logging.WARNING, "lcstop_optuna"):
        for _ in range(2):
            trial = study.ask()
            for i, step in enumerate(steps):
                trial.report(0.9 * (1 - 0.5**i), step)
                stop = trial.should_prune()
                assert not (stop and warned)
            study.tell(trial, 0.9)
    told = [record.getMessage() for record in ours(caplog)]
    message = "trial 1 reports step 63 past horizon=12, where no trial is stopped"
    assert [text.startswith(message) for text in told] == [True] * warned


def test_a_storage_that_fails_lets_the_trial_go_on(caplog):
    study = study_with(published(), n=5)
    trial = running(study, [accuracy(0.01, epoch) for epoch in range(9)])
    with caplog.at_level(logging.WARNING, "lcstop"):
        with mock.patch.object(study._storage, "get_all_trials", side_effect=OSError("gone")):
            assert [trial.should_prune() for _ in range(3)] == [False] * 3
        assert len(ours(caplog)) == 1
        assert "OSError: gone" in caplog.text
        with mock.patch.object(study._storage, "set_trial_user_attr", side_effect=OSError("read-only")):
            assert trial.should_prune()
        assert "was not stored" in caplog.text
    assert trial.should_prune()


@pytest.mark.parametrize(
    "values",
    [
        [math.nan] * H,
        [math.inf, -math.inf, math.nan, 0.5, 0.6],
        [0.5] * H,
        [0.5],
        [1e30, 2e30, 3e30],
        [1e-30, 2e-30, 3e-30],
        [1e308, -1e308, 1e308],
    ],
)
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("storage", [None, "sqlite"])
def test_strange_values_raise_nothing_and_warn_little(values, direction, storage, tmp_path, caplog):
    if storage:
        storage = f"sqlite:///{tmp_path}/study.db"
    study = study_with(LCPFNPruner(horizon=H), direction=direction, storage=storage)
    with caplog.at_level(logging.WARNING, "lcstop"):
        for _ in range(3):
            trial = study.ask()
            for step, value in enumerate(values):
                trial.report(value, step)
                trial.should_prune()
            study.tell(trial, 0.5)
    assert len(caplog.records) <= 1
    assert study.best_value == 0.5


def test_diverged_trials_are_pruned_without_any_finished_trial():
    study = study_with()
    trial = running(study, [0.5, 0.6, math.nan, math.nan, math.nan])
    assert trial.should_prune()
    assert "not finite" in study.trials[trial.number].user_attrs[REASON_ATTR]


def test_a_horizon_of_ten_thousand_steps():
    study = study_with(LCPFNPruner(horizon=10_000, interval_steps=500))
    for top in (0.9, 0.1):
        trial = study.ask()
        stopped = None
        for step in range(0, 10_000, 50):
            trial.report(top * (1 - math.exp(-step / 2000)), step)
            if trial.should_prune():
                stopped = step
                break
        if stopped:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, top)
        assert (stopped is not None) == (top == 0.1)
