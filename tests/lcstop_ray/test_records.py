"""A new scheduler reads the files of an earlier run."""

import json
import logging
import math
from pathlib import Path

import numpy as np
import pytest
from ray.tune.experiment import Trial

from lcstop_ray import STOPPED_FILE
from tests.lcstop_ray.ray_trials import (
    GO,
    GOOD,
    POOR,
    STOP,
    H,
    feed,
    finish,
    json_lines,
    new_trial,
    old_trial,
    record_of,
    results,
)


def csv_lines(reports) -> str:
    return "accuracy,training_iteration\n" + "".join(
        f"{result['accuracy']},{result['training_iteration']}\n" for result in reports
    )


def stopped_file(step) -> dict[str, str]:
    return {STOPPED_FILE: json.dumps({"step": step, "reason": "poor"})}


def states(scheduler) -> list[str]:
    return [history.state for history in scheduler._search.histories.values()]


@pytest.mark.parametrize(
    "files",
    [
        {"result.json": json_lines(results(GOOD)), "progress.csv": csv_lines(results([0.0] * H))},
        {"result.json": "", "progress.csv": csv_lines(results(GOOD))},
        {"result.json": json_lines(results([0.2] * 5) + results(GOOD))},  # a retried trial
        {"result.json": json_lines(results(GOOD)) + '{"training_iter'},  # cut off
    ],
)
def test_an_old_trial_is_known_from_its_records(make, storage, files):
    scheduler = make()
    scheduler.on_trial_add(None, old_trial(storage, files=files))
    assert scheduler._search.incumbent() == GOOD[-1]
    (curve,) = scheduler._search.view().finished
    assert curve.values.tolist() == GOOD
    assert feed(scheduler, new_trial(scheduler), results(POOR)) == [GO, STOP]


def test_an_old_trial_is_known_from_its_metric_analysis(make, storage):
    scheduler = make()
    trial = old_trial(storage)
    for result in results([0.2, 0.8, 0.5]):
        trial.update_last_result(result)
    scheduler.on_trial_add(None, trial)
    assert scheduler._search.incumbent() == 0.8


def test_the_last_result_is_added_where_the_file_lacks_it(make, storage):
    scheduler = make()
    trial = old_trial(storage, files={"result.json": json_lines(results(GOOD[:-1]))})
    trial.run_metadata.last_result = results(GOOD)[-1] | {"done": True}
    scheduler.on_trial_add(None, trial)
    assert scheduler._search.incumbent() == GOOD[-1]


def test_nan_and_nested_metrics_on_record(make, storage):
    scheduler = make(metric="val/acc")
    text = '{"training_iteration": 1, "val": {"acc": 0.3}}\n{"training_iteration": 2, "val": {"acc": NaN}}\n'
    text += '{"training_iteration": 3, "val": {"acc": "null"}}\n'
    scheduler.on_trial_add(None, old_trial(storage, files={"result.json": text}))
    (curve,) = scheduler._search.view().finished
    np.testing.assert_array_equal(curve.values, [0.3, math.nan, math.nan])


def test_stopped_failed_and_unfinished_old_trials(make, storage):
    scheduler = make()
    file = {"result.json": json_lines(results([0.5, 0.95]))}
    scheduler.on_trial_add(None, old_trial(storage, files=file | stopped_file(2)))
    scheduler.on_trial_add(None, old_trial(storage, Trial.ERROR, files=file))
    scheduler.on_trial_add(None, old_trial(storage, Trial.PENDING, files=file))
    scheduler.on_trial_add(None, old_trial(storage, Trial.PENDING, files=file, checkpoint=1))
    assert states(scheduler) == ["stopped", "failed", "running", "running"]
    view = scheduler._search.view()
    assert not len(view.finished)
    # The third starts again without a checkpoint: the others still know what it had reported.
    assert [curve.values.tolist() for curve in view.unfinished] == [[0.5, 0.95], [0.5, 0.95], [0.5]]
    assert "1 of 4 trials stopped, 10 steps" in scheduler.debug_string()


def test_a_stop_that_the_trial_outlived_does_not_count(make, storage):
    """The driver died before Ray had stored the stop, and the trial went on to the horizon."""
    scheduler = make()
    file = {"result.json": json_lines(results(GOOD))}
    scheduler.on_trial_add(None, old_trial(storage, files=file | stopped_file(2)))
    assert states(scheduler) == ["finished"]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"step": null}'])
def test_damaged_records_are_not_fatal(make, storage, damage):
    scheduler = make()
    files = {"result.json": json_lines(results(GOOD)), STOPPED_FILE: damage}
    scheduler.on_trial_add(None, old_trial(storage, files=files))
    scheduler.on_trial_add(None, old_trial(storage, files={"result.json": "\x00", "progress.csv": "\x00"}))
    assert scheduler._search.incumbent() == GOOD[-1]


def test_a_stop_is_put_on_record(make, storage):
    scheduler = make()
    finish(scheduler)
    trial = old_trial(storage, Trial.PENDING)
    trial.init_local_path()
    scheduler.on_trial_add(None, trial)
    assert feed(scheduler, trial, results(POOR)) == [GO, STOP]
    record = record_of(trial)
    assert (record.state_at(2), record.end_step) == ("stopped", 2)
    assert record.reason.startswith("stopped at step ")


