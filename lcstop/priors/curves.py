"""Curves of a prior: a signal, and the standard deviation of the independent noise."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Curves(NamedTuple):
    """Curves ``[n, length]``, higher is better.

    Signal and noise are separate, so that the noise of one curve can be drawn many times. Several targets for
    one forecast train it better than one.
    """

    signal: Tensor
    """Curves without independent noise, ``[n, length]``. Correlated noise and spikes are part of them."""

    sigma: Tensor
    """Standard deviation of the independent Gaussian noise, ``[n, length]``."""

    def noisy(self, generator: torch.Generator) -> Tensor:
        """Draw the reported values, ``[n, length]``: signal and noise."""
        noise = torch.randn(self.signal.shape, generator=generator, device=self.signal.device)
        return self.signal + self.sigma * noise
