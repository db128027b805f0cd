"""The shipped network: weights on disk, and properties that any good forecast has."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest
import torch

from lcstop import Curve, MetricScale, load_surrogate
from lcstop.nn.weights import SHIPPED, WeightsError
from lcstop.pretraining.evaluate import evaluate_prior
from lcstop.priors.lcpfn import sample_curves
from lcstop.surrogates.lcpfn import LCPFN
from lcstop.surrogates.network_config import NetworkConfig
from lcstop.surrogates.torch_network import LCPFNNetwork

UNIT = MetricScale("maximize", 0.0, 1.0)
SMALL = NetworkConfig(width=16, layers=1, heads=2, n_bins=20)


def saturating(horizon: int, n: int, top: float = 0.8) -> Curve:
    steps = np.arange(1, n + 1)
    return Curve(steps, top * (1 - np.exp(-6 * steps / horizon)), horizon)


def test_shipped_weights_score_on_fresh_curves_what_their_card_says():
    card = json.loads((SHIPPED / "lcpfn.json").read_text())
    fresh = evaluate_prior(LCPFNNetwork.load(SHIPPED / "lcpfn.safetensors"), 500, 7)
    for score, row in zip(fresh, card["evaluation"], strict=True):
        error = np.hypot(score.standard_error, row["standard_error"])
        assert abs(score.log_likelihood - row["log_likelihood"]) < 4 * error


def test_the_shipped_weights_are_not_behind_the_published_network_by_more_than_chance():
    """The largest published one, 26.8 M parameters: 1.758 / 2.133 / 2.403 / 2.519 at 10 / 20 / 40 / 80 %."""
    card = json.loads((SHIPPED / "lcpfn.json").read_text())
    for row, published in zip(card["evaluation"], (1.758, 2.133, 2.403, 2.519), strict=True):
        assert row["standard_error"] < 0.004
        assert row["log_likelihood"] >= published - 2 * row["standard_error"]
    assert card["training"]["evaluation_curves"] >= 100_000
    assert set(card["versions"]) == {"python", "torch", "numpy", "safetensors"}
    network = LCPFNNetwork.load(SHIPPED / "lcpfn.safetensors")
    assert sum(parameter.numel() for parameter in network.parameters()) <= 4_000_000
    assert (SHIPPED / "lcpfn.safetensors").stat().st_size <= 16e6


def test_the_interval_covers_prior_curves():
    curves = sample_curves(400, generator=torch.Generator().manual_seed(11)).double().numpy().clip(0, 1)
    observed = [Curve(np.arange(1, 21), c[:20], 100) for c in curves]
    forecast = load_surrogate("lcpfn-published").forecast(observed, at=[100], scale=UNIT)
    low, high = forecast.quantile(0.05)[:, 0], forecast.quantile(0.95)[:, 0]
    coverage = ((low <= curves[:, -1]) & (curves[:, -1] <= high)).mean()
    assert 0.85 < coverage < 0.95


def test_a_batch_gives_what_single_curves_give():
    surrogate = load_surrogate()
    curves = [saturating(50, n) for n in (3, 1, 40, 17)] + [Curve([], [], 50), saturating(60, 44)]
    batch = surrogate.forecast(curves, at=[45, 50], scale=UNIT)
    for i, curve in enumerate(curves):
        alone = surrogate.forecast([curve], at=[45, 50], scale=UNIT)
        assert batch.median()[i] == pytest.approx(alone.median()[0], abs=1e-4)


def test_the_prior_is_part_of_the_forecast():
    late = Curve(np.arange(1, 41), np.full(40, 0.3) + 0.002 * np.sin(np.arange(40)), 100)
    broad, published = (
        load_surrogate(name).forecast([late], at=[100], scale=UNIT) for name in ("lcpfn", "lcpfn-published")
    )
    # A late lift, by a learning-rate schedule say, is possible in the broad prior alone.
    assert broad.prob_above(0.4)[0, 0] > 3 * published.prob_above(0.4)[0, 0]
    with pytest.raises(ValueError, match="prior must be one of published, broad, got 'flat'"):
        LCPFN(prior="flat")


def test_horizons_are_scaled():
    """The same shape over 10, 50 or 5,000 steps ends at about the same value."""
    ends = [
        load_surrogate().forecast([saturating(h, h // 2)], at=[h], scale=UNIT).median()[0, 0]
        for h in (10, 50, 100, 5000)
    ]
    assert ends == pytest.approx([0.8] * 4, abs=0.05)


def test_sparse_and_irregular_steps():
    dense = saturating(100, 60)
    part = np.sort(np.random.default_rng(0).choice(60, 20, replace=False))
    sparse = Curve(dense.steps[part], dense.values[part], 100)
    medians = [load_surrogate().forecast([c], at=[100], scale=UNIT).median()[0, 0] for c in (dense, sparse)]
    assert medians[0] == pytest.approx(medians[1], abs=0.03)


def test_diverged_points_are_passed_over():
    curve = saturating(50, 20)
    values = curve.values.copy()
    values[10] = np.nan
    broken = Curve(curve.steps, values, 50)
    without = Curve(np.delete(curve.steps, 10), np.delete(curve.values, 10), 50)
    medians = [load_surrogate().forecast([c], at=[50], scale=UNIT).median()[0, 0] for c in (without, broken)]
    assert medians[0] == medians[1]


@pytest.mark.parametrize("at", [[], [3], [2, 50], [51], [float("nan")]])
def test_only_later_steps_can_be_forecast(at):
    with pytest.raises(ValueError, match="at must"):
        load_surrogate().forecast([saturating(50, 3)], at=at, scale=UNIT)


def test_a_forecast_needs_a_curve():
    with pytest.raises(ValueError, match="at least one curve"):
        load_surrogate().forecast([], at=[50], scale=UNIT)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.safetensors"
    network = LCPFNNetwork(SMALL)
    network.borders.copy_(torch.arange(-1, 20) / 10)  # 0 and 1 among them
    network.save(path, {})
    return path


def test_weights_round_trip(weights):
    network = LCPFNNetwork.load(weights)
    assert network.config == SMALL
    assert LCPFN(weights).forecast([saturating(50, 3)], at=[50], scale=UNIT).median().shape == (1, 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-10]), "damaged or was replaced"),
        (lambda p: p.write_bytes(b""), "damaged or was replaced"),
        (lambda p: p.unlink(), "cannot read weights"),
        (lambda p: p.with_suffix(".json").unlink(), "cannot read .*w.json"),
        (lambda p: p.with_suffix(".json").write_text("{}"), "cannot read .*w.json"),
        (lambda p: p.with_suffix(".json").write_text("not json"), "cannot read .*w.json"),
    ],
)
def test_damaged_weights_are_refused(weights, damage, message):
    damage(weights)
    with pytest.raises(WeightsError, match=message):
        LCPFNNetwork.load(weights)


def test_loading_draws_no_random_numbers():
    """Other threads may be drawing theirs: not even a restored state would be good enough."""
    generator = torch.default_generator
    before = generator.get_state()
    with mock.patch.object(torch, "set_rng_state", side_effect=AssertionError):
        LCPFNNetwork.load(SHIPPED / "lcpfn.safetensors")
    assert torch.equal(before, generator.get_state())


def test_the_users_torch_settings_are_untouched():
    """Run apart: default dtype, device, threads, seeds and autocast belong to the user."""
    code = """
import torch
from lcstop import Curve, MetricScale, load_surrogate
torch.set_num_threads(2); torch.set_default_dtype(torch.float64); torch.set_default_device("meta")
torch.manual_seed(5); state = torch.get_rng_state()
with torch.autocast("cpu", torch.bfloat16):
    scale, surrogate = MetricScale("maximize", 0., 1.), load_surrogate()
    for n in (1, 200):  # the latter in chunks, on two threads, in bf16 where the CPU has it
        f = surrogate.forecast([Curve([1, 2], [.1, .2], 9)] * n, at=[9], scale=scale)
assert f.median().shape == (200, 1) and 0 < f.median()[0, 0] < 1
assert torch.get_num_threads() == 2 and torch.get_default_dtype() == torch.float64
assert torch.get_default_device().type == "meta" and torch.equal(state, torch.get_rng_state())
assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)  # noqa: S603


def test_forecasts_side_by_side_leave_the_number_of_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        surrogate, curve = load_surrogate(), saturating(50, 20)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: surrogate.forecast([curve] * (1 + i), at=[50], scale=UNIT), range(80)))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
