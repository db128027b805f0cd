"""The audit and the shadow mode in Ray Tune searches, from the scheduler's hooks to the results folder."""

import json
import logging

from ray.tune.experiment import Trial

from lcstop.pruning.suppressed_stop import SuppressedStop
from lcstop_ray import AUDIT_FILE, read_folder
from tests.lcstop_ray.ray_trials import (
    GO,
    GOOD,
    POOR,
    STOP,
    H,
    after_a_restart,
    feed,
    finish,
    json_lines,
    new_trial,
    old_trial,
    record_of,
    results,
    trial_with_folder,
)

LATE = [*POOR[:-1], 0.95]


def search(make, n_stopped: int = 10, **options):
    """A scheduler that has already stopped ``n_stopped`` trials."""
    scheduler = make(**options)
    finish(scheduler)
    for _ in range(n_stopped):
        feed(scheduler, new_trial(scheduler), results(POOR))
    return scheduler


def test_audited_trials_run_to_their_end_and_are_counted(make, caplog):
    scheduler = search(make, audit=1.0)
    assert len(scheduler.stops) == 10
    assert "no audited trial has ended" in scheduler.debug_string()
    with caplog.at_level(logging.INFO, "lcstop_ray"):
        for values in (POOR, LATE, POOR):
            assert feed(scheduler, new_trial(scheduler), results(values)) == [GO] * H
    assert len(caplog.records) == 3
    assert f"would be stopped at step 2 of {H}: " in caplog.text
    assert "audited, so it goes on" in caplog.text
    assert len(scheduler.stops) == 10
    assert (scheduler.audit.n, scheduler.audit.won) == (3, 1)
    assert "1 of 3 audited trials would have been wrongly stopped (33.3 %" in scheduler.debug_string()


def test_who_is_audited_hangs_on_the_name_alone(make):
    gone = []
    for _ in range(2):
        scheduler = search(make, audit=0.2)
        names = [f"1a2b3_{i:05d}" for i in range(40)]
        for name in names:
            trial = Trial("trainable", stub=True, trial_id=name)
            scheduler.on_trial_add(None, trial)
            feed(scheduler, trial, results(POOR))
        gone.append([name for name in names if name not in scheduler.stops])
    assert gone[0] == gone[1]
    assert 2 < len(gone[0]) < 20


def test_the_mark_is_in_the_trials_folder_and_read_again(make, storage):
    scheduler = search(make, audit=1.0)
    trial = trial_with_folder(scheduler, storage)
    assert feed(scheduler, trial, results(LATE)) == [GO] * H
    record = record_of(trial)
    stop = record.suppressed_stop(H)
    assert (stop.step, stop.to_beat, stop.kind) == (2, GOOD[-1], "audit")
    assert stop.reason.endswith("audited, so it goes on")
    assert record.options == scheduler.config.model_dump()
    restored = make(audit=1.0)
    restored.on_trial_add(None, after_a_restart(trial, results(LATE), Trial.TERMINATED))
    assert (restored.audit.n, restored.audit.won) == (1, 1)


def test_the_mark_of_the_first_release_is_read(make, storage):
    text = json.dumps({**SuppressedStop(2.0, GOOD[-1], "audit", "poor").to_json(), "config": {}})
    restored = make(audit=1.0)
    files = {"result.json": json_lines(results(LATE)), AUDIT_FILE: text}
    restored.on_trial_add(None, old_trial(storage, files=files))
    assert (restored.audit.n, restored.audit.won) == (1, 1)
    files[AUDIT_FILE] = text[:20]  # damaged
    restored.on_trial_add(None, old_trial(storage, files=files))
    assert restored.audit.n == 1


def test_saved_and_restored(make, tmp_path):
    scheduler = search(make, audit=1.0)
    feed(scheduler, new_trial(scheduler), results(LATE))
    running = new_trial(scheduler)
    assert [scheduler.on_trial_result(None, running, result) for result in results(POOR)[:3]] == [GO] * 3
    scheduler.save(str(tmp_path / "saved.json"))
    restored = make(audit=1.0)
    restored.restore(str(tmp_path / "saved.json"))
    assert restored.audit == scheduler.audit
    assert (restored.audit.n, restored.audit.won) == (1, 1)
    assert [restored.on_trial_result(None, running, result) for result in results(POOR)[3:5]] == [GO] * 2
    suppressed_stops = [s._search.histories[running.trial_id].suppressed_stop for s in (scheduler, restored)]
    assert suppressed_stops[0] == suppressed_stops[1]
    assert suppressed_stops[0].step == 2  # the first judgement that says stop


def test_a_trial_that_fails_or_runs_does_not_count(make):
    scheduler = search(make, audit=1.0)
    failed, running = new_trial(scheduler), new_trial(scheduler)
    for trial in (failed, running):
        for result in results(POOR)[:4]:
            assert scheduler.on_trial_result(None, trial, result) == GO
    scheduler.on_trial_error(None, failed)
    assert scheduler.audit.n == 0


def test_the_search_becomes_more_careful_by_its_record(make):
    scheduler = search(make, audit=1.0)
    for i in range(4):
        assert len(feed(scheduler, new_trial(scheduler), results([*POOR[:-1], 0.93 + i / 100]))) == H
    scheduler._search.core = make(audit=0)._core
    trial = new_trial(scheduler)
    assert feed(scheduler, trial, results(POOR))[-1] == STOP
    assert "; at confidence 0.99375, since 4 of 4 audited trials" in scheduler.stops[trial.trial_id].reason


# --- shadow mode ------------------------------------------------------------------------------------------


def test_shadow_mode_stops_nothing_and_records_everything(make, storage):
    scheduler = search(make, n_stopped=5, shadow=True)
    trial = trial_with_folder(scheduler, storage)
    assert feed(scheduler, trial, results(LATE)) == [GO] * H
    assert feed(scheduler, new_trial(scheduler), results([float("nan")] * H)) == [GO] * H
    assert not scheduler.stops
    line = scheduler.debug_string()
    assert "0 of 8 trials stopped, 7 would have been in shadow mode" in line
    assert "1 of 7 audited trials would have been wrongly stopped" in line
    assert record_of(trial).suppressed_stop(H).kind == "shadow"


def test_a_results_folder_in_shadow_mode_is_read_as_one_that_was_watched(tmp_path):
    stop = SuppressedStop(2.0, 0.9, "shadow", "poor")
    content = {**stop.to_json(), "config": {"horizon": H, "shadow": True}}
    for i, values in enumerate((GOOD, LATE, POOR[:5])):
        place = tmp_path / "search" / f"trial_{i}"
        place.mkdir(parents=True)
        (place / "result.json").write_text(
            "".join(json.dumps({**result, "done": True}) + "\n" for result in results(values))
        )
        if i == 1:
            (place / AUDIT_FILE).write_text(json.dumps(content))
    study = read_folder(tmp_path / "search", "accuracy", "max")
    assert study.options == content["config"]
    # The short trial ended by itself: the scheduler has no record of it.
    assert [trial.state for trial in study.trials] == ["finished"] * 3
    assert [trial.suppressed_stop for trial in study.trials] == [None, stop, None]
    assert study.trials[1].audited.won("maximize", "best")
