"""The batch of a training step: grids, cutoffs, queries and targets."""

import dataclasses

import numpy as np
import pytest
import torch

from lcstop import Curve
from lcstop.pretraining.batch import MAX_HORIZON, MIN_HORIZON, forecast_batch, sample_batch, to_steps
from lcstop.pretraining.config import TrainConfig
from lcstop.surrogates.network_config import NetworkConfig
from lcstop.surrogates.prior_time import to_time
from lcstop.surrogates.torch_network import LCPFNNetwork

pytestmark = pytest.mark.torch

CPU = torch.device("cpu")
SMALL = TrainConfig(
    steps=1, batch_size=6, network=NetworkConfig(width=16, layers=2, heads=2, n_bins=50, patch=4)
)


def batch_of(seed: int, config: TrainConfig = SMALL):
    return sample_batch(config, torch.Generator().manual_seed(seed), CPU)


def test_queries_lie_after_their_cutoff_and_within_the_horizon():
    lengths, firsts = set(), set()
    for seed in range(80):
        batch = batch_of(seed)
        assert batch.value.shape == (6, len(batch.step))
        assert (batch.step.diff(dim=0) > 0).all()
        assert 1 <= len(batch.step) <= 100
        for part in (0, 1):
            assert (batch.query[..., part] > batch.cutoff[:, None, part]).all()
            assert 0 < batch.query[..., part].min() <= batch.query[..., part].max() <= 1 + 1e-6
        assert batch.target.shape == (*batch.query.shape[:-1], SMALL.draws_per_query)
        assert torch.isfinite(batch.target).all()
        lengths.add(len(batch.step))
        firsts.add(round(float(batch.step[0, 1]), 6))
    assert len(lengths) > 15
    assert len(firsts) > 30


def test_both_priors_in_their_shares():
    config = SMALL.model_copy(update={"batch_size": 8, "broad_share": 0.25})
    assert batch_of(0, config).prior.tolist() == [0] * 6 + [1] * 2


@pytest.mark.parametrize("patch", [1, 3, 4])
def test_no_forecast_sees_what_it_forecasts(patch):
    """Points after a cutoff must not change its logits. The last point before it must."""
    config = SMALL.model_copy(update={"network": SMALL.network.model_copy(update={"patch": patch})})
    network = LCPFNNetwork(config.network).eval()
    batch = batch_of(3, config)
    logits = forecast_batch(network, batch)
    for i, last in enumerate(batch.cutoff[:, 1].tolist()):
        n = int((batch.step[:, 1] <= last).sum())  # points up to the cutoff
        value = batch.value.clone()
        value[:, n:] += 1.0
        changed = forecast_batch(network, dataclasses.replace(batch, value=value))
        assert torch.allclose(changed[:, i], logits[:, i], atol=1e-6)
        if n:
            value = batch.value.clone()
            value[:, n - 1] += 1.0
            changed = forecast_batch(network, dataclasses.replace(batch, value=value))
            assert not torch.allclose(changed[:, i], logits[:, i], atol=1e-6)


def test_targets_are_draws_of_the_curve_at_the_query():
    """The mean of many targets is the noiseless curve, their spread is that of its noise."""
    config = SMALL.model_copy(
        update={"draws_per_query": 4000, "varied_share": 0.0, "irregular_share": 0.0, "broad_share": 0.0}
    )
    batch = batch_of(5, config)
    spread = batch.target.std(-1)
    n = len(batch.step)
    compared = 0
    for b in range(len(batch.value)):
        index = (batch.query[b, ..., 1] * 100).round().long() - 1
        inside = index < n
        seen = batch.value[b, index[inside]]
        # The observed value is another draw of the same distribution.
        assert ((seen - batch.target[b].mean(-1)[inside]).abs() <= 5 * spread[b][inside]).all()
        compared += int(inside.sum())
    assert compared > 100


@pytest.mark.parametrize("horizon", [MIN_HORIZON, 37, 100, 101, MAX_HORIZON])
def test_training_and_forecasting_agree_on_time(horizon):
    steps = np.arange(1, horizon + 1, dtype=np.float64)
    curve = Curve(steps, steps, horizon)
    trained = to_steps(torch.arange(1, horizon + 1), horizon)
    assert trained[:, 0].numpy() == pytest.approx(to_time([curve], steps[None])[0], rel=1e-5)
    assert trained[:, 1].numpy() == pytest.approx(steps / horizon, rel=1e-6)


def test_step_zero_is_time_zero():
    assert to_steps(torch.tensor([0]), 500).tolist() == [[0.0, 0.0]]
