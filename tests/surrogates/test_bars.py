"""Mixtures as bars against scipy's normal and Student distributions."""

import numpy as np
import pytest
from scipy import stats

from lcstop.surrogates.bars import BORDERS, FLOOR, mixture_bars, student


def mixture(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random(n), rng.uniform(-0.2, 1.2, n), np.exp(rng.normal(-3, 1, n))


@pytest.mark.parametrize("n", [1, 20, 300])
def test_masses_are_those_of_the_mixture(n):
    weights, means, stds = mixture(n, n)
    bars = mixture_bars(weights, means, stds)
    inner = BORDERS[1:-1]
    expected = weights / weights.sum() @ stats.norm.cdf(inner, means[:, None], stds[:, None])
    assert bars.cdf(inner) == pytest.approx(expected, abs=2 * FLOOR)


def test_small_masses_keep_their_precision():
    """Only the floor limits it, from about five standard deviations on."""
    bars = mixture_bars([1.0], [0.4], [0.05])
    middle = (BORDERS[1:] + BORDERS[:-1]) / 2
    for y in middle[(middle > 0.1) & (middle < 0.65)]:
        assert bars.log_prob(y) == pytest.approx(stats.norm.logpdf(y, 0.4, 0.05), abs=0.01)


def test_density_beyond_the_unit_interval():
    bars = mixture_bars([1.0], [1.0], [0.3])
    for y in (-0.2, 1.002, 1.1, 1.7):
        assert bars.log_prob(y) == pytest.approx(stats.norm.logpdf(y, 1.0, 0.3), abs=0.25)
    assert bars.restrict(0, 1).cdf(1.0) == 1


@pytest.mark.parametrize("std", [1e-12, 1e-3, 1.0, 100.0])
def test_log_density_is_finite_everywhere(std):
    bars = mixture_bars([0.5, 0.0], [0.3, 0.7], [std, std])
    assert np.isfinite(bars.log_prob(np.array([-50.0, -1.0, 0.0, 0.3, 0.9, 1.5, 3.0, 50.0]))).all()
    assert bars.mean() == pytest.approx(0.3, abs=0.001 if std < 1 else 1)


def test_batches_broadcast():
    weights, means, stds = mixture(6, 0)
    batch = mixture_bars(weights, means.reshape(2, 1, 3)[:, [0, 0]].repeat(2, -1), stds)
    assert batch.shape == (2, 2)
    alone = mixture_bars(weights, means[3:].repeat(2), stds)
    assert np.array_equal(batch.log_mass[1, 0], alone.log_mass)


@pytest.mark.parametrize("freedom", [1.0, 2.5, 10.0, 1000.0])
def test_student_distributions(freedom):
    bars = mixture_bars(*student([1.0], [0.5], [0.05], [freedom]))
    levels = np.array([0.025, 0.05, 0.2, 0.5, 0.8, 0.95, 0.975])
    expected = stats.t(freedom, 0.5, 0.05).ppf(levels)
    assert bars.quantile(levels) == pytest.approx(expected, abs=0.012 if freedom == 1 else 0.001)
