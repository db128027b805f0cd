"""The MCMC surrogate compared with the sampler of the prior. They share no code."""

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from lcstop import Curve
from lcstop.priors import lcpfn as prior
from lcstop.surrogates.last_value import LastValue
from lcstop.surrogates.mcmc import MCMC
from lcstop.surrogates.posterior import GRID, NAMES, Posterior, allowed, draw_prior, evaluate, weighted

pytestmark = pytest.mark.torch

NONE_SEEN = Posterior(np.empty(0), np.empty(0))


def proposals(n: int, seed: int) -> tuple[dict[str, torch.Tensor], np.ndarray]:
    """Proposals of the sampler of the prior: as its dictionary, and as parameters ``[n, 13]``."""
    drawn = prior.propose(n, torch.Generator().manual_seed(seed))
    rows = [drawn[name] if name in drawn else drawn[name.replace("log_", "")].log() for name in NAMES[:-1]]
    log_sigma = np.random.default_rng(seed).normal(-4, 1, n)
    return drawn, np.stack([*(row.double().numpy() for row in rows), log_sigma], -1)


def test_curves_and_rejection_are_those_of_the_sampler():
    drawn, parameters = proposals(3000, 0)
    expected = prior.evaluate(drawn, torch.from_numpy(GRID).float())
    curves = evaluate(parameters, GRID)
    assert curves == pytest.approx(expected.double().numpy(), abs=1e-4)
    kept = prior.accepted(expected).numpy()
    assert (allowed(curves) == kept).mean() > 0.999  # the sampler is in float32
    finite = np.isfinite(NONE_SEEN.log_prob(weighted(parameters)))
    assert np.array_equal(finite, allowed(curves))


def test_the_density_is_that_of_the_sampler():
    """Ratios of densities between proposals, from the uniform and normal distributions of the sampler."""
    _, parameters = proposals(3000, 1)
    parameters = parameters[allowed(evaluate(parameters, GRID))]
    bells = ((3, 0, 2), (7, -2, 1), (8, 0, 0.5), (12, -4, 1))
    expected = -0.5 * sum(((parameters[:, i] - mean) / std) ** 2 for i, mean, std in bells)
    jacobian = -2 * np.log(parameters[:, [0, 4, 9]]).sum(-1)  # two coefficients by each weight
    assert NONE_SEEN.log_prob(weighted(parameters)) == pytest.approx(expected + jacobian, abs=1e-9)


def test_draws_of_the_prior_have_its_quantiles():
    ends = evaluate(draw_prior(20_000, np.random.default_rng(0)), GRID)[:, [0, 9, 99]]
    generator = torch.Generator().manual_seed(0)
    expected = prior.sample_noiseless(20_000, generator=generator).double().numpy()[:, [0, 9, 99]]
    for q in (0.1, 0.5, 0.9):
        assert np.quantile(ends, q, axis=0) == pytest.approx(np.quantile(expected, q, axis=0), abs=0.015)


def test_better_than_the_last_value_on_curves_of_the_prior():
    curves = prior.sample_curves(10, generator=torch.Generator().manual_seed(3)).double().numpy()
    observed = [Curve(np.arange(1, 21), row[:20], 100) for row in curves]
    at = np.arange(21.0, 101.0, 8)
    surrogates = MCMC(n_samples=150, burn_in=75, n_draws=300), LastValue()
    scores = [s.unit_forecast(observed, at).log_prob(curves[:, 20::8]).mean() for s in surrogates]
    assert scores[0] > scores[1] + 0.3


@pytest.mark.slow
def test_agrees_with_importance_sampling():
    """The posterior predictive of a curve of five points, from two million draws of the sampler.

    Curves, rejection and proposals are those of :mod:`lcstop.priors.lcpfn`, which shares no code with MCMC.
    """
    t, y = np.arange(1.0, 6.0), np.array([0.35, 0.41, 0.52, 0.47, 0.55])
    at = np.array([6.0, 20.0, 100.0])
    grid = torch.from_numpy(GRID).float()
    parts = []
    for seed in range(200):
        drawn, parameters = proposals(10_000, seed)
        kept = prior.accepted(prior.evaluate(drawn, grid)).numpy()
        curves = prior.evaluate(drawn, torch.from_numpy(np.concatenate([t, at])).float()).double().numpy()
        parts.append(np.concatenate([curves, parameters[:, -1:]], -1)[kept])
    draws = np.concatenate(parts)
    log_sigma = draws[:, -1]
    log_weight = -0.5 * ((draws[:, :5] - y) ** 2).sum(-1) * np.exp(-2 * log_sigma) - 5 * log_sigma
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    n_independent = 1 / (weight**2).sum()
    assert n_independent > 2000
    mean = weight @ draws[:, 5:8]
    variance = weight @ ((draws[:, 5:8] - mean) ** 2) + weight @ np.exp(2 * log_sigma)
    cdf = weight @ ndtr((mean - draws[:, 5:8]) / np.exp(log_sigma)[:, None])

    surrogate = MCMC(n_samples=20_000, burn_in=2000, n_draws=20_000)
    bars = surrogate.unit_forecast([Curve(t, y, 100)], at)
    middle = (bars.borders[1:] + bars.borders[:-1]) / 2
    found = bars.mean()[0]
    found_variance = np.exp(bars.log_mass[0]) @ middle**2 - found**2
    error = np.sqrt(variance * (1 / n_independent + 1 / surrogate.diagnostics[0].effective_samples))
    assert (np.abs(found - mean) < 4 * error).all()
    # Between seeds, standard deviations of the chains differ by 3 % and those of the draws by 1 %.
    assert np.sqrt(found_variance) == pytest.approx(np.sqrt(variance), rel=0.1)
    assert bars.cdf(mean)[0] == pytest.approx(cdf, abs=0.03)
