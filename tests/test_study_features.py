"""Features of a trial among the others: what must not change them, and what must not break them."""

import math

import numpy as np
import pytest
import torch

from lcstop import Curve
from lcstop.studies.features import N_FEATURES, Context, features, with_and_without
from lcstop.studies.view import look

from .study_trials import curves, random_look

SHAPES = [*range(9, 20), 2, 4]
"""Features of distances between values; all others are of ranks and counts."""


def change(context: Context, **parts: torch.Tensor) -> Context:
    return Context(**{**vars(context), **parts})


def features_of(trial: Curve, others: list[Curve], direction: str = "maximize") -> torch.Tensor:
    done = [curve for curve in others if curve.cutoff >= curve.horizon]
    rest = [curve for curve in others if curve.cutoff < curve.horizon]
    return features(*look(trial, done, rest, direction))[0, 0]


def test_there_are_as_many_as_the_network_expects_and_all_are_moderate():
    for seed in range(5):
        found = features(*random_look(seed))
        assert found.shape == (1, 1, N_FEATURES)
        assert found.abs().max() < 10
    rows = torch.cat([features(*random_look(seed, cutoff=1 + seed))[0] for seed in range(19)])
    constant = (rows.std(0) == 0).nonzero().flatten().tolist()
    assert len(constant) <= 3  # the horizon, that hyperparameters are known, the number of trials


@pytest.mark.parametrize(("factor", "offset"), [(1e-4, 0.0), (1e6, 0.0), (1.0, 1000.0), (7.0, -3.0)])
def test_the_units_of_the_metric_do_not_matter(factor, offset):
    seen = random_look()
    moved = change(seen.context, gains=seen.context.gains * factor + offset)
    found = features(moved, seen.gains * factor + offset, seen.cutoff, seen.params)
    torch.testing.assert_close(found, features(*seen), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("factor", "offset"), [(1e-12, 0.0), (1e12, 0.0), (1.0, 1000.0), (-7.0, 3.0)])
def test_nor_do_they_on_the_way_from_curves_nor_the_direction(factor, offset):
    def moved(curve: Curve) -> Curve:
        return Curve(curve.steps, curve.values * factor + offset, curve.horizon, curve.params)

    *others, trial = curves([0.5, 0.8, 0.7, 0.9, 0.85, 0.6])
    others, trial = [*others[:2], *(curve.first(12) for curve in others[2:])], trial.first(6)
    direction = "maximize" if factor > 0 else "minimize"
    found = features_of(moved(trial), [moved(curve) for curve in others], direction)
    torch.testing.assert_close(found, features_of(trial, others), atol=1e-6, rtol=0)


@pytest.mark.parametrize("rising", [torch.exp, lambda x: x**3, lambda x: torch.log(x + 2)])
def test_ranks_know_no_scale(rising):
    seen = random_look()
    moved = change(seen.context, gains=rising(seen.context.gains))
    change_of = features(moved, rising(seen.gains), seen.cutoff, seen.params) - features(*seen)
    of_ranks = [i for i in range(N_FEATURES) if i not in SHAPES]
    assert change_of[..., of_ranks].abs().max() < 1e-12
    assert change_of[..., SHAPES].abs().max() > 1e-3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("beyond", [-1e9, 5.0, 1e9, math.nan, math.inf])
def test_what_has_not_been_reported_does_not_matter(beyond, seed):
    seen = random_look(seed)
    context, steps = seen.context, torch.arange(seen.gains.shape[2])
    others = context.gains.masked_fill(steps >= context.lengths[..., None], beyond)
    own = seen.gains.masked_fill(steps >= seen.cutoff[:, None, None], beyond)
    found = features(change(context, gains=others), own, seen.cutoff, seen.params)
    assert torch.equal(found, features(*seen))


def test_where_there_is_no_trial_nothing_matters():
    seen = random_look(n=8)
    context = seen.context
    padded = Context(
        gains=torch.cat([context.gains, 9 * torch.rand(1, 5, 20).double()], 1),
        lengths=torch.cat([context.lengths, torch.zeros(1, 5, dtype=torch.long)], 1),
        finished=torch.cat([context.finished, torch.zeros(1, 5, dtype=torch.bool)], 1),
        params=torch.cat([context.params, torch.rand(1, 5, 3).double()], 1),
        numeric=context.numeric,
        known=context.known,
    )
    found = features(padded, seen.gains, seen.cutoff, seen.params)
    torch.testing.assert_close(found, features(*seen), atol=1e-9, rtol=0)


