"""The forward passes for forecasts, of many curves and of one, compute what the network does."""

from unittest import mock

import numpy as np
import pytest
import torch

from lcstop import Curve
from lcstop.priors.lcpfn import sample_curves
from lcstop.surrogates import torch_inference as inference
from lcstop.surrogates.lcpfn import LCPFN
from lcstop.surrogates.network_config import NetworkConfig
from lcstop.surrogates.numpy_network import QuickNetwork
from lcstop.surrogates.torch_inference import Inference
from lcstop.surrogates.torch_network import LCPFNNetwork


def arguments(n_curves: int, lengths: list[int], patch: int):
    """Random curves, each shifted so that its last point ends a patch."""
    points = -(-max(lengths) // patch) * patch
    generator = torch.Generator().manual_seed(1)
    step = torch.zeros(n_curves, points, 2)
    value, there = torch.zeros(n_curves, points), torch.zeros(n_curves, points)
    cutoff, curves = torch.zeros(n_curves, 1, 2), []
    for row, n in enumerate(lengths):
        seen = torch.rand(n, generator=generator)
        when = (torch.arange(1, n + 1) / 100)[:, None].expand(-1, 2)
        first = -n % patch
        step[row, first : first + n], value[row, first : first + n] = when, seen
        there[row, first : first + n] = 1
        if n:
            value[row, :first], cutoff[row] = seen[0], when[-1]
        curves.append((when[None], seen[None]))
    patches = torch.tensor([-(-n // patch) for n in lengths])
    query = torch.full((n_curves, 3, 2), 0.9) + torch.arange(3)[:, None] / 100
    return (step, value, there, patches, cutoff, query), curves


@pytest.mark.parametrize("lengths", [[0, 1, 2, 3, 4, 5, 17, 64, 80], [17, 18, 20], [0]])
@pytest.mark.parametrize("patch", [1, 4])
@pytest.mark.parametrize("prior", [0, 1])
def test_the_logits_are_those_of_the_network(patch, lengths, prior):
    torch.manual_seed(0)
    network = LCPFNNetwork(NetworkConfig(width=32, layers=3, heads=4, n_bins=50, patch=patch)).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # norms and biases are not ones and zeros
            parameter.add_(0.3 * torch.randn(parameter.shape))
        inputs, curves = arguments(len(lengths), lengths, patch)
        quick = QuickNetwork(network.config, {name: x.numpy() for name, x in network.state_dict().items()})
        found = Inference(network).logits(prior, *inputs)
        assert found.shape == (len(lengths), 3, 50)
        for row, (step, value) in enumerate(curves):
            state = network.encode(step, value, prior=torch.tensor([prior]))[:, -1:]
            query = inputs[5][row : row + 1, None]
            expected = network.predict(state, inputs[4][row : row + 1], query)[:, 0]
            assert torch.allclose(found[row : row + 1], expected, atol=1e-4, rtol=1e-4)
            alone = quick.logits(prior, step[0].numpy(), value[0].numpy(), inputs[5][row].numpy())
            assert alone == pytest.approx(expected[0].numpy(), abs=1e-4, rel=1e-4)


def test_many_curves_at_once_give_what_single_curves_give():
    """Also where they are multiplied in bf16: it moves no more than a twentieth of any forecast's mass."""
    values = sample_curves(100, generator=torch.Generator().manual_seed(4)).double().numpy().clip(0, 1)
    curves = [Curve(np.arange(1, 1 + n), row[:n], 100) for n, row in enumerate(values, start=1) if n < 100]
    surrogate, at = LCPFN(prior="published"), np.array([100.0])
    many, alone = (
        surrogate.unit_forecast(curves, at),
        [surrogate.unit_forecast([curve], at) for curve in curves],
    )
    masses = np.exp([bars.log_mass[0, 0] for bars in alone])
    moved = np.abs(np.exp(many.log_mass[:, 0]) - masses).sum(-1) / 2
    assert moved.mean() < 0.01
    assert moved.max() < 0.05
    with mock.patch.object(inference, "cpu_has_bf16", return_value=False):
        exact = LCPFN(prior="published").unit_forecast(curves, at)
    assert np.exp(exact.log_mass[:, 0]) == pytest.approx(masses, abs=1e-5)
