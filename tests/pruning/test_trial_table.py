"""The table updates its lists after a trial has changed."""

import numpy as np
import pytest

from lcstop import Curve
from lcstop.pruning import trial_table
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop
from lcstop.pruning.trial_table import TrialTable


def curve(value: float) -> Curve:
    return Curve([1, 2], [value, value], 2)


def seen(table: TrialTable, without: int | None = None) -> tuple[list[float], list[float], int]:
    view = table.study_view("maximize", None, without)
    return [c.values[0] for c in view.finished], [c.values[0] for c in view.unfinished], view.n_stopped


def test_a_trial_that_is_put_is_seen():
    table = TrialTable()
    assert seen(table) == ([], [], 0)
    table.set(0, "finished", curve(0.5))
    assert seen(table) == ([0.5], [], 0)
    table.set(1, "running", curve(0.6))
    assert seen(table) == seen(table, without=2) == ([0.5], [0.6], 0)
    table.set(1, "stopped", curve(0.7))
    assert seen(table) == ([0.5], [0.7], 1)
    table.set(0, "left out")
    assert seen(table) == ([], [0.7], 1)


def test_one_that_is_judged_is_left_out_and_is_there_again():
    table = TrialTable()
    table.set(0, "finished", curve(0.5))
    table.set(1, "stopped", curve(0.6))
    for _ in range(2):
        assert seen(table, without=0) == ([], [0.6], 1)
        assert seen(table, without=1) == ([0.5], [], 0)
        assert seen(table) == ([0.5], [0.6], 1)


def test_a_copy_knows_the_same_and_goes_its_own_way():
    table = TrialTable()
    table.set(0, "finished", curve(0.5))
    copy = table.copy()
    assert seen(table) == seen(copy) == ([0.5], [], 0)
    copy.set(2, "finished", curve(0.6))
    copy.set(1, "stopped", curve(0.7))
    assert seen(copy) == ([0.5, 0.6], [0.7], 1)
    assert seen(table) == ([0.5], [], 0)
    other = table.copy()
    table.set(3, "finished", curve(0.8))
    table.set(0, "running", curve(0.4))
    assert seen(table) == ([0.8], [0.4], 0)
    assert seen(other) == ([0.5], [], 0)
    assert seen(other, without=0) == ([], [], 0)  # listed anew, from the chunks
    assert seen(copy) == ([0.5, 0.6], [0.7], 1)


def test_a_table_copies_a_chunk_once_for_all_its_copies(monkeypatch):
    table, n_copies = TrialTable(), 0
    copy_chunk = trial_table._Chunk.copy

    def counted(chunk):
        nonlocal n_copies
        n_copies += 1
        return copy_chunk(chunk)

    monkeypatch.setattr(trial_table._Chunk, "copy", counted)
    table.set(0, "finished", curve(0.5))
    table.set(1, "finished", curve(0.5))
    assert n_copies == 0
    table.copy()
    for value in (0.6, 0.7):
        table.set(1, "finished", curve(value))
    assert n_copies == 1


def test_audited_trials_are_listed_until_they_change():
    table = TrialTable()
    one = AuditedTrial(curve(0.5), SuppressedStop(1.0, 0.9, "audit", ""), True)
    table.set(0, "finished", curve(0.5), one)
    table.set(1, "finished", curve(0.6))
    assert table.study_view("maximize", None, None).audited == [one]
    assert table.study_view("maximize", None, without=0).audited == []
    table.set(0, "running", curve(0.5))
    assert table.study_view("maximize", None, None).audited == []
    table.set(2, "left out", None, one)
    assert table.study_view("maximize", None, None).audited == []


def test_a_list_in_which_nothing_has_changed_is_kept_with_what_was_computed_of_it():
    table = TrialTable()
    table.set(0, "finished", curve(0.5))
    table.set(1, "running", curve(0.6))
    before = table.study_view("maximize", None, without=2)
    table.set(1, "running", curve(0.7))
    after = table.copy().study_view("maximize", None, without=3)
    assert after.finished is before.finished
    assert after.unfinished is not before.unfinished


@pytest.mark.parametrize("seed", range(3))
def test_thousands_of_trials_that_end_in_any_order(seed):
    """Compared with new lists. Later changes of a copy do not show in its original."""
    rng, table, known, kept = np.random.default_rng(seed), TrialTable(), {}, []
    states = ("finished", "stopped", "running", "left out")
    for i in range(3000):
        at = int(rng.integers(1 + i // 2))
        known[at] = states[rng.integers(4)], Curve([], [], 2) if rng.random() < 0.05 else curve(rng.random())
        table.set(at, *known[at])
        if i % 300 == 0:
            kept.append((table, {**known}))
            table = table.copy()
    for some, content in [*kept, (table, known)]:
        for without in (None, *rng.choice([*content], 3).tolist()):
            view = some.study_view("maximize", None, without)
            others = {at: found for at, found in sorted(content.items()) if at != without}
            seen = [(state, one) for state, one in others.values() if state != "left out" and len(one)]
            assert [*view.finished] == [one for state, one in seen if state == "finished"]
            assert [*view.unfinished] == [one for state, one in seen if state != "finished"]
            assert view.n_stopped == sum(found == "stopped" for found, _ in others.values())
            assert view.finished.summary.tolist() == [[*one.summary] for one in view.finished]


def test_the_certificate_counts_what_was_trained_saved_and_spent():
    table = TrialTable()
    table.set(0, "finished", Curve([1, 2], [0.5, 0.5], 10), steps=4)
    table.set(1, "stopped", Curve([1, 2], [0.1, 0.1], 10), stop=JudgementRecord(2, "stop", p_best=0.01))
    table.set(2, "running", Curve([1], [0.3], 10))
    found = table.certificate()
    assert (found.n_trials, found.n_stopped, found.steps, found.steps_saved) == (3, 1, 7, 8)
    assert found.expected_lost == pytest.approx(0.01)
    # A stopped trial whose record lacks the judgement: nobody knows what it has spent.
    table.set(3, "stopped", curve(0.2))
    assert table.certificate().expected_lost is None


def test_a_trial_that_ended_without_a_report_has_ended():
    table = TrialTable()
    table.set(1, "running")
    assert table.study_view("maximize", None, None).n_ended == 0
    table.set(0, "finished")
    view = table.study_view("maximize", None, None)
    assert (view.n_ended, len(view.finished), len(view.unfinished)) == (1, 0, 0)


def test_the_result_of_a_stopped_trial_counts_for_the_others():
    table = TrialTable()
    for index, value in enumerate((0.6, 0.7)):
        table.set(index, "stopped", curve(0.1), result=Curve([2], [value], 2))
    for _ in range(2):
        assert seen(table)[0] == [0.6, 0.7]
        assert seen(table, without=0)[0] == [0.7]
        assert seen(table, without=5)[0] == [0.6, 0.7]
