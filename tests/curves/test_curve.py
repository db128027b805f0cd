"""Curve: what it accepts and how reports become one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcstop import Curve
from lcstop.curves.curve import FiniteRange


@given(st.dictionaries(st.integers(0, 10_000), st.floats(), min_size=1))
def test_any_reports_make_a_curve_in_order(reports):
    curve = Curve.from_reports(reports, horizon=20_000)
    shift = 1 if 0 in reports else 0
    assert curve.steps.tolist() == [step + shift for step in sorted(reports)]
    assert curve.cutoff == max(reports) + shift
    assert np.isfinite(curve.finite().values).all()
    assert len(curve.finite()) == sum(math.isfinite(v) for v in reports.values())


def test_counting_from_0_and_from_1_is_the_same_curve():
    values = [0.1, 0.3, 0.4]
    from_0, from_1 = (
        Curve.from_reports({i + start: v for i, v in enumerate(values)}, horizon=3) for start in (0, 1)
    )
    assert from_0.steps.tolist() == from_1.steps.tolist() == [1, 2, 3]
    assert from_0.cutoff == from_0.horizon


def test_nothing_has_been_trained_at_step_0_of_a_clock():
    curve = Curve.from_reports({0.0: 0.1, 0.5: 0.2, 1.0: 0.3}, horizon=1)
    assert (curve.steps.tolist(), curve.values.tolist()) == ([0.5, 1.0], [0.2, 0.3])


def test_reports_after_the_horizon_are_left_out():
    assert Curve.from_reports({1: 0.1, 10: 0.2, 11: 0.9}, horizon=10).values.tolist() == [0.1, 0.2]


def test_the_first_report_past_the_horizon_stands_for_the_one_at_it():
    curve = Curve.from_reports({25.1: 0.5, 50.3: 0.7, 75.2: 0.9, 99.0: 0.1}, horizon=60)
    assert curve.steps.tolist() == [25.1, 50.3, 60.0]
    assert curve.values.tolist() == [0.5, 0.7, 0.9]
    from_0_to_10 = Curve.from_reports({step: step / 10 for step in range(11)}, horizon=10)
    assert from_0_to_10.cutoff == 10


def test_the_extent_is_of_finite_values():
    curve = Curve([1, 2, 3, 4], [math.nan, 0.2, math.inf, 0.1], 10)
    assert curve.finite_range == FiniteRange(first=0.2, low=0.1, high=0.2)
    assert (curve.best("maximize"), curve.best("minimize")) == (0.2, 0.1)
    assert Curve([1], [math.nan], 10).best("maximize") is None


def test_a_curve_cannot_be_changed():
    curve = Curve([1, 2], [0.1, 0.2], 10)
    with pytest.raises(ValueError, match="read-only"):
        curve.values[0] = 1.0
    source = np.array([0.1, 0.2])
    Curve([1, 2], source, 10)
    source[0] = 0.5  # the caller's array stays writable


@pytest.mark.parametrize(
    ("steps", "values", "horizon"),
    [
        ([1, 2], [0.1], 10),
        ([[1, 2]], [[0.1, 0.2]], 10),
        ([2, 1], [0.1, 0.2], 10),
        ([1, 1], [0.1, 0.2], 10),
        ([0, 1], [0.1, 0.2], 10),
        ([-1, 1], [0.1, 0.2], 10),
        ([1, math.nan], [0.1, 0.2], 10),
        ([1, math.inf], [0.1, 0.2], 10),
        ([1], [0.1], 0),
        ([1], [0.1], math.inf),
    ],
)
def test_bad_curves_are_refused(steps, values, horizon):
    with pytest.raises(ValueError, match=r"must be .*, got"):
        Curve(steps, values, horizon)
