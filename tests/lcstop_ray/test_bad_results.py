"""Results that are no numbers, and parts of a decision that fail, never stop a trial of Ray or its search."""

import math

import numpy as np
import pytest

from lcstop import PrunerCore
from lcstop_ray import LCPFNScheduler
from tests.lcstop_ray.ray_trials import GO, GOOD, POOR, STOP, H, feed, finish, new_trial, results

BAD = [
    {},
    {"training_iteration": 2},
    {"accuracy": 0.1},
    {"training_iteration": 2, "accuracy": None},
    {"training_iteration": None, "accuracy": 0.1},
    {"training_iteration": 2, "accuracy": "0.1"},
    {"training_iteration": "2", "accuracy": 0.1},
    {"training_iteration": 2, "accuracy": float("nan")},
    {"training_iteration": 2, "accuracy": float("inf")},
    {"training_iteration": float("nan"), "accuracy": 0.1},
    {"training_iteration": float("inf"), "accuracy": 0.1},
    {"training_iteration": -1, "accuracy": 0.1},
    {"training_iteration": 2, "accuracy": [0.1, 0.2]},
    {"training_iteration": 2, "accuracy": {"nested": 0.1}},
    {"training_iteration": 2, "accuracy": np.array([0.1, 0.2])},
    {"training_iteration": 2, "accuracy": 0.1 + 2j},
    {"training_iteration": 2, "accuracy": 10**400},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_bad_results_go_on_are_counted_and_logged_once(make, bad, caplog):
    scheduler = make()
    finish(scheduler)
    trial = new_trial(scheduler)
    for _ in range(2):
        assert scheduler.on_trial_result(None, trial, bad) == GO
    assert scheduler._search.warnings.n_unusable == 2
    assert len(caplog.records) == 1
    assert trial.trial_id in caplog.text
    assert "2 results without a finite value" in scheduler.debug_string()
    assert feed(scheduler, trial, results(POOR)) == [GO, STOP]  # judged by its next reports
    other = new_trial(scheduler)
    scheduler.on_trial_complete(None, other, bad)
    assert scheduler._search.incumbent() == GOOD[-1]


def tensor(value):
    import torch

    return torch.tensor(value)


@pytest.mark.torch
def test_tensors_of_several_numbers_are_bad_results(make, caplog):
    bad = {"training_iteration": 2, "accuracy": tensor([0.1, 0.2])}
    test_bad_results_go_on_are_counted_and_logged_once(make, bad, caplog)


@pytest.mark.parametrize(
    "scalar", [np.float32, np.float64, np.array, pytest.param(tensor, marks=pytest.mark.torch)]
)
def test_scalars_of_numpy_and_torch_are_numbers(make, scalar):
    scheduler = make()
    finish(scheduler)
    trial = new_trial(scheduler)
    reports = [{"training_iteration": np.int64(i), "accuracy": scalar(v)} for i, v in enumerate(POOR, 1)]
    assert feed(scheduler, trial, reports) == [GO, STOP]
    assert scheduler._search.warnings.n_unusable == 0


def test_diverged_trials_stop_and_never_hold_the_incumbent(make):
    scheduler = make(diverged_after=3)
    finish(scheduler)
    trial = new_trial(scheduler)
    nans = results([0.5, math.nan, math.inf, math.nan, 0.9])
    assert feed(scheduler, trial, nans) == [GO, GO, GO, STOP]
    infinite = new_trial(scheduler)
    scheduler.on_trial_complete(None, infinite, {"training_iteration": H, "accuracy": math.inf})
    assert scheduler._search.incumbent() == GOOD[-1]


class Broken:
    def forecast(self, *args, **kwargs):
        raise RuntimeError("no forecast today")


def test_nothing_that_fails_reaches_rays_event_loop(make, caplog, monkeypatch):
    scheduler = make()
    scheduler._core = PrunerCore(scheduler.config, Broken())
    finish(scheduler)
    trial = new_trial(scheduler)
    assert feed(scheduler, trial, results(POOR[:5])) == [GO] * 5
    assert caplog.text.count("no forecast today") == 1
    monkeypatch.setattr(scheduler._search, "view", lambda **_: 1 / 0)
    assert feed(scheduler, trial, results(POOR[:5])) == [GO] * 5
    assert caplog.text.count("ZeroDivisionError") == 1


@pytest.mark.parametrize(("policy", "n_reports"), [("published", H), ("study", 2)])
def test_a_surrogate_that_does_not_load_stops_nothing_that_it_decides(policy, n_reports, caplog, monkeypatch):
    """``policy="study"`` decides without the surrogate, so it still stops the trial."""
    monkeypatch.setattr("lcstop.pruning.models.load_surrogate", lambda name: 1 / 0)
    options = {"keep": 0.1} if policy == "study" else {}
    scheduler = LCPFNScheduler(horizon=H, policy=policy, **options)
    assert scheduler.set_search_properties("accuracy", "max")
    finish(scheduler)
    assert len(feed(scheduler, new_trial(scheduler), results(POOR))) == n_reports
    assert caplog.text.count("ZeroDivisionError") == 1
