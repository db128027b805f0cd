"""The torch network: scored on fresh curves, saved, and loaded again."""

import json
from unittest import mock

import numpy as np
import pytest
import torch

from lcstop import Curve, MetricScale
from lcstop.nn.weights import SHIPPED
from lcstop.pretraining.evaluate import evaluate_prior
from lcstop.surrogates.lcpfn import LCPFN
from lcstop.surrogates.network_config import NetworkConfig
from lcstop.surrogates.torch_network import LCPFNNetwork

pytestmark = pytest.mark.torch

SMALL = NetworkConfig(width=16, layers=1, heads=2, n_bins=20)


def test_shipped_weights_score_on_fresh_curves_what_their_card_says():
    card = json.loads((SHIPPED / "lcpfn.json").read_text())
    fresh = evaluate_prior(LCPFNNetwork.load(SHIPPED / "lcpfn.safetensors"), 500, 7)
    for score, row in zip(fresh, card["evaluation"], strict=True):
        error = np.hypot(score.standard_error, row["standard_error"])
        assert abs(score.log_likelihood - row["log_likelihood"]) < 4 * error


def test_weights_round_trip(tmp_path):
    path = tmp_path / "w.safetensors"
    network = LCPFNNetwork(SMALL)
    network.borders.copy_(torch.arange(-1, 20) / 10)  # 0 and 1 among them
    network.save(path, {})
    assert LCPFNNetwork.load(path).config == SMALL
    forecast = LCPFN(path).forecast([Curve([1], [0.5], 9)], at=[9], scale=MetricScale("maximize", 0, 1))
    assert forecast.median().shape == (1, 1)


def test_loading_draws_no_random_numbers():
    """Restoring the global state afterwards would not do, because other threads may draw in between."""
    generator = torch.default_generator
    before = generator.get_state()
    with mock.patch.object(torch, "set_rng_state", side_effect=AssertionError):
        LCPFNNetwork.load(SHIPPED / "lcpfn.safetensors")
    assert torch.equal(before, generator.get_state())
