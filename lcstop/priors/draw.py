"""Random numbers for a prior of curves, one row for each curve."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Draw:
    """Random columns from one generator, ``[n, 1]`` by default.

    Args:
        n: Number of rows.
        generator: Source of all randomness; its device must be ``device``.
        device: Device of the columns; the CPU by default.

    Example:
        >>> draw = Draw(3, torch.Generator().manual_seed(0))
        >>> draw.uniform(2, 5).shape
        torch.Size([3, 1])
    """

    def __init__(self, n: int, generator: torch.Generator, device: torch.device | str = "cpu") -> None:
        self.n, self.generator, self.device = n, generator, device

    def rand(self, columns: int = 1) -> Tensor:
        """Uniform on [0, 1), ``[n, columns]``."""
        return torch.rand(self.n, columns, generator=self.generator, device=self.device)

    def randn(self, columns: int = 1) -> Tensor:
        """Standard normal, ``[n, columns]``."""
        return torch.randn(self.n, columns, generator=self.generator, device=self.device)

    def uniform(self, low: float, high: float) -> Tensor:
        """Uniform between ``low`` and ``high``, ``[n, 1]``."""
        return low + (high - low) * self.rand()

    def log_uniform(self, low: float, high: float) -> Tensor:
        """Log-uniform between ``low`` and ``high``, both above 0, ``[n, 1]``."""
        return torch.exp(self.uniform(math.log(low), math.log(high)))

    def normal(self, mean: float, std: float) -> Tensor:
        """Normal with mean ``mean`` and standard deviation ``std``, ``[n, 1]``."""
        return mean + std * self.randn()

    def chance(self, share: float) -> Tensor:
        """True with probability ``share``, ``[n, 1]``."""
        return self.rand() < share

    @staticmethod
    def only(where: Tensor, value: Tensor) -> Tensor:
        """``value`` where ``where`` is true, 0 elsewhere."""
        return torch.where(where, value, torch.zeros_like(value))
