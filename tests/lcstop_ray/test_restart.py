"""A search goes on in another process: its records change no decision."""

import json
from pathlib import Path

import pytest

from lcstop.pruning.last_verdict import last_judgement
from lcstop_ray import TRIAL_FILE
from tests.lcstop_ray.ray_trials import (
    FAIR,
    GO,
    POOR,
    STOP,
    H,
    after_a_restart,
    feed,
    finish,
    judgements_of,
    lines_of,
    new_trial,
    record_of,
    results,
    run,
    trial_with_folder,
)

# --- a restart changes nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize("died_after", range(1, H))
@pytest.mark.parametrize("start", [0, 1])
def test_a_restart_changes_no_decision(make, storage, died_after, start):
    def decisions(restart: bool) -> list[str]:
        scheduler = make(patience=3, min_gain=0.001)
        finish(scheduler, start=start)
        trial = trial_with_folder(scheduler, storage)
        reports = results([0.3 + 0.01 * i for i in range(H)], start=start)
        found = run(scheduler, trial, reports[:died_after])
        if STOP in found:
            return found[: found.index(STOP) + 1]
        if restart:
            scheduler = make(patience=3, min_gain=0.001)
            finish(scheduler, start=start)
            last = reports[died_after - 1]["training_iteration"]
            trial = after_a_restart(trial, reports[:died_after], checkpoint=last)
            scheduler.on_trial_add(None, trial)
        found += feed(scheduler, trial, reports[died_after:])
        assert judgements_of(scheduler, trial)
        shift = 1 - start
        assert [one.step - shift for one in judgements_of(scheduler, trial)] == [
            one.step for one in record_of(trial).judgements
        ]
        return found

    assert decisions(restart=True) == decisions(restart=False)
    assert STOP in decisions(restart=True)


def test_a_question_that_could_not_be_judged_is_not_repeated_by_a_restart(make, storage):
    scheduler = make(n_startup_trials=5, horizon=1000)
    trial = trial_with_folder(scheduler, storage)
    run(scheduler, trial, results([0.1] * 100))
    asked = last_judgement(judgements_of(scheduler, trial)), judgements_of(scheduler, trial)[-1]
    assert asked[0] is None
    assert asked[1].why == "0 of 5 startup trials completed"
    restored = make(n_startup_trials=5, horizon=1000)
    again = after_a_restart(trial, results([0.1] * 100), checkpoint=100)
    restored.on_trial_add(None, again)
    n_lines = len(record_of(again).judgements) if Path(again.local_path, TRIAL_FILE).exists() else 0
    assert n_lines == 0
    assert judgements_of(restored, trial) == judgements_of(scheduler, trial)
    for result in results([0.1] * 12, start=101):
        assert [s.on_trial_result(None, t, result) for s, t in ((scheduler, trial), (restored, again))] == [
            GO,
            GO,
        ]
        assert judgements_of(restored, trial) == judgements_of(scheduler, trial)


def test_the_record_goes_on_in_a_new_folder(make, storage):
    """A new driver has an empty folder of its own, and Ray copies it over the one in the storage."""
    scheduler = make()
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    run(scheduler, trial, results(FAIR[:4]))
    lines = lines_of(trial)
    restored = make()
    finish(restored)
    again = after_a_restart(trial, results(FAIR[:4]), checkpoint=4)
    restored.on_trial_add(None, again)
    run(restored, again, results(FAIR[4:7], start=5))
    assert lines_of(again)[: len(lines)] == lines
    assert len(lines_of(again)) > len(lines)


# --- a trial starts again without a checkpoint --------------------------------------------------------------


