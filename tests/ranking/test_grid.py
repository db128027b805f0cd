"""A trial and its study as arrays: the grid, the selection of other trials, hyperparameters."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcstop import Curve
from lcstop.ranking.comparison import MISSING
from lcstop.ranking.grid import align, encode
from tests.ranking.study_trials import curves
from tests.ranking.test_features import features_seen

# --- the grid ---------------------------------------------------------------------------------------------


def on_grid(steps, values, horizon: float):
    """The judged trial on its grid, and how far it has come."""
    seen = align(Curve(steps, values, horizon), [Curve([horizon], [0.5], horizon)], [], "maximize")
    return seen.gains[0], seen.cutoff


@pytest.mark.parametrize("n", [1, 2, 7, 49])
def test_steps_of_1_to_50(n):
    gains, cutoff = on_grid(range(1, n + 1), np.arange(n) / 100, 50)
    assert (len(gains), cutoff) == (50, n)
    assert (np.diff(gains[:cutoff]) > 0).all()
    assert (gains[cutoff:] == gains[cutoff - 1]).all()


@pytest.mark.parametrize("n", [1, 2, 10, 49])
def test_a_report_every_1000_steps_is_like_one_every_step(n):
    gains, cutoff = on_grid(1000 * np.arange(1, n + 1), np.arange(n) / 100, 50_000)
    other, other_cutoff = on_grid(range(1, n + 1), np.arange(n) / 100, 50)
    assert cutoff == other_cutoff
    assert (gains == other).all()


@pytest.mark.parametrize("offset", [0.0, 3.0, 950.0])
def test_reports_that_are_late_by_a_little_are_on_the_step_before(offset):
    _, cutoff = on_grid(1000 * np.arange(1, 11) + offset, np.arange(10) / 100, 50_000)
    assert cutoff == 10


def test_reports_that_are_early_by_rounding_are_on_their_step():
    """Steps such as ``3 * 0.1`` differ from 0.3 by rounding, up or down."""
    for rounding in (-1e-11, 0.0, 1e-11):
        other = Curve([1, 2, 3 * (1 + rounding)], [0.1, 0.2, 0.3], 6)
        seen = align(Curve([1, 2, 3], [0.1, 0.2, 0.5], 6), [other], [], "maximize")
        assert seen.context.lengths.tolist() == [3]
        assert len(set(seen.context.gains[0, 2:])) == 1, "the last report counts from its step on"
    early = Curve([1, 2, 3 * (1 - 1e-7)], [0.1, 0.2, 0.3], 6)
    late = Curve([1, 2, 3 * (1 + 1e-7)], [0.1, 0.2, 0.3], 6)
    seen = align(Curve([1, 2, 3], [0.1, 0.2, 0.5], 6), [early], [late], "maximize")
    assert seen.context.lengths.tolist() == [2, 3]


def test_a_step_lies_between_two_reports_from_a_millionth_of_the_way_on():
    def value_at_2(step: float) -> float:
        """Value at step 2 of a curve that jumps from 0 to 1e6 after ``step``; 0 if ``step`` counts as 2."""
        other = Curve([1, step, step + 1], [-1.0, 0.0, 1e6], 4)
        seen = align(Curve([1, 2], [-1.0, 0.0], 4), [], [other], "maximize")
        return float(seen.context.gains[0, 1] - seen.gains[0, 1])

    assert value_at_2(2 - 1e-7) == 0
    assert value_at_2(2 - 1e-4) > 0


def test_irregular_reports_are_where_they_were_made_with_lines_between():
    steps, values = [1, 2, 4, 5, 9, 12], [0.1, 0.2, 0.4, 0.5, 0.9, 1.2]
    gains, cutoff = on_grid(steps, values, 24)
    unit = 24 / len(gains)
    assert cutoff == 12 / unit
    ends = [unit * (i + 1) for i in range(cutoff)]
    lines = np.interp(ends, steps, values)
    scale = (gains[cutoff - 1] - gains[0]) / (lines[-1] - lines[0])
    np.testing.assert_allclose((gains[:cutoff] - gains[0]) / scale, lines - lines[0], atol=1e-9)


@pytest.mark.parametrize("pace", [1.0, 1.37, 2.74, 6.1])
def test_a_trial_is_compared_at_its_last_report_however_far_apart_reports_are(pace):
    """Both trials have the same curve over time. The judged one reports at steps of its own."""
    own, dense = np.arange(1, 6) * pace, np.arange(1, 61)
    trial, other = Curve(own, 0.02 * own, 60), Curve(dense, 0.02 * dense, 60)
    seen = align(trial, [other], [], "maximize")
    now = seen.cutoff - 1
    np.testing.assert_allclose(seen.gains[0, now], seen.context.gains[0, now], atol=1e-9)


def test_no_line_is_drawn_to_what_is_no_number():
    trial = Curve([1.5, 3], [0.1, 0.2], 6)
    seen = align(trial, [], [Curve([1, 2, 3, 4], [0.1, math.nan, math.nan, math.nan], 6)], "maximize")
    others = seen.context.gains[0]
    assert others[0] == seen.gains[0, 0]  # 0.1, not interpolated to the next value
    assert others[1] == MISSING


def test_a_gap_that_a_number_follows_is_a_line():
    trial = Curve([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4], 6)
    seen = align(trial, [], [Curve([1, 2, 3, 4], [0.1, math.nan, math.nan, 0.4], 6)], "maximize")
    np.testing.assert_allclose(seen.context.gains[0, :4], seen.gains[0, :4], atol=1e-9)


def test_nothing_is_known_before_the_first_report():
    gains, cutoff = on_grid([10], [0.3], 50)
    assert len(gains) == 5
    assert cutoff == 1
    gains, cutoff = on_grid([50], [0.3], 50)
    assert (len(gains), cutoff) == (2, 2)
    assert gains[0] == MISSING < gains[1]
    late = Curve([4, 5], [0.1, 0.2], 6)
    seen = align(Curve([1, 2], [0.1, 0.2], 6), [], [late, Curve([1, 2, 3], [0.1, 0.2, 0.3], 6)], "maximize")
    assert sorted(seen.context.starts.tolist()) == [1, 4]
    assert (seen.context.gains[seen.context.starts == 4, :3] == MISSING).all()


@pytest.mark.parametrize("horizon", [1, 2, 127, 129, 1e6])
def test_a_grid_has_2_to_128_steps(horizon):
    gains, cutoff = on_grid([1], [0.3], horizon)
    assert len(gains) == min(max(horizon, 2), 128)
    assert 1 <= cutoff <= len(gains)


def test_the_others_are_on_the_grid_of_the_trial():
    trial = Curve([10, 20], [0.1, 0.2], 50)
    dense = Curve(range(1, 31), np.arange(1, 31) / 100, 50)
    sparse = Curve([25, 50], [0.25, 0.5], 50)
    seen = align(trial, [sparse], [dense], "maximize")
    assert seen.context.lengths.tolist() == [5, 3]
    assert seen.context.starts.tolist() == [3, 1]
    assert seen.context.finished.tolist() == [True, False]
    assert (seen.context.gains[0, :2] == MISSING).all()
    lowest = seen.context.gains[seen.context.gains > MISSING].min()
    unit = (seen.context.gains.max() - lowest) / 0.4  # from 0.1 to 0.5
    values = 0.1 + (seen.context.gains - lowest) / unit
    np.testing.assert_allclose(values[0, 2:], [0.3, 0.4, 0.5], atol=1e-9)
    np.testing.assert_allclose(values[1, :3], [0.1, 0.2, 0.3], atol=1e-9)


def test_a_smaller_loss_is_a_greater_gain():
    trial, *others = curves([0.5, 0.8, 0.7])
    up = align(trial.prefix(5), others, [], "maximize")
    mirrored = [Curve(c.steps, -c.values, c.horizon, c.params) for c in (trial.prefix(5), *others)]
    down = align(mirrored[0], mirrored[1:], [], "minimize")
    np.testing.assert_allclose(up.context.gains, down.context.gains)
    np.testing.assert_allclose(up.gains, down.gains)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_worse_than_everything(bad):
    seen = align(Curve([1, 2, 3], [0.1, bad, 0.3], 5), [], [Curve([1, 2], [0.2, bad], 5)], "maximize")
    assert seen.gains[0, 1] == MISSING
    assert seen.context.gains[0, 1] == MISSING
    assert (seen.gains[0, [0, 2]] > -10).all()


def test_very_bad_values_keep_their_order_down_to_a_million_units_and_are_better_than_none():
    """A unit is the median distance from the best value: 1 here."""
    others = [Curve([1], [value], 2) for value in (1.0, 1.0, 1.0, 0.0, -9e5, -1.1e6, -1e30, math.nan)]
    gains = align(Curve([1], [2.0], 2), [], others, "maximize").context.gains[:, 0]
    gains = [*sorted(gains.tolist(), reverse=True)]
    assert gains[0] > gains[3] > gains[4] > gains[5] == gains[6] > gains[7] == MISSING


def test_nothing_to_compare_with():
    trial = Curve([1, 2], [0.1, 0.2], 5)
    assert align(trial, [], [], "maximize") is None
    assert align(trial, [], [Curve([], [], 5)], "maximize") is None
    assert align(trial, [Curve([1, 2], [math.nan] * 2, 5)], [], "maximize") is None
    assert align(Curve([1], [math.nan], 5), [], [Curve([1], [math.inf], 5)], "maximize") is None


numbers = st.one_of(st.floats(), st.sampled_from([1e308, -1e308, 1e-308, 0.0]))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(numbers, min_size=1, max_size=8), min_size=1, max_size=4),
    st.sampled_from(["maximize", "minimize"]),
)
def test_whatever_trials_report_features_are_numbers(reports, direction):
    trial, *others = (Curve(range(1, len(values) + 1), values, 8) for values in reports)
    with np.errstate(all="ignore"):  # as the core does
        seen = align(trial, [], others, direction)
    finite = [v for values in reports for v in values if math.isfinite(v)]
    if seen is not None and max(map(abs, finite), default=0) < 1e300:
        assert np.isfinite(features_seen(seen)).all()


# --- hyperparameters --------------------------------------------------------------------------------------


def columns(*configurations):
    found, numeric = encode(configurations)
    assert found.shape == (len(configurations), len(numeric))
    assert np.isfinite(found).all()
    return found.T.tolist(), numeric.tolist()


def test_numbers_are_ranks_whatever_their_scale():
    lr = columns(*({"lr": 10.0**-i} for i in range(5)))
    assert lr == columns(*({"lr": -i} for i in range(5)))
    assert lr == ([[0.9, 0.7, 0.5, pytest.approx(0.3), 0.1]], [True])
    assert columns({"n": 1}, {"n": 2}, {"n": 2}, {"n": 8})[0] == [[0.125, 0.5, 0.5, 0.875]]
    assert columns({"n": np.int64(1)}, {"n": np.float32(2.5)})[1] == [True]


def test_what_tells_nothing_is_left_out():
    assert columns({"lr": 0.1, "opt": "sgd", "on": True}, {"lr": 0.1, "opt": "sgd", "on": True}) == ([], [])
    assert columns({}, {}, {}) == ([], [])
    assert columns({"seed": "a"}, {"seed": "b"}, {"seed": "c"}) == ([], [])  # different everywhere
    assert columns({"seed": "a"}, {"seed": "b"})[1] == [False]  # two trials are too few to tell


def test_a_conditional_number_is_in_the_middle_where_it_is_missing():
    given = columns({"opt": "sgd", "momentum": 0.1}, {"opt": "adam"}, {"opt": "sgd", "momentum": 0.9})
    assert given == ([[0.25, 0.5, 0.75], [1, 0, 1], [1, 0, 1]], [True, False, False])
    assert given == columns(
        {"opt": "sgd", "momentum": 0.1}, {"opt": "adam", "momentum": None}, {"opt": "sgd", "momentum": 0.9}
    )
    assert columns({"momentum": 0.9}, {}, {"momentum": 0.9}) == ([[1, 0, 1]], [False])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("adam", "sgd"),
        (True, False),
        ([1, 2], [2, 1]),
        ((3,), None),
        ("1", 1),
        (math.nan, 1.0),
        (math.inf, 1.0),
        ({"a": 1}, {"a": 2}),
    ],
)
def test_everything_else_is_a_category(one, other):
    (column,), numeric = columns({"x": one}, {"x": other}, {"x": one})
    assert numeric == [False]
    assert column[0] == column[2] != column[1]


def test_none_is_a_category_among_words_and_missing_among_numbers():
    assert columns({"x": "a"}, {"x": None}, {"x": "a"})[1] == [False]
    assert columns({"x": 1}, {"x": None}, {"x": 3})[1] == [True, False]
    assert columns({"x": None}, {"x": None}) == ([], [])


def test_names_in_any_order_and_too_many_of_them():
    assert columns({"a": 1, "b": 2}, {"a": 2, "b": 1}) == columns({"b": 2, "a": 1}, {"b": 1, "a": 2})
    rng = np.random.default_rng(0)
    many = [{f"p{i:03}": float(value) for i, value in enumerate(rng.uniform(size=400))} for _ in range(9)]
    assert len(columns(*many)[1]) == 256


def test_hyperparameters_reach_the_features():
    trial, *others = curves([0.9, 0.2, 0.85, 0.3, 0.8, 0.4, 0.1, 0.7])
    seen = align(trial.prefix(3), others, [], "maximize")
    others_columns, own, numeric = seen.configurations()
    assert numeric.tolist() == [True]  # the optimizer is the same everywhere
    assert own.shape == (1, 1)
    assert own[0, 0] > others_columns.max()
    plain = [Curve(c.steps, c.values, c.horizon) for c in (trial.prefix(3), *others)]
    none = align(plain[0], plain[1:], [], "maximize")
    unused = align(trial.prefix(3), others, [], "maximize", use_params=False)
    for seen in (none, unused):
        assert seen.configurations() is None
    assert (features_seen(none) == features_seen(unused)).all()


def test_an_integer_beyond_the_floats_is_one_category_among_others():
    configurations = [{"width": width} for width in (10**400, 8, 10**400, 64, 8)]
    columns, numeric = encode(configurations)
    assert numeric.tolist() == [False]
    assert columns[0] == columns[2] != columns[1]