def test_the_order_of_the_others_and_their_company_do_not_matter():
    seen = random_look(b=3)
    together = features(*seen)
    for i in range(3):
        alone = Context(*(part[i : i + 1] for part in vars(seen.context).values()))
        found = features(alone, seen.gains[i : i + 1], seen.cutoff[i : i + 1], seen.params[i : i + 1])
        torch.testing.assert_close(found, together[i : i + 1], atol=1e-9, rtol=0)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    parts = {
        name: getattr(seen.context, name)[:, order] for name in ("gains", "lengths", "finished", "params")
    }
    found = features(change(seen.context, **parts), seen.gains, seen.cutoff, seen.params)
    torch.testing.assert_close(found, together, atol=1e-9, rtol=0)


def test_hyperparameters_count_only_where_they_are_known():
    seen = random_look()
    context = seen.context
    other = change(context, params=torch.rand(1, 12, 3, generator=torch.Generator().manual_seed(1)).double())
    trial = seen.gains, seen.cutoff
    assert not torch.equal(features(other, *trial, seen.params), features(*seen))
    unknown, silent = torch.tensor([False]), [33, 34]  # but how much they would tell
    one, two = (features(change(c, known=unknown), *trial, seen.params)[0, 0] for c in (context, other))
    kept = [i for i in range(N_FEATURES) if i not in silent]
    assert torch.equal(one[kept], two[kept])


def test_a_better_trial_has_better_ranks():
    seen = random_look()
    ranks = [0, 5, 6, 7, 8]
    low, high = (features(seen.context, seen.gains + d, seen.cutoff, seen.params)[0, 0] for d in (-1, 1))
    middle = features(*seen)[0, 0]
    assert (low[ranks] <= middle[ranks]).all()
    assert (middle[ranks] <= high[ranks]).all()
    assert (low[ranks] < high[ranks] - 1).all()


@pytest.mark.parametrize("n", [1, 2, 64])
@pytest.mark.parametrize("horizon", [2, 128])
@pytest.mark.parametrize("cutoff", [1, 2])
def test_few_trials_and_many_short_trials_and_long(n, horizon, cutoff):
    found = features(*random_look(n=n, horizon=horizon, cutoff=cutoff))
    assert torch.isfinite(found).all()
    assert found.abs().max() < 10


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["others", "trial", "first", "all others but one value"])
def test_values_that_are_no_numbers(bad, where):
    *others, trial = curves([0.5, 0.8, 0.7, 0.9])
    trial = trial.first(6)

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
    assert torch.isfinite(found).all()
    assert found.abs().max() < 10


@pytest.mark.parametrize("values", [[0.0] * 20, [1.0, *[0.0] * 19]])
def test_trials_that_are_all_the_same(values):
    same = Curve(range(1, 21), values, 20)
    found = features_of(same.first(5), [same] * 6)
    assert torch.isfinite(found).all()
    assert found[[0, 5, 6, 7, 8]].abs().max() < 1e-9  # neither better nor worse than the others
    torch.testing.assert_close(features_of(same.first(5), [same] * 6), found)


def test_trials_without_hyperparameters():
    *others, trial = (Curve(c.steps, c.values, c.horizon) for c in curves([0.5, 0.8, 0.7, 0.9]))
    assert torch.isfinite(features_of(trial.first(5), others)).all()


def test_with_and_without_hyperparameters_is_each_of_the_two():
    trial, *others = curves([0.6, 0.2, 0.85, 0.3, 0.8, 0.4, 0.1, 0.7])
    for finished in (0, 4):
        study = others[:finished], [other.first(5 + i) for i, other in enumerate(others[finished:])]
        known, unknown = (look(trial.first(4), *study, "maximize", use_params=use) for use in (True, False))
        told, untold = with_and_without(*known)
        assert torch.equal(told, features(*known))
        assert torch.equal(untold, features(*unknown))
        assert not torch.equal(told, untold)
