"""The convergence stop in Ray."""

from ray.tune.experiment import Trial

from lcstop_ray import CONVERGED_FILE, LCPFNScheduler, read_folder
from tests.lcstop_ray.ray_trials import (
    GO,
    STOP,
    after_a_restart,
    new_trial,
    record_of,
    results,
    trial_with_folder,
)
from tests.lcstop_ray.test_folder import Search
from tests.pruning.test_convergence import SATURATING, H, first_converged


def scheduler_with(**options) -> LCPFNScheduler:
    return LCPFNScheduler(metric="accuracy", mode="max", **{"horizon": H, "min_gain": 0.02} | options)


def run(scheduler, trial, values) -> int:
    for result in results(values):
        if scheduler.on_trial_result(None, trial, result) == STOP:
            break
    scheduler.on_trial_complete(None, trial, result)
    return result["training_iteration"]


def test_a_converged_trial_of_ray_counts_as_finished():
    scheduler = scheduler_with()
    trial = new_trial(scheduler)
    n = run(scheduler, trial, SATURATING)
    assert n == first_converged(SATURATING)  # as in Optuna
    assert scheduler._search.histories[trial.trial_id].state == "converged"
    assert scheduler.stops[trial.trial_id].converged
    assert scheduler._search.incumbent() == SATURATING[n - 1]
    assert [len(c) for c in scheduler._search.view().finished] == [n]
    assert f"0 of 1 trials stopped, 1 converged, {H - n} steps" in scheduler.debug_string()
    poor = new_trial(scheduler)
    run(scheduler, poor, [0.01 * k for k in range(H)])
    assert scheduler._search.histories[poor.trial_id].state == "stopped"
    assert not scheduler.stops[poor.trial_id].converged


def test_results_buffered_behind_its_end_count_and_are_not_judged():
    scheduler = scheduler_with()
    trial = new_trial(scheduler)
    n = run(scheduler, trial, SATURATING)
    assert scheduler.on_trial_result(None, trial, results([0.95], start=n + 1)[0]) == STOP
    assert scheduler._search.histories[trial.trial_id].state == "converged"
    assert scheduler._search.incumbent() == 0.95


def test_without_min_gain_ray_goes_on():
    scheduler = scheduler_with(min_gain=None)
    assert run(scheduler, new_trial(scheduler), SATURATING) == H
    assert "converged" not in scheduler.debug_string()


def test_the_record_tells_converged_from_stopped(storage):
    scheduler = scheduler_with()
    trial = trial_with_folder(scheduler, storage)
    n = run(scheduler, trial, SATURATING)
    assert record_of(trial).state_at(n) == "converged"
    assert "converged" in record_of(trial).reason
    again = scheduler_with()
    again.on_trial_add(None, after_a_restart(trial, results(SATURATING[:n]), Trial.TERMINATED))
    assert again._search.incumbent() == SATURATING[n - 1]
    assert "0 of 1 trials stopped, 1 converged" in again.debug_string()


def test_a_converged_trial_in_a_folder_has_finished(tmp_path):
    search = Search(tmp_path / "search")
    (search.add([0.5, 0.9, 0.9]) / CONVERGED_FILE).write_text(
        '{"step": 3, "reason": "converged: P", "config": {"horizon": 6, "min_gain": 0.01}}'
    )
    search.add([0.1], stop={"step": 1, "reason": "P(beat", "config": {"horizon": 6}})
    study = read_folder(search.finish(), "accuracy", "max")
    assert [trial.state for trial in study.trials] == ["finished", "stopped"]
    assert [trial.reason for trial in study.trials] == [None, "P(beat"]
    assert study.best("best") == 0.9


def test_alone_in_a_folder_too(tmp_path):
    """Without any record, trials that ended before the horizon would count as stopped."""
    search = Search(tmp_path / "search")
    (search.add([0.5, 0.9, 0.9]) / CONVERGED_FILE).write_text('{"step": 3, "config": {"horizon": 6}}')
    study = read_folder(search.finish(), "accuracy", "max")
    assert [trial.state for trial in study.trials] == ["finished"]
    assert study.horizon == 6


def test_ray_continues_where_nothing_is_due():
    scheduler = scheduler_with(interval_steps=100)
    assert scheduler.on_trial_result(None, new_trial(scheduler), results([0.5])[0]) == GO
