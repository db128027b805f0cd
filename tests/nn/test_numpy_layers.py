"""Linear layers in parts have the outputs of whole layers."""

import numpy as np
import pytest
import torch
from torch import nn

from lcstop.nn import numpy_layers as layers

pytestmark = pytest.mark.torch


@pytest.fixture(params=[(84, 128), (128, 512), (256, 1000), (20, 28)], ids=str)
def whole(request) -> nn.Sequential:
    """Random weights of a norm and a linear layer."""
    torch.manual_seed(0)
    n_in, n_out = request.param
    found = nn.Sequential(nn.LayerNorm(n_in), nn.Linear(n_in, n_out)).requires_grad_(False)
    for parameter in found[0].parameters():
        parameter.add_(torch.randn(n_in))
    return found


def tensors(module: nn.Module) -> layers.Tensors:
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("n", [0, 1, 26])
def test_a_layer_in_parts_takes_the_norm_before_it_in(whole, n):
    x = torch.randn(n, whole[1].in_features)
    cut = layers.layer(tensors(whole), "1", "0")
    found = cut(layers.normalised(x.numpy().T))
    np.testing.assert_allclose(found.T, whole(x), atol=1e-4)
    assert cut.weight[0].size <= 8192  # more would be split among threads


@pytest.mark.parametrize("size", [7, 64])
def test_parts_of_inputs_sum_up(whole, size):
    x = torch.randn(3, whole[1].in_features)
    parts = np.zeros((-(-x.shape[1] // size), size, 3), np.float32)
    parts.reshape(-1, 3)[: x.shape[1]] = x.numpy().T
    found = layers.summing(tensors(whole), "1", size)(parts)
    np.testing.assert_allclose(found.T, whole[1](x), atol=1e-4)


def test_the_activation_is_torchs():
    x = torch.linspace(-9, 9, 1001)
    assert layers.gelu(x.numpy()) == pytest.approx(nn.functional.gelu(x).numpy(), abs=1e-6)
