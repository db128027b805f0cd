"""StudyNetwork: the rank that a trial will have in its study, from features of the reports so far."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from lcstop.nn.torch_io import load_module, save_module
from lcstop.ranking.features import N_FEATURES
from lcstop.ranking.numpy_network import QUANTILES, TOP, WEIGHTS, StudyNetworkConfig


class StudyNetworkOutput(NamedTuple):
    """The output of the network for some trials.

    Attributes:
        quantile: Log-probabilities of the bins between :data:`QUANTILES`, for the share of the study's
            configurations that the best value of the trial will beat, ``[..., 19]``.
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
        >>> output = StudyNetwork(StudyNetworkConfig())(torch.zeros(3, N_FEATURES))
        >>> output.quantile.shape, output.p_top().shape, output.beats.shape
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

    def forward(self, features: Tensor) -> StudyNetworkOutput:
        """``features [..., N_FEATURES]``."""
        x = self.embed((features - self.mean) / self.std)
        for block in self.blocks:
            x = x + block(x)
        out = self.head(functional.layer_norm(x, x.shape[-1:])).float()
        return StudyNetworkOutput(torch.log_softmax(out[..., :-1], -1), out[..., -1])

    def save(self, path: Path, card: dict[str, Any]) -> str:
        """See :func:`lcstop.nn.torch_io.save_module`."""
        return save_module(self, self.config, path, card)

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> StudyNetwork:
        """See :func:`lcstop.nn.torch_io.load_module`."""
        return load_module(cls, StudyNetworkConfig, path)
