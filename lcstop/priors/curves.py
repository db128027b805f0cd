"""What a prior draws: curves as a signal and the size of the noise that is fresh at each step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Curves(NamedTuple):
    """Curves ``[n, length]`` on the unit interval, higher is better.

    Kept apart, because noise that is independent from step to step may be drawn as often as one likes for
    the same curve: several targets of one forecast say more about its distribution than one.
    """

    signal: Tensor
    """Whatever is not independent from step to step, ``[n, length]``."""

    sigma: Tensor
    """Standard deviation of the Gaussian noise, ``[n, length]``."""

    def noisy(self, generator: torch.Generator) -> Tensor:
        """What a trial reports: ``[n, length]``."""
        noise = torch.randn(self.signal.shape, generator=generator, device=self.signal.device)
        return self.signal + self.sigma * noise
