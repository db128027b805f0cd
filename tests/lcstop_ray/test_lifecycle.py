"""LCPFNScheduler is saved, restored, pickled, wrapped and printed."""

import json
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
import ray.cloudpickle
from ray.tune.schedulers import ResourceChangingScheduler

from lcstop import PrunerConfig, PrunerCore
from lcstop_ray import LCPFNScheduler
from tests.lcstop_ray.ray_trials import GO, GOOD, POOR, STOP, H, feed, finish, new_trial, results


def test_save_and_restore_give_the_same_decisions(make, surrogate, tmp_path):
    saved = make(time_attr="t", confidence=0.9)
    finish(saved, time_attr="t")
    stopped, running, failed = (new_trial(saved, evaluated_params={"lr": np.float32(0.5)}) for _ in range(3))
    feed(saved, stopped, results(POOR, time_attr="t"))
    feed(saved, running, results([0.1, math.nan], time_attr="t"))
    saved.on_trial_error(None, failed)
    saved.save(tmp_path / "scheduler.json")
    json.loads((tmp_path / "scheduler.json").read_text())

    restored = LCPFNScheduler()
    restored.restore(tmp_path / "scheduler.json")
    assert restored.config == saved.config
    assert restored._search.incumbent() == saved._search.incumbent() == GOOD[-1]
    for ours, theirs in zip(*(s._search.histories.values() for s in (saved, restored)), strict=True):
        assert ours.state == theirs.state
        assert ours.params == theirs.params
        np.testing.assert_array_equal(ours.curve.values, theirs.curve.values)
    restored._search.core = PrunerCore(restored.config, surrogate)
    reports = results(POOR, start=2, time_attr="t")
    assert feed(restored, running, reports) == feed(saved, running, reports) == [STOP]


def test_parameters_of_any_kind_are_the_same_before_and_after(make, tmp_path):
    """A restored search compares its new trials with the old ones."""
    loop = []
    loop.append(loop)
    params = {
        "a": np.array([1, 2]),
        "b": (1, 2),
        "c": len,
        "d": loop,
        "e": {1: 2j},
        "f": np.float32(0.5),
        "g": None,
    }
    scheduler, restored = make(), make()
    old = new_trial(scheduler, evaluated_params=params)
    scheduler.save(tmp_path / "scheduler.json")
    restored.restore(tmp_path / "scheduler.json")
    new = new_trial(restored, evaluated_params=params)
    kept = [restored._search.histories[trial.trial_id].params for trial in (old, new)]
    assert kept[0] == kept[1] == scheduler._search.histories[old.trial_id].params
    assert kept[0] | {"d": None} == {
        "a": "[1 2]", "b": [1, 2], "c": str(len), "d": None, "e": {"1": "2j"}, "f": 0.5, "g": None
    }  # fmt: skip


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": {"horizon": 5}, "trials": 3}'])
def test_restore_refuses_other_files(content, tmp_path):
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="was not written by"):
        LCPFNScheduler().restore(path)


def test_save_needs_a_running_search(tmp_path):
    with pytest.raises(ValueError, match="metric"):
        LCPFNScheduler().save(tmp_path / "scheduler.json")


@pytest.mark.parametrize("dumps", [pickle.dumps, ray.cloudpickle.dumps])
def test_pickled_by_reference_and_without_weights(make, dumps):
    before = dumps(LCPFNScheduler(horizon=H))
    assert len(before) < 2000
    assert b"lcstop_ray.scheduler" in before
    scheduler = LCPFNScheduler(horizon=H)
    scheduler.set_search_properties("accuracy", "max")
    finish(scheduler)
    copy = pickle.loads(dumps(scheduler))  # noqa: S301
    assert len(dumps(scheduler)) < 5000
    assert copy._search.incumbent() == GOOD[-1]
    assert copy.on_trial_result(None, new_trial(copy), results(POOR)[0]) == GO


