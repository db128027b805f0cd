"""The vectorised prior compared with an independent one in plain numpy."""

import math

import numpy as np
import pytest
import torch

from lcstop.priors import lcpfn

pytestmark = pytest.mark.torch

T = np.array([1.0, 10.0, 50.0, 100.0])
N = 20_000


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numpy_curve(rng: np.random.Generator, t: np.ndarray) -> dict[str, np.ndarray]:
    """One proposal, from the formulas of the paper and the ranges of its code."""
    w = rng.uniform(0, 1, 3)
    c, a, alpha = rng.uniform(0, 1.25), rng.uniform(-0.6, 0.6), rng.lognormal(0, 2)
    parts = {"pow3": c - a * t**-alpha}
    a, b, k, d = rng.uniform(0, 1), rng.uniform(0, 2), rng.lognormal(-2, 1), rng.lognormal(0, 0.5)
    parts["janoschek"] = np.array([a - (a - b) * math.exp(-k * x**d) for x in t])
    c, a = rng.uniform(0, 1), rng.uniform(-0.5, 0.5)
    parts["ilog2"] = c - a / np.log(t + 1)
    parts["sum"] = w[0] * parts["pow3"] + w[1] * parts["janoschek"] + w[2] * parts["ilog2"]
    return parts


def assert_same_quantiles(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Quantiles of two samples ``[n, 4]`` agree at each step, within five standard errors from 20 splits."""
    q = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    a, b = np.quantile(ours, q, axis=0), np.quantile(theirs, q, axis=0)
    spread = [
        np.std([np.quantile(part, q, axis=0) for part in np.array_split(x, 20)], axis=0) / math.sqrt(20)
        for x in (ours, theirs)
    ]
    error = np.sqrt(spread[0] ** 2 + spread[1] ** 2) + 1e-6
    assert (np.abs(a - b) < 5 * error).all(), (a - b) / error


@pytest.mark.parametrize("family", ["pow3", "janoschek", "ilog2"])
def test_family_has_the_quantiles_of_the_reference(family):
    rng = np.random.default_rng(1)
    theirs = np.array([numpy_curve(rng, T)[family] for _ in range(N)])
    parameters = lcpfn.propose(N, seeded(1))
    ours = getattr(lcpfn, family)(parameters, torch.tensor(T, dtype=torch.float32))
    assert_same_quantiles(ours.double().numpy(), theirs)


def test_acceptance_rate_and_kept_curves_match_the_reference():
    rng = np.random.default_rng(2)
    t = np.arange(1, 101.0)
    proposals = np.array([numpy_curve(rng, t)["sum"] for _ in range(N)])
    kept = proposals[(proposals.min(1) >= 0) & (proposals.max(1) <= 1) & (proposals[:, 0] < proposals[:, -1])]
    rate = len(kept) / N
    ours = lcpfn.evaluate(lcpfn.propose(N, seeded(2)), torch.linspace(1, 100, 100))
    our_rate = lcpfn.accepted(ours).double().mean().item()
    assert abs(rate - our_rate) < 5 * math.sqrt(2 * rate * (1 - rate) / N)
    steps = (T - 1).astype(int)
    sampled = lcpfn.sample_noiseless(10_000, generator=seeded(3)).double().numpy()
    assert_same_quantiles(sampled[:, steps], kept[:, steps])


def test_every_kept_curve_obeys_the_rejection_rule():
    curves = lcpfn.sample_noiseless(5000, generator=seeded(4))
    assert curves.shape == (5000, 100)
    assert lcpfn.accepted(curves).all()


def test_noise_is_one_log_normal_sigma_per_curve():
    noiseless = lcpfn.sample_noiseless(4000, generator=seeded(5))
    noisy = lcpfn.sample_curves(4000, generator=seeded(5))
    log_sigma = (noisy - noiseless).std(1).log()
    assert log_sigma.mean().item() == pytest.approx(-4, abs=0.1)
    assert log_sigma.std().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("length", [2, 7, 100, 1000])
def test_length_only_changes_where_the_curves_are_looked_at(length):
    curves = lcpfn.sample_noiseless(3000, generator=seeded(6), length=length)
    reference = lcpfn.sample_noiseless(3000, generator=seeded(7))
    assert curves.shape == (3000, length)
    assert curves[:, -1].mean().item() == pytest.approx(reference[:, -1].mean().item(), abs=0.03)
    same = lcpfn.sample_noiseless(3000, generator=seeded(6))  # the rule checks t = 1 .. 100
    assert curves[:, [0, -1]].numpy() == pytest.approx(same[:, [0, -1]].numpy(), abs=1e-5)


def test_same_generator_state_gives_the_same_curves_and_leaves_the_global_state():
    before = torch.get_rng_state()
    a, b = (lcpfn.sample_curves(10, generator=seeded(8)) for _ in range(2))
    assert torch.equal(a, b)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("n", "length"), [(-1, 100), (1, 1)])
def test_bad_sizes_are_refused(n, length):
    with pytest.raises(ValueError, match=r"must be at least .*, got"):
        lcpfn.sample_curves(n, generator=seeded(0), length=length)
