"""The training loss is the log density of the bar distribution."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lcstop import BarDistribution
from lcstop.pretraining.loss import bar_log_prob, bin_borders
from tests.surrogates.test_forecast import BORDERS, logits

pytestmark = pytest.mark.torch


@given(logits, st.floats(-2, 3))
def test_training_loss_is_the_same_density(values, y):
    ours = bar_log_prob(torch.tensor(values), torch.tensor(y, dtype=torch.float64), torch.tensor(BORDERS))
    assert float(ours) == pytest.approx(
        float(BarDistribution(BORDERS, values).log_prob(y)), rel=1e-4, abs=1e-4
    )


def test_training_loss_has_the_gradient_of_autograd():
    """Two of the values are in the same bin, and the gradients of both count."""
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), requires_grad=True)
    y = torch.tensor([[0.1, 0.12, 1.3]]).repeat(5, 1)
    borders, weights = torch.tensor(BORDERS, dtype=torch.float32), torch.tensor([1.0, -2.0, 3.0])
    index = torch.searchsorted(borders[1:-1].contiguous(), y)
    assert index[0, 0] == index[0, 1]
    ours = torch.autograd.grad((weights * bar_log_prob(logits, y, borders)).sum(), logits)[0]
    plain = (weights * torch.log_softmax(logits, -1).gather(-1, index)).sum()
    torch.testing.assert_close(ours, torch.autograd.grad(plain, logits)[0])


def test_bin_borders_hold_about_equal_mass_and_the_unit_interval():
    values = torch.from_numpy(np.random.default_rng(0).normal(0.5, 0.4, 100_000))
    borders = bin_borders(values, 50)
    assert 0.0 in borders[1:-1]
    assert 1.0 in borders[1:-1]
    counts, _ = np.histogram(values.numpy(), borders.double().numpy())
    assert counts.max() / counts.min() < 4  # 0 and 1 replace two borders, which changes the bins beside them
    with pytest.raises(ValueError, match="distinct bins"):
        bin_borders(torch.zeros(100), 50)
