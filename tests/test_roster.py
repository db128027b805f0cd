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


def test_a_copy_with_other_positions_knows_the_same():
    roster = Roster(1)
    roster.put(0, "finished", curve(0.5))
    assert seen(roster) == seen(roster.resized(3)) == ([0.5], [], 0)
    assert seen(roster.resized(0)) == ([], [], 0)
