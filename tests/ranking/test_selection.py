"""Which other trials of a large study are compared, and that the order of listing is no evidence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcstop import Curve, StudyView
from lcstop.ranking.selection import MAX_TRIALS, select
from tests.ranking.study_trials import H, core, curves

HORIZON = 10


def study(seed: int, n: int, n_finished: int, digits: int = 9) -> tuple[list[Curve], list[Curve]]:
    """Random trials; with few digits many have the same values."""
    rng, found = np.random.default_rng(seed), []
    for i in range(n):
        length = HORIZON if i < n_finished else int(rng.integers(1, HORIZON))
        values = rng.uniform(size=length).round(digits)
        found.append(Curve(range(1, length + 1), values, HORIZON, {"x": float(rng.integers(5))}))
    return found[:n_finished], found[n_finished:]


def ids(chosen: list[Curve]) -> list[int]:
    return [id(curve) for curve in chosen]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("n", "n_finished"), [(10, 3), (64, 64), (65, 0), (150, 20), (400, 400)])
def test_at_most_64_trials_the_best_finished_one_among_them(n, n_finished, sign):
    finished, unfinished = study(n, n, n_finished)
    trial = Curve([1, 2, 3], [0.1, 0.2, 0.3], HORIZON)
    chosen, chosen_finished = select(trial, finished, unfinished, sign)
    assert len(set(ids(chosen))) == len(chosen) == min(n, MAX_TRIALS)
    assert set(ids(chosen[:chosen_finished])) <= set(ids(finished))
    assert set(ids(chosen[chosen_finished:])) <= set(ids(unfinished))
    if n_finished:
        best = max(finished, key=lambda curve: float((sign * curve.values).max()))
        assert id(best) in ids(chosen)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("digits", [1, 2, 9])
@pytest.mark.parametrize("n", [30, 300])
def test_the_order_of_listing_changes_nothing(n, digits, seed):
    finished, unfinished = study(seed, n, n // 3, digits)
    rng, trial = np.random.default_rng(seed), Curve([1, 2, 3], [0.1, 0.2, 0.3], HORIZON, {"x": 2.0})
    expected = select(trial, finished, unfinished, 1.0)
    for _ in range(3):
        shuffled = [[part[i] for i in rng.permutation(len(part))] for part in (finished, unfinished)]
        found = select(trial, *shuffled, 1.0)
        assert found[1] == expected[1]
        assert [curve.content for curve in found[0]] == [curve.content for curve in expected[0]]


def test_of_trials_that_hold_the_same_finished_ones_come_first():
    values = np.random.default_rng(2).integers(1, 10, 200) / 10
    trials = [Curve([1], [value], 2) for value in values]
    order = sorted(range(200), key=lambda i: (values[i], i))
    expected = sum(order[place] < 100 for place in np.linspace(0, 199, MAX_TRIALS).round().astype(int))
    assert select(Curve([1], [0.4], 2), trials[:100], trials[100:], 1.0)[1] == expected


@pytest.mark.parametrize("seed", range(5))
def test_decisions_are_the_same_to_the_bit_in_any_order(seed):
    rng = np.random.default_rng(seed)
    *others, trial = curves(rng.uniform(0.3, 0.9, 100), H, seed)
    tied = [Curve(c.steps, c.values.round(1), c.horizon, c.params) for c in others]
    for some in (others, tied):
        running = [curve.prefix(3 + i % 15) for i, curve in enumerate(some[40:])]
        expected = core().judge(trial.prefix(7), StudyView("maximize", some[:40], running))
        order = [part[::-1] for part in (some[:40], running)]
        found = core().judge(trial.prefix(7), StudyView("maximize", *order))
        assert (found.p_top, found.p_beat, found.stop) == (expected.p_top, expected.p_beat, expected.stop)


@pytest.mark.parametrize("rank", [0.02, 0.3, 0.5, 0.9])
def test_the_sample_keeps_ranks(rank):
    tops = np.linspace(0, 1, 1000)
    finished = [Curve(range(1, HORIZON + 1), np.full(HORIZON, top), HORIZON) for top in tops]
    chosen, _ = select(Curve([1], [rank], HORIZON), finished, [], 1.0)
    beaten = np.mean([curve.values[0] < rank for curve in chosen])
    assert beaten == pytest.approx(rank, abs=1 / MAX_TRIALS)


@settings(max_examples=50)
@given(st.permutations(range(8)))
def test_the_names_and_the_order_of_hyperparameters_change_nothing(order):
    rng = np.random.default_rng(0)
    *others, trial = curves(rng.uniform(0.3, 0.9, 13), H, seed=1)
    values = rng.uniform(size=(13, 8)).round(1)

    def named(names) -> float:
        told = [
            Curve(c.steps, c.values, c.horizon, {str(name): row[i] for i, name in enumerate(names)})
            for c, row in zip([*others, trial.prefix(5)], values, strict=True)
        ]
        return core().judge(told[-1], StudyView("maximize", told[:6], told[6:-1])).p_top

    assert named(order) == named(range(8))


def test_a_result_without_a_curve_counts_only_as_the_incumbent():
    finished, unfinished = study(0, 10, 5)
    results = [Curve([HORIZON], [value], HORIZON) for value in (0.2, 0.5, 2.0, 0.9)]
    trial = Curve([1, 2], [0.1, 0.2], HORIZON)
    chosen, n_finished = select(trial, [*finished, *results], unfinished, 1.0)
    assert (len(chosen), n_finished) == (11, 6)
    assert [curve.values[0] for curve in chosen if len(curve) == 1 and curve.start == 1] == [2.0]
    beaten, n_finished = select(trial, [*finished, results[0]], unfinished, 1.0)
    assert (len(beaten), n_finished) == (10, 5)


def test_trials_without_a_finite_value_or_a_report_are_left_out():
    failed = Curve([1, 2], [math.nan, math.inf], HORIZON)
    assert select(Curve([1], [0.5], HORIZON), [failed], [Curve([], [], HORIZON)], 1.0) == ([], 0)
