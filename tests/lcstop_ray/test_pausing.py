"""Trials of a Ray Tune search that wait and go on later."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.result import SHOULD_CHECKPOINT
from ray.tune.schedulers import TrialScheduler

from lcstop_ray import LCPFNScheduler
from lcstop_ray.search_pausing import SearchPausing, _saves_itself
from tests.lcstop_ray.pausing_controller import Controller
from tests.lcstop_ray.ray_trials import new_trial, record_of, results, run, state_of

H = 25
LEVELS = np.random.default_rng(5).uniform(0.2, 0.9, 80).tolist()
GO, PAUSE, STOP = TrialScheduler.CONTINUE, TrialScheduler.PAUSE, TrialScheduler.STOP


def rising(level: float, step: int) -> float:
    return level * (1 - 0.75**step) + 0.002 * ((step * 7919) % 13) / 13


def scheduler_of(**options) -> LCPFNScheduler:
    return LCPFNScheduler(metric="accuracy", mode="max", horizon=H, **{"pause": True, **options})


def search(storage=None, n=24, scheduler=None, **options) -> Controller:
    return Controller(scheduler or scheduler_of(), LEVELS[:n], rising, H, storage, **options)


def states(controller) -> list[str]:
    return [history.state for history in controller.scheduler._search.histories.values()]


def test_a_search_ends_with_its_best_trial_trained_to_the_end_and_trains_nothing_twice(storage):
    controller = search(storage)
    controller.run()
    assert set(states(controller)) == {"finished", "stopped"}
    best = controller.trials[int(np.argmax(LEVELS[:24]))]
    assert state_of(controller.scheduler, best) == "finished"
    assert all(steps == [*range(1, len(steps) + 1)] for steps in controller.steps.values())
    records = [record_of(trial) for trial in controller.trials]
    verdicts = [[judged.verdict for judged in record.judgements] for record in records]
    assert sum("resume" in found for found in verdicts) >= 5
    stopped = [record for record in records if record.end == "stopped"]
    assert stopped
    assert all(record.judgements[-1].verdict == "stop" for record in stopped)
    assert all("no new trial can be started" in record.reason for record in stopped)
    found = controller.scheduler.certificate
    assert found.expected_lost == pytest.approx(sum(record.judgements[-1].p_best for record in stopped))
    stopped_ids = {trial.trial_id for trial in controller.trials if record_of(trial).end == "stopped"}
    assert controller.marked
    assert controller.marked <= stopped_ids  # so that Ray stores that they have ended
    assert len(controller.scheduler.stops) == len(stopped)


@pytest.mark.parametrize("every", [1, 3, 7])
@pytest.mark.parametrize("workers", [1, 4])
def test_a_function_is_paused_only_at_a_result_that_carries_a_checkpoint(every, workers):
    controller = search(every=every, workers=workers)  # the controller checks it
    controller.run()
    assert set(states(controller)) <= {"finished", "stopped"}
    assert all(steps == [*range(1, len(steps) + 1)] for steps in controller.steps.values())


def test_trials_without_checkpoints_are_never_paused_and_that_is_told_once(caplog):
    controller = search(every=0)
    with caplog.at_level(logging.WARNING, "lcstop_ray"):
        controller.run()
    told = [record.getMessage() for record in caplog.records if "without a checkpoint" in record.getMessage()]
    assert len(told) == 1
    assert "pass checkpoint= to tune.report" in told[0]
    assert "finished" in states(controller)


def test_without_pause_no_decision_differs_and_trials_run_in_their_order():
    found = []
    for options in ({"pause": False}, {}):
        scheduler = LCPFNScheduler(metric="accuracy", mode="max", horizon=H, **options)
        controller = search(scheduler=scheduler)
        controller.run()
        assert controller._max_pending_trials == 200
        found.append((controller.steps, states(controller), repr(sorted(scheduler.stops.items()))))
    assert found[0] == found[1]


def test_a_class_that_saves_itself_can_wait_at_any_result():
    class Saving(tune.Trainable):
        def save_checkpoint(self, checkpoint_dir):
            return checkpoint_dir

    class Silent(tune.Trainable):
        pass

    trial = new_trial()
    for kind, saves in (
        (Saving, True),
        (Silent, False),
        (tune.trainable.wrap_function(print_nothing), False),
    ):
        trial.get_trainable_cls = lambda kind=kind: kind
        assert _saves_itself(trial, {}) is saves
        assert _saves_itself(trial, {SHOULD_CHECKPOINT: True})


def print_nothing(config):
    """A function trainable."""


def test_the_best_of_a_rung_goes_on_without_a_pause():
    scheduler = scheduler_of()
    answers = []
    for level in (0.3, 0.4, 0.5, 0.9):
        trial = new_trial(scheduler)
        reports = [
            {**result, SHOULD_CHECKPOINT: True} for result in results([rising(level, 1), rising(level, 2)])
        ]
        answers.append(run(scheduler, trial, reports))
    assert [found[-1] for found in answers] == [PAUSE, PAUSE, PAUSE, GO]


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_driver_loses_no_trial_that_waits(storage, seed):
    controller = search(storage)
    rng = np.random.default_rng(seed)
    for _ in range(3):
        for _ in range(int(rng.integers(5, 40))):
            if not controller.is_finished:
                controller.step()
        waiting = {trial.trial_id for trial in controller.trials if trial.status == Trial.PAUSED}
        controller = controller.restored(scheduler_of())
        assert {trial.trial_id for trial in controller.trials if trial.status == Trial.PAUSED} == waiting
    controller.run()
    assert set(states(controller)) == {"finished", "stopped"}
    assert all(steps == [*range(1, len(steps) + 1)] for steps in controller.steps.values())


def test_a_driver_that_is_killed_while_30_trials_wait(storage):
    controller, n_waiting = search(storage, n=80), []
    while sum(trial.status == Trial.PAUSED for trial in controller.trials) < 30:
        controller.step()
    for _ in range(3):
        waiting = {trial.trial_id for trial in controller.trials if trial.status == Trial.PAUSED}
        n_waiting.append(len(waiting))
        controller = controller.restored(scheduler_of())
        assert {trial.trial_id for trial in controller.trials if trial.status == Trial.PAUSED} == waiting
        for _ in range(20):
            controller.step()
    controller.run()
    assert min(n_waiting) >= 30
    assert set(states(controller)) == {"finished", "stopped"}
    assert all(steps == [*range(1, len(steps) + 1)] for steps in controller.steps.values())
    best = controller.trials[int(np.argmax(LEVELS))]
    assert len(controller.steps[best.trial_id]) == H


def test_the_rule_sees_the_same_of_trials_that_wait_after_a_restart(storage):
    killed = search(storage)
    for _ in range(30):
        killed.step()
    waiting = [trial.trial_id for trial in killed.trials if trial.status == Trial.PAUSED]
    assert len(waiting) > 3
    seen = {key: value[1] for key, value in killed.scheduler._pausing._seen.items() if key in waiting}
    again = killed.restored(scheduler_of())
    again.scheduler._pausing._trials()
    assert {key: again.scheduler._pausing._seen[key][1] for key in waiting} == seen


def test_a_trial_that_fails_is_tried_again_from_its_checkpoint(storage):
    controller = search(storage)
    for i in range(60):
        if controller.is_finished:
            break
        controller.step()
        if i % 5 == 4 and controller.running:
            controller.fail(controller.running[0], again=i % 10 == 4)
            if controller.trials[-1].status == Trial.PENDING:
                controller.trials[-1].is_fresh = True
    controller.run()
    assert set(states(controller)) <= {"finished", "stopped", "failed"}


def test_a_trial_that_something_else_has_paused_goes_on_first():
    controller = search(workers=3)
    for _ in range(10):
        controller.step()
    trial = controller.running.pop()
    trial.set_status(Trial.PAUSED)
    trial.is_fresh = True
    assert controller.scheduler.choose_trial_to_run(controller) is trial


def test_trials_that_wait_make_room_where_few_may_be_alive():
    controller = search(max_live=4, workers=4)
    controller.run()
    assert controller.n_added == 24
    assert set(states(controller)) == {"finished", "stopped"}


def test_one_new_trial_is_prepared_at_a_time_unless_the_user_says_otherwise(monkeypatch):
    controller = search()
    controller.step()
    assert controller._max_pending_trials == 1
    monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", "7")
    controller = search()
    controller.step()
    assert controller._max_pending_trials == 200


def test_a_decision_looks_only_at_the_trials_that_have_changed(monkeypatch):
    looks, controller = [], search()
    look = SearchPausing._look
    monkeypatch.setattr(
        SearchPausing, "_look", lambda self, history: looks.append(history) or look(self, history)
    )
    controller.run()
    n_results = sum(map(len, controller.steps.values()))
    assert len(looks) < 4 * n_results


def test_if_choosing_fails_trials_run_in_their_order(monkeypatch, caplog):
    def fail(*args, **options):
        raise RuntimeError("no choice today")

    monkeypatch.setattr("lcstop_ray.search_pausing.next_move", fail)
    controller = search(n=8)
    controller.run()
    assert sum("no choice today" in record.getMessage() for record in caplog.records) >= 1
    assert set(states(controller)) <= {"finished", "stopped"}
    assert not any(trial.status == Trial.PAUSED for trial in controller.trials)


def test_converged_and_diverged_trials_end_at_once():
    scheduler = scheduler_of(min_gain=0.5)
    controller = search(scheduler=scheduler)
    controller.run()
    assert "converged" in states(controller)
    scheduler = scheduler_of()
    trial = new_trial(scheduler)
    nan = float("nan")
    assert run(scheduler, trial, results([0.1, nan, nan, nan]))[-1] in (GO, STOP)


def test_the_progress_report_counts_those_that_wait():
    controller = search()
    for _ in range(12):
        controller.step()
    n = states(controller).count("waiting")
    assert n > 2
    assert f", {n} waiting, " in controller.scheduler.debug_string()


def test_the_state_that_is_saved_knows_those_that_wait(tmp_path):
    controller = search()
    for _ in range(12):
        controller.step()
    controller.scheduler.save(str(tmp_path / "state.json"))
    other = scheduler_of()
    other.restore(str(tmp_path / "state.json"))
    assert [history.state for history in other._search.histories.values()] == states(controller)
