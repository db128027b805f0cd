"""What is computed of all curves at once is what each of them says."""

import math

import numpy as np
import pytest

from lcstop import Curve, StudyView
from lcstop.curve_list import CurveList

NAN = math.nan


def curves(*values: list[float]) -> list[Curve]:
    return [Curve(range(1, len(some) + 1), some, 10) for some in values]


@pytest.mark.parametrize(
    ("values", "least", "greatest", "n_finite"),
    [
        ([], NAN, NAN, 0),
        ([[]], NAN, NAN, 0),
        ([[NAN, math.inf]], NAN, NAN, 0),
        ([[NAN], [0.5, -math.inf, 0.2], [], [0.3]], 0.2, 0.5, 2),
        ([[-1.0], [-2.0, NAN]], -2.0, -1.0, 2),
    ],
)
def test_extremes_know_nothing_of_what_is_no_number(values, least, greatest, n_finite):
    found = CurveList(curves(*values))
    np.testing.assert_equal([found.least, found.greatest, found.n_finite], [least, greatest, n_finite])
    view = StudyView("maximize", finished=found)
    assert view.incumbent("best") == (None if math.isnan(greatest) else greatest)


def test_extremes_are_held_by_the_first_of_equal_ones():
    found = CurveList(curves([NAN], [0.2, 0.5], [0.5, 0.2], [0.3]))
    assert (found.lowest, found.highest) == (1, 1)
    assert CurveList(curves([NAN])).lowest is CurveList().highest is None


def test_a_known_list_is_taken_as_it_is_and_another_is_made_into_one():
    some = curves([0.5], [0.6])
    known = CurveList(some)
    assert CurveList.known(known) is known
    assert [*CurveList.known(some)] == some
    assert known.at([1, 0]) == some[::-1]
    assert known.at([]) == []


@pytest.mark.parametrize("target", ["best", "final"])
def test_nothing_to_beat_without_a_value(target):
    view = StudyView("minimize", curves([NAN]), curves([]))
    assert view.to_beat(*curves([NAN]), target) is None
    assert view.to_beat(*curves([0.5]), target) == (0.5 if target == "best" else None)