def test_a_trial_that_starts_again_keeps_its_old_curve_for_the_others(make, storage):
    scheduler = make()
    trial = trial_with_folder(scheduler, storage)
    run(scheduler, trial, results(FAIR[:6]))

    def known(scheduler) -> list[float]:
        (curve,) = scheduler._search.view().unfinished
        return curve.values.tolist()

    again = [0.8 * value for value in FAIR]
    for _ in range(2):  # also when it is restored twice
        scheduler = make()
        trial = after_a_restart(trial, results(again[:2]) if _ else results(FAIR[:6]))
        scheduler.on_trial_add(None, trial)
        assert known(scheduler) == FAIR[:6]
        run(scheduler, trial, results(again[:3]))
        assert known(scheduler) == FAIR[:6]
        assert scheduler._search.histories[trial.trial_id].curve.values.tolist() == again[:3]
    run(scheduler, trial, results(again[3:7], start=4))
    assert known(scheduler) == again[:7]


def test_a_trial_that_is_tried_again_after_an_error_keeps_its_old_curve_for_the_others(make):
    scheduler = make()
    trial = new_trial(scheduler)
    run(scheduler, trial, results(FAIR[:6]))
    scheduler.on_trial_error(None, trial)
    assert not scheduler._search.view().unfinished  # it may have failed for good
    scheduler.on_trial_add(None, trial)
    again = [0.8 * value for value in FAIR]
    for n, known in ((0, FAIR[:6]), (2, FAIR[:6]), (7, again[:7])):
        run(scheduler, trial, results(again[:n]))
        (curve,) = scheduler._search.view().unfinished
        assert curve.values.tolist() == known
    assert scheduler._search.histories[trial.trial_id].curve.values.tolist() == again[:7]


def test_its_own_judgements_use_what_it_has_reported_since(make, storage):
    scheduler = make(patience=99)
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    run(scheduler, trial, results(FAIR[:6]))
    assert last_judgement(judgements_of(scheduler, trial)).step == 6
    restored, other = make(), make()
    finish(restored)
    finish(other)
    again = after_a_restart(trial, results(FAIR[:6]))
    restored.on_trial_add(None, again)
    fresh = new_trial(other)
    assert feed(restored, again, results(POOR)) == feed(other, fresh, results(POOR)) == [GO, STOP]
    assert judgements_of(restored, trial) == judgements_of(other, fresh)
    record = record_of(again)
    assert record.judgements == judgements_of(restored, trial)
    assert (record.earlier, record.state_at(2)) == ([*enumerate(FAIR[:6], 1)], "stopped")


@pytest.mark.parametrize(
    ("reported", "checkpoint", "goes_on", "kept"),
    [
        ([1, 2, 3, 4, 5, 6], 4, [6, 8], [1, 2, 3, 4, 6, 8]),  # it is evaluated at other steps than before
        ([1, 2, 3, 4, 5, 6], 4, [7, 8], [1, 2, 3, 4, 7, 8]),  # no step is reported again
        ([1, 2, 3, 4, 5, 6], 2, [5, 3, 4, 5], [1, 2, 3, 4, 5]),  # steps go back after that, as with folds
        ([1, 2, 3, 4, 5, 6], None, [1, 2, 3, 0, 1, 2], [0, 1, 2]),
    ],
)
def test_what_a_checkpoint_has_undone_does_not_come_back(make, storage, reported, checkpoint, goes_on, kept):
    def rows(steps):
        return [{"training_iteration": step, "accuracy": FAIR[step]} for step in steps]

    scheduler = make(patience=99)
    trial = trial_with_folder(scheduler, storage)
    run(scheduler, trial, rows(reported))
    restored = make(patience=99)
    again = after_a_restart(trial, rows(reported), checkpoint=checkpoint)
    restored.on_trial_add(None, again)
    run(restored, again, rows(goes_on))
    steps = list(restored._search.histories[trial.trial_id].steps)
    twice = make(patience=99)
    third = after_a_restart(again, rows([*reported, *goes_on]), checkpoint=kept[-1])
    twice.on_trial_add(None, third)
    assert (steps, list(twice._search.histories[trial.trial_id].steps)) == (kept, kept)
    run(twice, third, rows([kept[-1] + 1]))
    assert list(twice._search.histories[trial.trial_id].steps) == [*kept, kept[-1] + 1]


