"""The roster lists its trials anew once one has changed."""

import numpy as np
import pytest

from lcstop import Curve
from lcstop.pruning.trial_table import Roster


def curve(value: float) -> Curve:
    return Curve([1, 2], [value, value], 2)


def seen(roster: Roster, without: int | None = None) -> tuple[list[float], list[float], int]:
    view = roster.view("maximize", None, without)
    return [c.values[0] for c in view.finished], [c.values[0] for c in view.unfinished], view.n_stopped


def test_a_trial_that_is_put_is_seen():
    roster = Roster()
    assert seen(roster) == ([], [], 0)
    roster.put(0, "finished", curve(0.5))
    assert seen(roster) == ([0.5], [], 0)
    roster.put(1, "running", curve(0.6))
    assert seen(roster) == seen(roster, without=2) == ([0.5], [0.6], 0)
    roster.put(1, "stopped", curve(0.7))
    assert seen(roster) == ([0.5], [0.7], 1)
    roster.put(0, "left out")
    assert seen(roster) == ([], [0.7], 1)


def test_one_that_is_judged_is_left_out_and_is_there_again():
    roster = Roster()
    roster.put(0, "finished", curve(0.5))
    roster.put(1, "stopped", curve(0.6))
    for _ in range(2):
        assert seen(roster, without=0) == ([], [0.6], 1)
        assert seen(roster, without=1) == ([0.5], [], 0)
        assert seen(roster) == ([0.5], [0.6], 1)


def test_a_copy_knows_the_same_and_goes_its_own_way():
    roster = Roster()
    roster.put(0, "finished", curve(0.5))
    copy = roster.copy()
    assert seen(roster) == seen(copy) == ([0.5], [], 0)
    copy.put(2, "finished", curve(0.6))
    copy.put(1, "stopped", curve(0.7))
    assert seen(copy) == ([0.5, 0.6], [0.7], 1)
    assert seen(roster) == ([0.5], [], 0)


def test_a_list_in_which_nothing_has_changed_is_kept_with_what_was_computed_of_it():
    roster = Roster()
    roster.put(0, "finished", curve(0.5))
    roster.put(1, "running", curve(0.6))
    before = roster.view("maximize", None, without=2)
    roster.put(1, "running", curve(0.7))
    after = roster.copy().view("maximize", None, without=3)
    assert after.finished is before.finished
    assert after.unfinished is not before.unfinished


@pytest.mark.parametrize("seed", range(3))
def test_thousands_of_trials_that_end_in_any_order(seed):
    """Against lists that are made from nothing; the copies go on, and what they were made of stays."""
    rng, roster, known, kept = np.random.default_rng(seed), Roster(), {}, []
    states = ("finished", "stopped", "running", "left out")
    for i in range(3000):
        at = int(rng.integers(1 + i // 2))
        known[at] = states[rng.integers(4)], Curve([], [], 2) if rng.random() < 0.05 else curve(rng.random())
        roster.put(at, *known[at])
        if i % 300 == 0:
            kept.append((roster, {**known}))
            roster = roster.copy()
    for some, content in [*kept, (roster, known)]:
        for without in (None, *rng.choice([*content], 3).tolist()):
            view = some.view("maximize", None, without)
            others = {at: found for at, found in sorted(content.items()) if at != without}
            seen = [(state, one) for state, one in others.values() if state != "left out" and len(one)]
            assert [*view.finished] == [one for state, one in seen if state == "finished"]
            assert [*view.unfinished] == [one for state, one in seen if state != "finished"]
            assert view.n_stopped == sum(found == "stopped" for found, _ in others.values())
            assert view.finished.facts.tolist() == [[*one.facts] for one in view.finished]
