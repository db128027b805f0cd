"""The forward pass in numpy has the logits of the torch network, for one curve and for many."""

import numpy as np
import pytest
import torch

from lcstop.surrogates.network_config import NetworkConfig
from lcstop.surrogates.numpy_network import NumpyLCPFNNetwork
from lcstop.surrogates.torch_network import LCPFNNetwork

pytestmark = pytest.mark.torch


def random_curves(lengths: list[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Random steps ``[1, n, 2]`` and values ``[1, n]`` for each length ``n``."""
    generator = torch.Generator().manual_seed(1)
    steps = [(torch.arange(1, n + 1) / 100)[None, :, None].expand(-1, -1, 2) for n in lengths]
    return [(step, torch.rand(1, step.shape[1], generator=generator)) for step in steps]


def padded(curves: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, values and numbers of points as arguments of the forward pass in numpy."""
    n_points = np.array([value.shape[1] for _, value in curves])
    longest = n_points.max()
    step = np.full((len(curves), longest, 2), 0.7, np.float32)
    value = np.zeros((len(curves), longest), np.float32)
    for row, (when, seen) in enumerate(curves):
        n = seen.shape[1]
        step[row, longest - n :], value[row, longest - n :] = when[0].numpy(), seen[0].numpy()
        value[row, : longest - n] = seen[0, :1].numpy()
    return step, value, n_points


@pytest.mark.parametrize(
    ("patch", "lengths"),
    [(1, [0]), (1, [1]), (1, [17, 17, 17]), (4, [0, 0]), (4, [1, 2, 3, 4]), (4, [18, 17, 20]), (4, [80])],
)
@pytest.mark.parametrize("prior", [0, 1])
def test_the_logits_are_those_of_the_network(patch, lengths, prior):
    torch.manual_seed(0)
    network = LCPFNNetwork(NetworkConfig(width=32, layers=3, heads=4, n_bins=50, patch=patch)).eval()
    curves, query = random_curves(lengths), torch.full((1, 1, 3, 2), 0.9)
    query = query + torch.arange(3)[:, None] / 100
    with torch.no_grad():
        for parameter in network.parameters():  # so that norms and biases are not ones and zeros
            parameter.add_(0.3 * torch.randn(parameter.shape))
        in_numpy = NumpyLCPFNNetwork(
            network.config, {name: x.numpy() for name, x in network.state_dict().items()}
        )
        queries = np.broadcast_to(query[0].numpy(), (len(lengths), 3, 2))
        found = in_numpy.logits(prior, *padded(curves), queries)
        assert found.shape == (len(lengths), 3, 50)
        for row, (step, value) in enumerate(curves):
            state = network.encode(step, value, prior=torch.tensor([prior]))[:, -1:]
            cutoff = step[:, -1:] if step.shape[1] else torch.zeros(1, 1, 2)
            expected = network.predict(state, cutoff, query)[0, 0]
            assert found[row] == pytest.approx(expected.numpy(), abs=1e-4, rel=1e-4)
