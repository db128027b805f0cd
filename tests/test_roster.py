"""The roster lists its trials anew once one has changed."""

from lcstop import Curve
from lcstop.roster import Roster


def curve(value: float) -> Curve:
    return Curve([1, 2], [value, value], 2)


def seen(roster: Roster, without: int | None = None) -> tuple[list[float], list[float], int]:
    view = roster.view("maximize", None, without)
    return [c.values[0] for c in view.finished], [c.values[0] for c in view.unfinished], view.n_stopped


def test_a_trial_that_is_put_is_seen():
    roster = Roster(3)
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
    roster = Roster(2)
    roster.put(0, "finished", curve(0.5))
    roster.put(1, "stopped", curve(0.6))
    for _ in range(2):
        assert seen(roster, without=0) == ([], [0.6], 1)
        assert seen(roster, without=1) == ([0.5], [], 0)
        assert seen(roster) == ([0.5], [0.6], 1)


def test_a_copy_with_more_positions_knows_the_same_and_goes_its_own_way():
    roster = Roster(1)
    roster.put(0, "finished", curve(0.5))
    copy = roster.resized(3)
    assert seen(roster) == seen(copy) == ([0.5], [], 0)
    copy.put(2, "finished", curve(0.6))
    copy.put(1, "stopped", curve(0.7))
    assert seen(copy) == ([0.5, 0.6], [0.7], 1)
    assert seen(roster) == ([0.5], [], 0)


def test_a_list_in_which_nothing_has_changed_is_kept_with_what_was_computed_of_it():
    roster = Roster(3)
    roster.put(0, "finished", curve(0.5))
    roster.put(1, "running", curve(0.6))
    before = roster.view("maximize", None, without=2)
    roster.put(1, "running", curve(0.7))
    after = roster.resized(4).view("maximize", None, without=3)
    assert after.finished is before.finished
    assert after.unfinished is not before.unfinished
