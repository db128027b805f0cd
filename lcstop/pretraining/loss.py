"""The training loss: negative log density of the bar distribution, in torch for its gradient.

:class:`lcstop.surrogates.forecast.BarDistribution` is the same density for inference; a test compares them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lcstop.surrogates.forecast import HALF_NORMAL_MEDIAN


def bin_borders(values: Tensor, n_bins: int) -> Tensor:
    """Borders of ``n_bins`` bins of about equal mass under ``values``: ``[n_bins + 1]``, increasing.

    0 and 1, the ends of the unit interval, are always borders, so that a forecast can be conditioned on
    the metric's range without splitting a bin. The outermost two borders only set the width of the tails.
    """
    levels = torch.linspace(0, 1, n_bins + 1, dtype=torch.float64)
    borders = torch.quantile(values.double().flatten(), levels)
    for edge in (0.0, 1.0):
        borders[(borders[1:-1] - edge).abs().argmin() + 1] = edge
    if not bool((borders.diff() > 0).all()):
        raise ValueError(f"{values.numel()} values are too few or too equal for {n_bins=} distinct bins")
    return borders.float()


def bar_log_prob(logits: Tensor, y: Tensor, borders: Tensor) -> Tensor:
    """Log density of each of several ``y`` ``[..., n_draws]`` under logits ``[..., n_bins]``.

    Inner bins are uniform. The first and the last are half-normal, hung from their inner border, with half
    of their mass within the bin's own width (Müller et al. 2022, arXiv 2112.10510).
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
    """Log mass of a few of the many bins of each distribution, float32.

    The gradient is written out: that of torch for a log-softmax and what is gathered from it takes over three
    times as long on a CPU, a tenth of a training step.
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