def test_a_stop_that_cannot_be_put_on_record_is_a_stop(make, storage, caplog):
    scheduler = make()
    finish(scheduler)
    trial = old_trial(storage, Trial.PENDING)
    trial.storage.trial_dir_name = "missing"
    scheduler.on_trial_add(None, trial)
    with caplog.at_level(logging.WARNING):
        assert feed(scheduler, trial, results(POOR)) == [GO, STOP]
    assert "was not stored" in caplog.text


def test_saved_state_and_records_together(make, storage, tmp_path):
    """A trial has gone on since the scheduler was saved."""
    scheduler = make()
    trial = old_trial(storage, Trial.PENDING)
    scheduler.on_trial_add(None, trial)
    for result in results(GOOD)[:5]:
        scheduler.on_trial_result(None, trial, result)
    scheduler.save(str(tmp_path / "early.json"))
    Path(trial.path, "result.json").write_text(json_lines(results(GOOD)))
    trial.set_status(Trial.TERMINATED)
    restored = make()
    restored.restore(str(tmp_path / "early.json"))
    restored.on_trial_add(None, trial)
    assert restored._search.incumbent() == max(GOOD)


def test_a_saved_stop_stands_without_its_file(make, storage, tmp_path):
    scheduler = make()
    finish(scheduler)
    trial = old_trial(storage, Trial.PENDING)
    scheduler.on_trial_add(None, trial)
    assert feed(scheduler, trial, results(POOR)) == [GO, STOP]
    scheduler.save(str(tmp_path / "saved.json"))
    trial.set_status(Trial.TERMINATED)
    restored = make()
    restored.restore(str(tmp_path / "saved.json"))
    restored.on_trial_add(None, trial)
    assert restored._search.histories[trial.trial_id].state == "stopped"


def test_a_result_buffered_behind_a_stop_does_not_undo_it(make, storage):
    scheduler = make()
    finish(scheduler)
    trial = old_trial(storage, Trial.PENDING)
    trial.init_local_path()
    scheduler.on_trial_add(None, trial)
    for result in results(POOR)[:2]:
        decision = scheduler.on_trial_result(None, trial, result)
    assert decision == STOP
    scheduler.on_trial_complete(None, trial, {"training_iteration": 3, "accuracy": 0.99})
    assert (record_of(trial).end_step, record_of(trial).state_at(3)) == (3, "stopped")
    assert scheduler._search.incumbent() < 0.99


@pytest.mark.parametrize(
    "odd", ['{"training_iteration": 5, "accuracy": 1' + "0" * 400 + "}", "[]", "nonsense"]
)
def test_one_odd_row_does_not_lose_the_trial(make, storage, odd):
    scheduler = make()
    files = {"result.json": json_lines(results(GOOD)[:4]) + odd + "\n" + json_lines(results(GOOD)[5:])}
    scheduler.on_trial_add(None, old_trial(storage, files=files))
    assert scheduler._search.incumbent() == max(GOOD)


@pytest.mark.torch
def test_scalars_of_torch_and_text_mean_on_record_what_they_meant_live(make, storage):
    import torch

    scheduler = make()
    as_text = [result | {"accuracy": str(torch.tensor(result["accuracy"]))} for result in results(GOOD)]
    scheduler.on_trial_add(None, old_trial(storage, files={"result.json": json_lines(as_text)}))
    assert scheduler._search.incumbent() == pytest.approx(max(GOOD), abs=1e-4)
    scheduler = make()
    as_text = [result | {"accuracy": str(result["accuracy"])} for result in results(GOOD)]
    scheduler.on_trial_add(None, old_trial(storage, files={"result.json": json_lines(as_text)}))
    assert scheduler._search.incumbent() is None


def test_the_last_result_past_the_horizon_counts(make):
    scheduler = make(time_attr="time_total_s", horizon=60)
    trial = new_trial(scheduler)
    for seconds, value in ((25.1, 0.5), (50.3, 0.7)):
        scheduler.on_trial_result(None, trial, {"time_total_s": seconds, "accuracy": value})
    scheduler.on_trial_complete(None, trial, {"time_total_s": 75.2, "accuracy": 0.9})
    assert scheduler._search.incumbent() == 0.9


def test_a_removed_trial_is_cut_off_and_no_longer_stopped(make):
    scheduler = make()
    finish(scheduler)
    trial = new_trial(scheduler)
    feed(scheduler, trial, results(POOR))
    assert list(scheduler.stops) == [trial.trial_id]
    scheduler.on_trial_remove(None, trial)
    assert not scheduler.stops
    assert scheduler._search.histories[trial.trial_id].state == "cut off"
    assert len(scheduler._search.view().finished) == len(scheduler._search.view().unfinished) == 1


def test_no_hook_raises_into_the_event_loop(make):
    scheduler = make()
    trial = new_trial(scheduler)
    scheduler.on_trial_complete(None, trial, None)
    scheduler.on_trial_result(None, trial, {"training_iteration": 0.0, "accuracy": 0.1})
    scheduler.on_trial_result(None, trial, {"training_iteration": 1e-17, "accuracy": 0.1})
    assert "LCPFNScheduler" in scheduler.debug_string()


def test_a_trial_that_ends_without_a_result_has_finished(make):
    scheduler = make()
    trial = new_trial(scheduler)
    scheduler.on_trial_result(None, trial, results([0.7])[0])
    scheduler.on_trial_complete(None, trial, None)
    assert states(scheduler) == ["finished"]
    assert scheduler._search.incumbent() == 0.7
