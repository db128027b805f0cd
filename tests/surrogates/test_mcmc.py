"""The MCMC surrogate: prior, posterior, diagnostics, and an untouched global random state."""

import builtins
import math

import numpy as np
import pytest

from lcstop import Curve, MetricScale
from lcstop.surrogates import load_surrogate
from lcstop.surrogates.mcmc import MCMC
from lcstop.surrogates.posterior import Posterior, draw_prior, evaluate, weighted

UNIT = MetricScale("maximize", 0.0, 1.0)
NONE_SEEN = Posterior(np.empty(0), np.empty(0))


@pytest.mark.parametrize(
    ("index", "value"), [(0, -0.1), (0, 0.0), (1, 1.3), (2, -0.7), (9, 1.1), (10, math.nan), (3, 800.0)]
)
def test_impossible_parameters_have_no_density(index, value):
    parameters = draw_prior(1, np.random.default_rng(0))[:1]
    parameters[0, index] = value
    assert NONE_SEEN.log_prob(weighted(parameters))[0] in (-math.inf, pytest.approx(-0.5 * 400**2, rel=0.1))


def test_the_likelihood_looks_between_grid_points():
    draws = draw_prior(50, np.random.default_rng(0))[:50]
    t, y = np.array([1.5, 2.0, 33.3]), np.array([0.2, 0.3, 0.5])
    residual = (evaluate(draws, t) - y) / np.exp(draws[:, -1:])
    expected = -0.5 * (residual**2).sum(-1) - 3 * draws[:, -1]
    found = Posterior(t, y).log_prob(weighted(draws)) - NONE_SEEN.log_prob(weighted(draws))
    assert found == pytest.approx(expected, rel=1e-9)


def test_walkers_start_where_the_curve_is():
    t = np.arange(1.0, 41.0)
    pool = draw_prior(20_000, np.random.default_rng(0))
    truth = evaluate(pool[:1], t)[0]
    y = truth + np.random.default_rng(1).normal(0, 0.01, len(t))
    posterior = Posterior(t, y)
    start = posterior.start(pool[1:], 100, np.random.default_rng(2))
    assert len(np.unique(start, axis=0)) == 100
    assert np.isfinite(posterior.log_prob(start)).all()
    error = np.median(posterior.log_prob(start)) - np.median(posterior.log_prob(weighted(pool[:1000])))
    assert error > 0


@pytest.fixture(scope="module")
def known():
    """A forecast from 40 noisy points of a known curve; the curve and its noise come with it."""
    t, sigma = np.arange(1.0, 101.0), 0.01
    truth = 0.9 * (0.8 - 0.4 * t**-0.8)
    curve = Curve(t[:40], truth[:40] + np.random.default_rng(0).normal(0, sigma, 40), horizon=100)
    surrogate = MCMC(n_samples=800, burn_in=300)
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    bars = surrogate.unit_forecast([curve], np.array([50.0, 100.0]))
    untouched = np.random.get_state()[1].tolist() == before  # noqa: NPY002
    return truth, sigma, curve, surrogate, bars, untouched


def test_a_known_curve_is_recovered(known):
    truth, sigma, _, _, bars, _ = known
    assert bars.quantile(0.5)[0] == pytest.approx(truth[[49, 99]], abs=2 * sigma)
    width = (bars.quantile(0.95) - bars.quantile(0.05))[0]
    assert (width > 2 * 1.645 * 0.7 * sigma).all()  # at least the noise
    assert (width < 0.2).all()


def test_chains_are_diagnosed(known):
    (found,) = known[3].diagnostics
    assert 0.02 < found.acceptance < 0.6
    assert found.stuck < 0.1
    assert 5 < found.autocorrelation_time < 500
    assert found.effective_samples == pytest.approx(500 * 100 / found.autocorrelation_time)


def test_the_global_generator_is_untouched(known):
    assert known[-1]


def test_same_seed_same_answer():
    curve = Curve([1, 2, 3, 4], [0.2, 0.3, 0.35, 0.4], 50)
    options = {"n_walkers": 26, "n_samples": 100, "burn_in": 50}
    a, b, other = (MCMC(**options, seed=seed).forecast([curve], [50], UNIT) for seed in (1, 1, 2))
    assert np.array_equal(a.bars.log_mass, b.bars.log_mass)
    assert not np.array_equal(a.bars.log_mass, other.bars.log_mass)
    batch = MCMC(**options, seed=1).forecast([Curve([1], [0.5], 50), curve], [20, 50], UNIT)
    assert np.array_equal(batch.bars.log_mass[1, 1], a.bars.log_mass[0, 0])


def test_walkers_one_by_one_give_the_same_chains():
    curve = Curve([1, 2, 3, 4], [0.2, 0.3, 0.35, 0.4], 50)
    options = {"n_walkers": 26, "n_samples": 30, "burn_in": 10}
    a, b = (MCMC(**options, vectorize=vectorize).forecast([curve], [50], UNIT) for vectorize in (True, False))
    assert a.median() == pytest.approx(b.median(), abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_walkers": 25}, "n_walkers must be even, from 26"),
        ({"n_walkers": 27}, "n_walkers must be even"),
        ({"n_samples": 500}, "burn_in must be from 0 to below n_samples"),
        ({"burn_in": -1}, "burn_in must be"),
        ({"n_draws": 0}, "n_draws must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        MCMC(**options)


def test_without_emcee_the_extra_is_named(monkeypatch):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "emcee":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "lcstop\[mcmc\]"'):
        load_surrogate("mcmc")
