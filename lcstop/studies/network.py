"""StudyNetwork: where a trial will stand in its study, from features of what has been seen so far."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import erf, expit
from torch import Tensor, nn
from torch.nn import functional

from lcstop.studies.comparison import Array
from lcstop.studies.features import N_FEATURES
from lcstop.surrogates.weights import SHIPPED, read_weights, write_weights
from lcstop.threads import apart

_LOW = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.875)
_HIGH = (0.9, 0.92, 0.94, 0.955, 0.97, 0.98, 0.99)
QUANTILES = _LOW + _HIGH
"""Borders of the bins: shares of the study's configurations that a trial may leave behind."""

TOP = 0.9
"""A trial that leaves this share of all configurations behind ends in the best tenth."""

WEIGHTS = SHIPPED / "study.safetensors"


class StudyNetworkConfig(BaseModel):
    """Size of a :class:`StudyNetwork`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(128, ge=8)
    layers: int = Field(2, ge=1)


class Standing(NamedTuple):
    """What the network says of trials.

    Attributes:
        quantile: Log-probabilities of the bins between :data:`QUANTILES`, for the share of the study's
            configurations that the best value of the trial will leave behind, ``[..., 19]``.
        beats: Log-odds that the trial will beat the incumbent, ``[...]``.
    """

    quantile: Tensor
    beats: Tensor

    def p_top(self) -> Tensor:
        """Probability that the trial ends in the best tenth of the study's configurations, ``[...]``."""
        return self.quantile[..., QUANTILES.index(TOP) + 1 :].exp().sum(-1)


class StudyNetwork(nn.Module):
    """A residual network over standardised features.

    Example:
        >>> standing = StudyNetwork(StudyNetworkConfig())(torch.zeros(3, N_FEATURES))
        >>> standing.quantile.shape, standing.p_top().shape, standing.beats.shape
        (torch.Size([3, 19]), torch.Size([3]), torch.Size([3]))
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: StudyNetworkConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.register_buffer("mean", torch.zeros(N_FEATURES))
        self.register_buffer("std", torch.ones(N_FEATURES))
        self.embed = nn.Linear(N_FEATURES, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
            )
            for _ in range(config.layers)
        )
        self.head = nn.Linear(width, len(QUANTILES) + 2)

    def forward(self, features: Tensor) -> Standing:
        """``features [..., N_FEATURES]``."""
        x = self.embed((features - self.mean) / self.std)
        for block in self.blocks:
            x = x + block(x)
        out = self.head(functional.layer_norm(x, x.shape[-1:])).float()
        return Standing(torch.log_softmax(out[..., :-1], -1), out[..., -1])

    def save(self, path: Path, card: dict[str, object]) -> str:
        """Write ``path`` (``.safetensors``) and the JSON file beside it; return the SHA-256."""
        return write_weights(self.state_dict(), path, {"network": self.config.model_dump(), **card})

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> StudyNetwork:
        """The network at ``path``, ready to predict.

        Raises:
            WeightsError: If either file is missing or unreadable, or the hash differs.
        """
        return apart(lambda: cls._load(path))

    @classmethod
    def _load(cls, path: Path) -> StudyNetwork:
        config, tensors = read_weights(path, StudyNetworkConfig)
        with torch.device("meta"):  # nothing is drawn: the random state is the user's
            network = cls(config)
        network.load_state_dict(tensors, assign=True)
        return network.eval().requires_grad_(False)


class QuickStudyNetwork:
    """A :class:`StudyNetwork` in numpy, for the row of one decision.

    Torch would take ten times as long, most of it before the first product, and would need a thread of its
    own (:mod:`lcstop.threads`).

    Example:
        >>> quick = QuickStudyNetwork(StudyNetwork.load())
        >>> quick.probabilities(np.zeros((1, N_FEATURES))).shape
        (2,)
    """

    def __init__(self, network: StudyNetwork) -> None:
        # By inputs, so that a product is a sum of rows.
        self._weights = {
            name: np.ascontiguousarray(tensor.numpy().T) for name, tensor in network.state_dict().items()
        }
        self._layers = network.config.layers

    def probabilities(self, row: Array) -> Array:
        """Of one trial, from its features ``[1, N_FEATURES]``: ``p_top``, and that it beats the incumbent."""
        weights = self._weights
        x = self._linear("embed", (row[0].astype(np.float32) - weights["mean"]) / weights["std"])
        for i in range(self._layers):
            block = f"blocks.{i}"
            hidden = _normalised(x) * weights[f"{block}.0.weight"] + weights[f"{block}.0.bias"]
            hidden = self._linear(f"{block}.1", hidden)
            hidden = hidden * (1 + erf(hidden * math.sqrt(0.5))) / 2  # GELU
            x = x + self._linear(f"{block}.3", hidden)
        out = self._linear("head", _normalised(x)).astype(np.float64)
        odds = np.exp(out[:-1] - out[:-1].max())
        return np.array([odds[QUANTILES.index(TOP) + 1 :].sum() / odds.sum(), expit(out[-1])])

    def _linear(self, name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
        # Not with ``@``: that would share a matrix of this size among threads, and wait for them.
        found: NDArray[np.float32] = np.einsum("j,ji->i", x, self._weights[f"{name}.weight"])
        found += self._weights[f"{name}.bias"]
        return found


def _normalised(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """As ``torch.nn.functional.layer_norm`` of ``x [width]``."""
    x = x - x.sum() / len(x)
    found: NDArray[np.float32] = x / math.sqrt(x @ x / len(x) + 1e-5)
    return found
