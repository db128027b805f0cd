"""The training loss: negative log density of the bar distribution, in torch.

:class:`lcstop.surrogates.forecast.BarDistribution` is the same density in numpy. A test compares them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lcstop.surrogates.forecast import HALF_NORMAL_MEDIAN


def bin_borders(values: Tensor, n_bins: int) -> Tensor:
    """Increasing borders ``[n_bins + 1]`` of bins that hold about equally many of ``values``.

    0 and 1 are always borders, so that a forecast can be restricted to the range of the metric without
    splitting a bin. The first and the last border only set the scale of the tails.

    Raises:
        ValueError: If the values are too few or too equal for distinct borders.
    """
    levels = torch.linspace(0, 1, n_bins + 1, dtype=torch.float64)
    borders = torch.quantile(values.double().flatten(), levels)
    for edge in (0.0, 1.0):
        borders[(borders[1:-1] - edge).abs().argmin() + 1] = edge
    if not bool((borders.diff() > 0).all()):
        raise ValueError(f"{values.numel()} values are too few or too equal for {n_bins=} distinct bins")
    return borders.float()


def bar_log_prob(logits: Tensor, y: Tensor, borders: Tensor) -> Tensor:
    """Log densities ``[..., n_draws]`` of values ``y [..., n_draws]`` under logits ``[..., n_bins]``.

    Inner bins are uniform. The first and the last bin are half-normal tails. Each starts at its inner border
    and has half of its mass within the width of its bin (Müller et al. 2022, arXiv 2112.10510).
    """
    n_bins = logits.shape[-1]
    index = torch.searchsorted(borders[1:-1], y.contiguous())  # [..., n_draws] in 0 .. n_bins - 1
    log_mass: Tensor = _LogMass.apply(logits, index)  # type: ignore[no-untyped-call]
    width = borders.diff()
    log_density = -width.log()[index]
    tail = (index == 0) | (index == n_bins - 1)
    scale = width / HALF_NORMAL_MEDIAN
    distance = torch.where(index == 0, borders[1] - y, y - borders[-2])
    half_normal = 0.5 * math.log(2 / math.pi) - scale.log()[index] - 0.5 * (distance / scale[index]) ** 2
    return log_mass + torch.where(tail, half_normal, log_density)


class _LogMass(torch.autograd.Function):
    """Log mass of some bins of each distribution, float32: ``gather`` of a log-softmax.

    The gradient is explicit. Autograd takes more than three times as long on a CPU, a tenth of a training
    step.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, index: Tensor) -> Tensor:
        log_mass = torch.log_softmax(logits, -1, dtype=torch.float32)
        ctx.save_for_backward(log_mass, index)
        ctx.logits_dtype = logits.dtype
        return log_mass.gather(-1, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        log_mass, index = ctx.saved_tensors
        gradient = log_mass.exp().mul_(-grad.sum(-1, keepdim=True)).scatter_add_(-1, index, grad)
        return gradient.to(ctx.logits_dtype), None