def test_a_search_needs_no_torch():
    code = (
        "import sys, pickle; from lcstop_ray import LCPFNScheduler; from ray.tune.experiment import Trial; "
        "s = LCPFNScheduler(horizon=10, lower=0, upper=1, audit=0); pickle.dumps(s); "
        "s.set_search_properties('a', 'max'); "
        "t = [Trial('t', stub=True) for _ in range(9)]; [s.on_trial_add(None, trial) for trial in t]; "
        "r = [{'training_iteration': i, 'a': 0.5 + 0.04 * i} for i in range(1, 10)]; "
        "[[s.on_trial_result(None, one, result) for result in r] for one in t[1:]]; "
        "[s.on_trial_complete(None, one, r[-1]) for one in t[1:]]; "
        "r = [{'training_iteration': i, 'a': 0.1 + 0.01 * i} for i in (1, 2, 3)]; "
        "print([s.on_trial_result(None, t[0], result) for result in r][-1]); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["STOP", "False"]


def unchanged(tune_controller, trial, result, scheduler) -> None:
    """Keep the resources of every trial."""


def test_as_the_base_of_resource_changing_scheduler(make, tmp_path):
    base = make(metric=None, mode=None)
    scheduler = ResourceChangingScheduler(base, unchanged)
    assert scheduler.set_search_properties("accuracy", "max", stop={"training_iteration": H})
    assert scheduler.metric == "accuracy"
    finish(scheduler)
    assert feed(scheduler, new_trial(scheduler), results(POOR)) == [GO, STOP]
    assert "1 of 2 trials stopped" in scheduler.debug_string()
    scheduler.save(tmp_path / "scheduler.pkl")


def test_debug_string(make):
    scheduler = make()
    assert scheduler.debug_string() == "Using LCPFNScheduler: no trials, 0.00 ms per result"
    finish(scheduler)
    feed(scheduler, new_trial(scheduler), results(POOR))
    line = scheduler.debug_string()
    assert "1 of 2 trials stopped, 10 steps of training_iteration saved, best so far 0.8998" in line
    assert line.endswith("ms per result")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lcstop.core PrunerCore", PrunerCore), ("lcstop.config PrunerConfig", PrunerConfig)],
)
def test_pickles_of_the_first_release_are_read(name, expected):
    """Ray pickles a search with these module names, so that searches of lcstop 0.1 can be restored."""
    module, attribute = name.split()
    assert pickle.loads(f"c{module}\n{attribute}\n.".encode()) is expected  # noqa: S301


def test_a_second_search_starts_anew(make):
    scheduler = LCPFNScheduler("t")
    for last, (metric, mode) in ((H, ("accuracy", "max")), (2 * H, ("loss", "min"))):
        assert scheduler.set_search_properties(metric, mode, stop={"t": last})
        assert scheduler.config.horizon == last
        assert not scheduler.stops
        finish(scheduler, metric=metric, time_attr="t")
        best = GOOD[-1] if mode == "max" else GOOD[0]
        assert (len(scheduler._search.histories), scheduler._search.incumbent()) == (1, best)
    given = LCPFNScheduler("t", "accuracy", "max", horizon=H)
    for _ in range(2):
        assert given.set_search_properties(None, None, stop={"t": 99})
        finish(given, time_attr="t")
        assert (given.config.horizon, len(given._search.histories)) == (H, 1)


def test_a_restored_search_goes_on(make, tmp_path):
    first = LCPFNScheduler("t")
    first.set_search_properties("accuracy", "max", stop={"t": H})
    finish(first, time_attr="t")
    first.save(str(tmp_path / "state"))
    second = LCPFNScheduler()
    second.restore(str(tmp_path / "state"))
    assert not second.set_search_properties("loss", "max")
    assert second.set_search_properties("accuracy", "max", stop={"t": 99})
    assert (second.config.horizon, second._search.incumbent()) == (H, GOOD[-1])
    assert second.set_search_properties("accuracy", "max", stop={"t": 99})  # the search after that one
    assert (second.config.horizon, second._search) == (99, None)
