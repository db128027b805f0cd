"""Size of the LC-PFN network, and what it is trained on: known without torch."""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict, Field

PRIORS = ("published", "broad")
"""Priors that the network is trained on; its first token says which one a curve is taken to come from."""

FREQUENCIES = tuple(math.pi * 2**k for k in range(1, 8))
"""Of the sines and cosines by which the network sees a value."""


class NetworkConfig(BaseModel):
    """Size of the network; stored with the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(128, ge=8)
    layers: int = Field(6, ge=1)
    heads: int = Field(4, ge=1)
    n_bins: int = Field(1000, ge=3)
    patch: int = Field(4, ge=1, description="points in a token")
