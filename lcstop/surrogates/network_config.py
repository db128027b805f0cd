"""Size and inputs of the LC-PFN network, for the numpy and the torch version. Needs no torch."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

PRIORS = ("published", "broad")
"""Priors that the network is trained on. The first token of a curve says which one to assume."""

FREQUENCIES = tuple(math.pi * 2**k for k in range(1, 8))
"""Angular frequencies of the sines and cosines that encode a value."""


class NetworkConfig(BaseModel):
    """Size of the network. It is stored with the weights.

    Attributes:
        width: Size of a token, a multiple of ``heads``.
        layers: Number of transformer blocks.
        heads: Attention heads of a block.
        n_bins: Bins of the predicted distribution.
        patch: Points of a curve in one token.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(128, ge=8)
    layers: int = Field(6, ge=1)
    heads: int = Field(4, ge=1)
    n_bins: int = Field(1000, ge=3)
    patch: int = Field(4, ge=1, description="points in a token")
