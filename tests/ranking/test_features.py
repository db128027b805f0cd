"""Features of a trial among the others: invariances, and inputs that must not cause errors."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lcstop import Curve
from lcstop.ranking import gaussian_process as regression
from lcstop.ranking.comparison import Comparison, Context, normal_score
from lcstop.ranking.features import N_FEATURES, TrialFeatures, features
from lcstop.ranking.grid import AlignedStudy, align
from lcstop.ranking.param_features import Configurations
from tests.ranking.study_trials import curves, random_study

SHAPES = [*range(9, 20), 2, 4]
"""Columns of the features that are distances between values. All others are ranks or counts."""


def change(context: Context, **parts: NDArray) -> Context:
    return Context(**{**vars(context), **parts})


def features_of(trial: Curve, others: list[Curve], direction: str = "maximize") -> NDArray[np.float64]:
    done = [curve for curve in others if curve.cutoff >= curve.horizon]
    rest = [curve for curve in others if curve.cutoff < curve.horizon]
    return features_seen(align(trial, done, rest, direction))


def features_seen(seen: AlignedStudy) -> NDArray[np.float64]:
    return features(seen.context, seen.gains, seen.cutoff, seen.configurations())[0]


def test_there_are_as_many_as_the_network_expects_and_all_are_moderate():
    for seed in range(5):
        found = features(*random_study(seed))
        assert found.shape == (1, N_FEATURES)
        assert np.abs(found).max() < 10
    rows = np.concatenate([features(*random_study(seed, cutoff=1 + seed)) for seed in range(19)])
    constant = np.flatnonzero(rows.std(0) == 0)
    assert len(constant) <= 3  # the horizon, that hyperparameters are known, the number of trials


@pytest.mark.parametrize(("factor", "offset"), [(1e-4, 0.0), (1e6, 0.0), (1.0, 1000.0), (7.0, -3.0)])
def test_the_units_of_the_metric_do_not_matter(factor, offset):
    seen = random_study()
    moved = change(seen.context, gains=seen.context.gains * factor + offset)
    found = features(moved, seen.gains * factor + offset, seen.cutoff, seen.configurations)
    np.testing.assert_allclose(found, features(*seen), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("factor", "offset"), [(1e-12, 0.0), (1e12, 0.0), (1.0, 1000.0), (-7.0, 3.0)])
def test_nor_do_they_on_the_way_from_curves_nor_the_direction(factor, offset):
    def moved(curve: Curve) -> Curve:
        return Curve(curve.steps, curve.values * factor + offset, curve.horizon, curve.params)

    *others, trial = curves([0.5, 0.8, 0.7, 0.9, 0.85, 0.6])
    others, trial = [*others[:2], *(curve.prefix(12) for curve in others[2:])], trial.prefix(6)
    direction = "maximize" if factor > 0 else "minimize"
    found = features_of(moved(trial), [moved(curve) for curve in others], direction)
    np.testing.assert_allclose(found, features_of(trial, others), atol=1e-6, rtol=0)


def exploded(curve: Curve, steps: int, value: float) -> Curve:
    return Curve(curve.steps, [*[value] * steps, *curve.values[steps:]], curve.horizon, curve.params)


@pytest.mark.parametrize("steps", [1, 3])
def test_how_much_worse_first_values_are_that_say_nothing_does_not_matter(steps):
    *others, trial = curves([0.5, 0.8, 0.7, 0.9, 0.85, 0.6, 0.65])
    found = [
        features_of(exploded(trial, steps, value).prefix(10), [exploded(c, steps, value) for c in others])
        for value in (-50, -1e5)
    ]
    np.testing.assert_allclose(*found, atol=1e-4, rtol=0)


def test_few_trials_do_not_tell_that_first_values_say_nothing():
    *others, trial = (exploded(curve, 1, -50) for curve in curves([0.5, 0.8, 0.7, 0.9, 0.6]))
    seen = align(trial.prefix(10), others, [], "maximize")
    found = Comparison(seen.context, seen.gains, seen.cutoff)
    assert found.initial_level == seen.context.gains[0, 0]


@pytest.mark.parametrize("rising", [np.exp, lambda x: x**3, lambda x: np.log(x + 2)])
def test_ranks_know_no_scale(rising):
    seen = random_study()
    moved = change(seen.context, gains=rising(seen.context.gains))
    change_of = features(moved, rising(seen.gains), seen.cutoff, seen.configurations) - features(*seen)
    of_ranks = [i for i in range(N_FEATURES) if i not in SHAPES]
    assert np.abs(change_of[:, of_ranks]).max() < 1e-12
    assert np.abs(change_of[:, SHAPES]).max() > 1e-3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beyond", [-1e9, 5.0, 1e9, math.nan, math.inf])
def test_what_has_not_been_reported_does_not_matter(beyond, seed):
    seen = random_study(seed)
    context, steps = seen.context, np.arange(seen.gains.shape[1])
    others = np.where(steps >= context.lengths[:, None], beyond, context.gains)
    own = np.where(steps >= seen.cutoff, beyond, seen.gains)
    found = features(change(context, gains=others), own, seen.cutoff, seen.configurations)
    assert (found == features(*seen)).all()


def test_the_order_of_the_others_and_company_do_not_matter():
    seen = random_study(t=3)
    together = features(*seen)
    others, own, numeric = seen.configurations
    for i in range(3):
        alone = seen.gains[i : i + 1], seen.cutoff, Configurations(others, own[i : i + 1], numeric)
        np.testing.assert_allclose(features(seen.context, *alone), together[i : i + 1], atol=1e-9, rtol=0)
    order = np.random.default_rng(0).permutation(12)
    mixed = Context(*(part[order] for part in vars(seen.context).values() if part is not None))
    found = features(mixed, seen.gains, seen.cutoff, Configurations(others[order], own, numeric))
    np.testing.assert_allclose(found, together, atol=1e-9, rtol=0)


def test_hyperparameters_count_only_where_they_are_compared():
    seen = random_study()
    others, own, numeric = seen.configurations
    other = Configurations(np.random.default_rng(1).uniform(size=others.shape), own, numeric)
    with_others = features(*seen[:3], other)
    assert not (with_others == features(*seen)).all()
    assert (with_others[:, :33] == features(*seen)[:, :33]).all()
    assert (features(*seen[:3])[:, :33] == features(*seen)[:, :33]).all()
    assert (features(*seen[:3])[:, 33:36] == 0).all()


def test_a_process_without_hyperparameters_is_that_of_unlike_ones():
    """The closed form without hyperparameters equals the general one with unrelated ones."""
    for seed in range(3):
        seen = random_study(seed)
        n = len(seen.context.gains)
        standings = regression.OtherRanks(*np.random.default_rng(seed).normal(size=(2, n)), np.arange(n) > 3)
        unlike = regression.Distances(
            np.full((n, n), regression.UNRELATED_DISTANCE), np.full((1, n), regression.UNRELATED_DISTANCE)
        )
        rank = np.array([0.3])
        processes = regression.Regression(rank, standings)
        np.testing.assert_allclose(*processes.forecasts([unlike, None]), atol=1e-12, rtol=0)


def test_normal_scores_are_finite_and_symmetric():
    low, middle, high = normal_score(np.array([0.0, 0.5, 1.0]))
    assert low == pytest.approx(-high)
    assert (middle, high) == pytest.approx((0, 3.719), abs=1e-3)  # the quantile of 0.9999


def test_a_better_trial_has_better_ranks():
    seen = random_study()
    ranks = [0, 5, 6, 7, 8]
    low, high = (features(seen.context, seen.gains + d, *seen[2:])[0] for d in (-1, 1))
    middle = features(*seen)[0]
    assert (low[ranks] <= middle[ranks]).all()
    assert (middle[ranks] <= high[ranks]).all()
    assert (low[ranks] < high[ranks] - 1).all()


@pytest.mark.parametrize("n", [1, 2, 64])
@pytest.mark.parametrize("horizon", [2, 128])
@pytest.mark.parametrize("cutoff", [1, 2])
def test_few_trials_and_many_short_trials_and_long(n, horizon, cutoff):
    found = features(*random_study(n=n, horizon=horizon, cutoff=cutoff))
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 10


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["others", "trial", "first", "all others but one value"])
def test_values_that_are_no_numbers(bad, where):
    *others, trial = curves([0.5, 0.8, 0.7, 0.9])
    trial = trial.prefix(6)

    def spoil(curve: Curve, n: slice) -> Curve:
        values = np.array(curve.values)
        values[n] = bad
        return Curve(curve.steps, values, curve.horizon, curve.params)

    if where == "others":
        others[0] = spoil(others[0], slice(None))
    elif where == "trial":
        trial = spoil(trial, slice(3, 5))
    elif where == "first":
        others, trial = [spoil(curve, slice(0, 1)) for curve in others], spoil(trial, slice(0, 1))
    else:
        others = [spoil(curve, slice(1, None)) for curve in others[:1]]
    found = features_of(trial, others)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 10


@pytest.mark.parametrize("values", [[0.0] * 20, [1.0, *[0.0] * 19]])
def test_trials_that_are_all_the_same(values):
    same = Curve(range(1, 21), values, 20)
    found = features_of(same.prefix(5), [same] * 6)
    assert np.isfinite(found).all()
    assert np.abs(found[[0, 5, 6, 7, 8]]).max() < 1e-9  # neither better nor worse than the others
    np.testing.assert_allclose(features_of(same.prefix(5), [same] * 6), found)


def test_trials_without_hyperparameters():
    *others, trial = (Curve(c.steps, c.values, c.horizon) for c in curves([0.5, 0.8, 0.7, 0.9]))
    assert np.isfinite(features_of(trial.prefix(5), others)).all()


def test_features_without_hyperparameters_are_those_of_trials_that_have_none():
    trial, *others = curves([0.6, 0.2, 0.85, 0.3, 0.8, 0.4, 0.1, 0.7])
    for finished in (0, 4):
        study = others[:finished], [other.prefix(5 + i) for i, other in enumerate(others[finished:])]
        known, unknown = (align(trial.prefix(4), *study, "maximize", use_params=use) for use in (True, False))
        view = TrialFeatures(known.context, known.gains, known.cutoff)
        told, untold = view.features([known.configurations(), None])[:, 0]
        assert (told == features_seen(known)).all()
        assert (untold == features_seen(unknown)).all()
        assert not (told == untold).all()
