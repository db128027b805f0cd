"""What the scheduler puts on record of a trial, and what a restored search makes of it."""

import logging
from pathlib import Path

import pytest
from ray.tune.experiment import Trial

from lcstop_ray import TRIAL_FILE
from lcstop_ray.trial_record import TrialRecord
from tests.lcstop_ray.ray_trials import (
    FAIR,
    GO,
    GOOD,
    POOR,
    STOP,
    after_a_restart,
    feed,
    finish,
    judgements_of,
    lines_of,
    new_trial,
    record_of,
    results,
    run,
    state_of,
    trial_with_folder,
)

# --- the file -----------------------------------------------------------------------------------------------


def test_the_record_has_the_search_each_judgement_and_the_end(make, storage):
    scheduler = make(patience=2, interval_steps=2)
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    assert feed(scheduler, trial, results(POOR))[-1] == STOP
    first, *judged, end = lines_of(trial)
    assert {name: first[name] for name in ("time_attr", "metric", "mode")} == {
        "time_attr": "training_iteration",
        "metric": "accuracy",
        "mode": "max",
    }
    assert first["options"] == scheduler.config.model_dump()
    assert [line["verdict"] for line in judged] == ["go on", "stop"]
    assert all(0 <= line["probability"] <= line["threshold"] < 1 for line in judged)
    assert judged[-1]["reason"] == scheduler.stops[trial.trial_id].reason
    assert "reason" not in judged[0]
    assert (end["state"], end["step"]) == ("stopped", judged[-1]["step"])
    assert record_of(trial).judgements == judgements_of(scheduler, trial)


def test_a_judgement_is_one_write(make, storage, monkeypatch):
    writes = []
    open_ = Path.open

    def opened(path, *args, **kwargs):
        writes.append(path.name)
        return open_(path, *args, **kwargs)

    scheduler = make(patience=99)
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    monkeypatch.setattr(Path, "open", opened)
    for n, result in enumerate(results(FAIR), 1):
        before = len(judgements_of(scheduler, trial)), len(writes)
        scheduler.on_trial_result(None, trial, result)
        assert len(writes) - before[1] == len(judgements_of(scheduler, trial)) - before[0] + (n == 1)
    assert len(writes) > 3


def test_a_record_that_cannot_be_written_harms_nothing_and_is_told_of_once(make, storage, caplog):
    scheduler = make()
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    Path(trial.local_path, TRIAL_FILE).mkdir()
    with caplog.at_level(logging.WARNING):
        assert feed(scheduler, trial, results(POOR)) == [GO, STOP]
    (message,) = [text for text in caplog.messages if "was not stored" in text]
    assert message.startswith(f"what was decided on trial {trial.trial_id} was not stored: IsADirectoryError")


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "null", '{"kind": "judgement"}', '{"kind": "end", "state": 3}']
)
def test_damaged_lines_are_left_out(make, storage, damage):
    scheduler = make()
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    feed(scheduler, trial, results(POOR))
    text = Path(trial.local_path, TRIAL_FILE).read_text()
    first, rest = text.split("\n", 1)
    whole, damaged = TrialRecord.parse(text), TrialRecord.parse(f"{first}\n{damage}\n{rest}")
    assert (damaged.judgements, damaged.state_at(2)) == (whole.judgements, whole.state_at(2))
    assert TrialRecord.parse(damage) is None
    assert TrialRecord.parse(text.replace('"version": 1', '"version": 99')) is None


# --- how trials end -----------------------------------------------------------------------------------------


def test_how_a_trial_has_ended_is_what_the_scheduler_saw(make, storage):
    """Ray tells it of its own ends, its stop criteria, failures and removals, and of nothing else."""
    scheduler = make()
    done, failed, removed, asked_to_end, cut_off = (trial_with_folder(scheduler, storage) for _ in range(5))
    for trial in (done, failed, removed, asked_to_end, cut_off):
        run(scheduler, trial, results(GOOD[:4]))
    scheduler.on_trial_complete(None, done, results(GOOD)[3] | {"done": True})
    scheduler.on_trial_error(None, failed)
    scheduler.on_trial_remove(None, removed)
    scheduler.on_trial_complete(None, asked_to_end, results(GOOD)[3] | {"done": False})  # as by TuneServer
    states = [record_of(trial).state_at(4) for trial in (done, failed, removed, asked_to_end, cut_off)]
    assert states == ["finished", "failed", "cut off", "cut off", None]


@pytest.mark.parametrize("completed", [True, False])
def test_a_trial_that_was_cut_off_is_no_incumbent(make, storage, completed):
    """By a time budget, fail_fast, Ctrl-C, or a restore that leaves unfinished trials: Ray calls no hook."""
    scheduler = make()
    trial = trial_with_folder(scheduler, storage)
    run(scheduler, trial, results(GOOD[:4]))
    if completed:
        scheduler.on_trial_complete(None, trial, results(GOOD)[3])
    restored = make()
    restored.on_trial_add(None, after_a_restart(trial, results(GOOD[:4]), Trial.TERMINATED))
    assert state_of(restored, trial) == ("finished" if completed else "cut off")
    assert restored._search.incumbent() == (GOOD[3] if completed else None)
    view = restored._search.view()
    assert (len(view.finished), len(view.unfinished)) == ((1, 0) if completed else (0, 1))
    assert (view.n_stopped, view.n_ended) == (0, 1)


def test_without_a_record_terminated_means_finished(make, storage):
    scheduler = make()
    trial = trial_with_folder(scheduler, storage)
    restored = make()
    restored.on_trial_add(None, after_a_restart(trial, results(GOOD[:4]), Trial.TERMINATED))
    assert state_of(restored, trial) == "finished"


def test_a_stop_that_the_trial_outlived_is_no_end(make, storage):
    """The driver died before Ray had stored the stop; the trial went on elsewhere and was then cut off."""
    scheduler = make()
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    assert feed(scheduler, trial, results(POOR)) == [GO, STOP]
    restored = make()
    restored.on_trial_add(None, after_a_restart(trial, results(POOR[:7]), Trial.TERMINATED))
    assert state_of(restored, trial) == "cut off"


def test_a_trial_whose_stop_ray_had_not_stored_is_told_again(make, storage):
    scheduler = make()
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    assert feed(scheduler, trial, results(POOR)) == [GO, STOP]
    restored = make()
    finish(restored)
    again = after_a_restart(trial, results(POOR[:2]), checkpoint=2)
    restored.on_trial_add(None, again)
    assert feed(restored, again, results(POOR[2:], start=3)) == [STOP]
    assert restored.stops[trial.trial_id].reason == "told to stop at step 2"
    assert len(judgements_of(restored, trial)) == 1
    assert record_of(again).state_at(3) == "stopped"


def test_converged_trials_count_for_the_audit_before_a_restart_too(make):
    scheduler = make(audit=1.0)
    finish(scheduler)
    trial = new_trial(scheduler)
    history = scheduler._search.histories[trial.trial_id]
    for _ in range(10):
        feed(scheduler, new_trial(scheduler), results(POOR))
    run(scheduler, trial, results(POOR))
    assert history.suppressed_stop is not None
    history.state = "converged"
    scheduler._search._table.changed.add(trial.trial_id)
    assert scheduler.audit.n == 1