def test_a_trial_that_goes_on_from_a_checkpoint_of_its_own(make, storage):
    scheduler = make()
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    run(scheduler, trial, results(FAIR[:6]))
    again = after_a_restart(trial, results(FAIR[:6]))
    restored = make()
    finish(restored)
    restored.on_trial_add(None, again)
    run(restored, again, results(FAIR[6:9], start=7))
    history = restored._search.histories[trial.trial_id]
    assert history.curve.steps.tolist() == [7, 8, 9]
    assert history.known_curve.values.tolist() == FAIR[:9]
    # Ray goes on with the file of its results, or begins it anew.
    for reports in (results(FAIR[:9]), results(FAIR[6:9], start=7)):
        twice = make()
        place = Path(again.local_path, TRIAL_FILE)
        text = place.read_text()
        twice.on_trial_add(None, after_a_restart(again, reports, checkpoint=9))
        assert twice._search.histories[trial.trial_id].curve.steps.tolist() == [7, 8, 9]
        assert judgements_of(twice, trial) == judgements_of(restored, trial)
        place.write_text(text)


# --- who is audited -----------------------------------------------------------------------------------------


def test_the_audit_is_drawn_by_the_folder_of_the_search_and_the_trial(make, storage):
    scheduler = make()
    trial = trial_with_folder(scheduler, storage, trial_id="ab_00007")
    assert scheduler._search.view(judged="ab_00007").judged == "search/ab_00007"
    run(scheduler, trial, results(FAIR[:2]))
    restored = make()
    restored.on_trial_add(None, after_a_restart(trial, results(FAIR[:2])))
    assert restored._search.view(judged="ab_00007").judged == "search/ab_00007"


def test_a_recorded_mark_stays_when_the_trial_starts_again(make, storage):
    scheduler = make(shadow=True)
    finish(scheduler)
    trial = trial_with_folder(scheduler, storage)
    assert run(scheduler, trial, results(POOR[:4])) == [GO] * 4
    mark = scheduler._search.histories[trial.trial_id].suppressed_stop
    restored = make(shadow=True)
    finish(restored)
    again = after_a_restart(trial, results(POOR[:4]))
    restored.on_trial_add(None, again)
    feed(restored, again, results([*POOR[:-1], 0.95]))
    assert restored._search.histories[trial.trial_id].suppressed_stop == mark
    assert record_of(again).suppressed_stop(H) == mark
    assert restored.audit.n == 1


def test_a_saved_search_without_names_gets_them_when_its_trials_are_added(make, storage, tmp_path):
    """Those that an earlier version has saved have none."""
    scheduler = make()
    trial = trial_with_folder(scheduler, storage)
    run(scheduler, trial, results(FAIR[:2]))
    scheduler.save(str(tmp_path / "saved.json"))
    content = json.loads((tmp_path / "saved.json").read_text())
    assert content["trials"][trial.trial_id].pop("name") == f"search/{trial.trial_id}"
    (tmp_path / "saved.json").write_text(json.dumps(content))
    restored = make()
    restored.restore(str(tmp_path / "saved.json"))
    restored.on_trial_add(None, after_a_restart(trial, results(FAIR[:2])))
    assert restored._search.view(judged=trial.trial_id).judged == f"search/{trial.trial_id}"


def test_saved_steps_are_those_that_were_reported(make, tmp_path):
    scheduler = make(patience=9)
    finish(scheduler, start=0)
    trial = new_trial(scheduler)
    run(scheduler, trial, results(POOR[:5], start=0))
    scheduler.save(str(tmp_path / "saved.json"))
    restored = make(patience=9)
    restored.restore(str(tmp_path / "saved.json"))
    assert judgements_of(restored, trial) == judgements_of(scheduler, trial)
    content = json.loads((tmp_path / "saved.json").read_text())["trials"][trial.trial_id]
    assert content["judgements"][-1]["step"] == 4
