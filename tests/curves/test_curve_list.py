"""Values computed for all curves at once equal those computed for each curve."""

import math
from itertools import chain

import numpy as np
import pytest

from lcstop import Curve, StudyView
from lcstop.curves.curve_list import CurveList

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
    np.testing.assert_equal([found.min_value, found.max_value, found.n_finite], [least, greatest, n_finite])
    view = StudyView("maximize", finished=found)
    assert view.incumbent("best") == (None if math.isnan(greatest) else greatest)


def test_a_known_list_is_taken_as_it_is_and_another_is_made_into_one():
    some = curves([0.5], [0.6])
    known = CurveList(some)
    assert CurveList.wrap(known) is known
    assert [*CurveList.wrap(some)] == some
    assert known.take([0, 1]) == some
    assert known.take([]) == []


@pytest.mark.parametrize("target", ["best", "final"])
def test_nothing_to_beat_without_a_value(target):
    view = StudyView("minimize", curves([NAN]), curves([]))
    assert view.to_beat(*curves([NAN]), target) is None
    assert view.to_beat(*curves([0.5]), target) == (0.5 if target == "best" else None)


@pytest.mark.parametrize("seed", range(10))
def test_a_sum_says_what_a_list_of_the_same_curves_says(seed):
    """Some lists are empty or sums; some curves have equal lengths or hold no number."""
    rng = np.random.default_rng(seed)

    def some() -> list[Curve]:
        lengths = rng.integers(0, 6, rng.integers(0, 60)).tolist()
        return curves(*(np.where(rng.random(n) < 0.2, NAN, rng.random(n).round(1)) for n in lengths))

    parts = [some() for _ in range(6)]
    one, two, *rest = map(CurveList, parts)
    summed, plain = CurveList.concatenate([one + two, *rest]), CurveList(chain.from_iterable(parts))
    assert len(summed) == len(plain)
    for name in ("min_value", "max_value", "n_finite", "n_started"):
        np.testing.assert_equal(getattr(summed, name), getattr(plain, name), name)
    chosen = np.flatnonzero(rng.random(len(plain)) < 0.3).tolist()
    assert summed.take(chosen) == plain.take(chosen) == [plain[i] for i in chosen]
    assert "summary" not in vars(summed), "nothing had to be copied"
    np.testing.assert_equal(summed.summary, plain.summary)
    assert [*summed] == [*plain]
    assert [*summed.filter(plain.share > 0.3)] == [*plain.filter(plain.share > 0.3)]


def test_a_sum_of_nothing_and_of_one_list():
    known = CurveList(curves([0.5]))
    assert CurveList.concatenate([CurveList(), known]) is known
    assert [*CurveList.concatenate([CurveList(), CurveList()])] == []
