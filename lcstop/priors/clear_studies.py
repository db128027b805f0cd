"""Artificial studies as clear as real ones: hyperparameters tell much, and early ranks mostly hold.

In the studies of :mod:`lcstop.priors.study` every random number of a curve follows other functions of the
hyperparameters. Early ranks then tell less of the end than in recorded studies, and so do hyperparameters.
Here a part of each curve is replaced by a clear one: a common growth curve times the quality of the trial,
which follows a smooth response of few hyperparameters. The weight of that part is drawn for each study.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lcstop.priors.curves import Curves
from lcstop.priors.study import Studies

_AS_DRAWN = 0.1
"""Share of the studies that stay as they are."""


def with_clear_part(studies: Studies, generator: torch.Generator) -> Studies:
    """The same studies, with a clear part in most of them.

    Args:
        studies: Artificial studies.
        generator: Source of all randomness, on the CPU.

    Example:
        >>> from lcstop.priors.broad import BroadConfig
        >>> from lcstop.priors.study import sample_studies
        >>> generator = torch.Generator().manual_seed(0)
        >>> drawn = sample_studies(2, 5, generator=generator, horizon=30, config=BroadConfig())
        >>> with_clear_part(drawn, generator).curves.signal.shape
        torch.Size([2, 5, 30])
    """
    n = len(studies.params)

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    signal, sigma = studies.curves
    quality = _quality(studies, generator)
    share = torch.where(rand(n, 1, 1) < _AS_DRAWN, 1.0, rand(n, 1, 1) ** 3)  # of the curves as drawn
    noise = share + torch.where(rand(n, 1, 1) < 0.3, 0.0, (1 - share) * rand(n, 1, 1) ** 2)
    clear = _curves(quality, signal.shape[2], generator)
    return studies._replace(curves=Curves(share * signal + (1 - share) * clear, noise * sigma))


def _quality(studies: Studies, generator: torch.Generator) -> Tensor:
    """Normal scores ``[n_studies, n_trials]``, partly a smooth response of the hyperparameters.

    The response is a sum of powers of the distance from the best value of each hyperparameter. Their weights
    differ much, so that few of them matter.
    """
    n, m, n_params = studies.params.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    weights = (-torch.log(rand(n, 1, n_params) + 1e-6)) ** 3
    weights = weights * (rand(n, 1, n_params) < 0.5 + 0.5 * rand(n, 1, 1))
    best, power = 1.4 * rand(n, 1, n_params) - 0.2, 1 + 1.5 * rand(n, 1, n_params)
    distance = (studies.params - best).abs() ** power
    response = -(weights * distance).sum(2)
    # Two hyperparameters matter together, such as learning rate and batch size.
    first, second = studies.params[..., 0], studies.params[..., 1]
    together = (first - second).abs() if n_params > 1 else torch.zeros(n, m)
    response = response - torch.where(rand(n, 1) < 0.3, 2 * rand(n, 1), 0.0) * together
    explained = torch.where(rand(n, 1) < 0.12, 0.6 * rand(n, 1), 1 - 0.4 * rand(n, 1).square())
    noise = torch.randn(n, m, generator=generator)
    return _normal_scores(explained.sqrt() * _normal_scores(response) + (1 - explained).sqrt() * noise)


def _curves(quality: Tensor, horizon: int, generator: torch.Generator) -> Tensor:
    """Curves ``[n_studies, n_trials, horizon]`` that rise from about 0 to an end that quality gives."""
    n, m = quality.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    rank = torch.special.ndtr(quality)
    dense_top = rank ** torch.exp(0.8 * randn(n, 1) - 0.5)
    of_errors = 1.05 - torch.exp(-1.5 - (0.3 + 1.2 * rand(n, 1)) * quality).clamp(max=1.5)
    end = torch.where(rand(n, 1) < 0.5, dense_top, of_errors)
    # Fast trials are good ones, or bad ones, or neither.
    toward = 2 * rand(n, 1) - 1
    apart = 0.8 * rand(n, 1) ** 1.5
    speed = apart * (toward * quality + (1 - toward.square()).sqrt() * randn(n, m))
    scale = torch.exp(math.log(0.01) + math.log(100) * rand(n, 1) - speed)
    steps = torch.linspace(1 / horizon, 1, horizon)
    x = steps / scale[..., None]
    exponential = 1 - torch.exp(-(x ** torch.exp(0.3 * randn(n, 1, 1))))
    power = 1 - (1 + x) ** -torch.exp(0.6 * randn(n, 1, 1) - 0.3)
    growth = torch.where(rand(n, 1, 1) < 0.5, exponential, power)
    whole = growth / growth[..., -1:].clamp(min=0.05)
    growth = torch.where(rand(n, 1, 1) < 0.7, whole, growth)
    start = 0.05 * randn(n, m) * rand(n, 1)
    return start[..., None] + (end - start)[..., None] * growth


def _normal_scores(values: Tensor) -> Tensor:
    """Ranks within each row ``[n, m]``, as quantiles of a normal distribution."""
    ranks = values.argsort(1).argsort(1)
    scores: Tensor = torch.special.ndtri((ranks + 0.5) / values.shape[1])
    return scores
