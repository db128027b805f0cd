"""The LC-PFN network: a causal transformer over the observed points and a head for any later step.

The published network (arXiv 2310.20447) has one cutoff per curve and batch, and one token per point. Two
things differ here. The encoder is causal, so that one pass trains on many cutoffs of every curve. A token is
a patch of a few points, which makes training and prediction several times faster.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lcstop.nn.torch_io import load_module, save_module
from lcstop.surrogates.network_config import FREQUENCIES, PRIORS, NetworkConfig


class CausalBlock(nn.Module):
    """Pre-norm attention to the same and earlier points, then a two-layer perceptron."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.norm_mlp = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, length, width]`` to the same shape."""
        batch, length, width = x.shape
        qkv = self.qkv(self.norm_attention(x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [batch, heads, length, width / heads]
        if self.training and x.device.type == "cpu":
            # At these lengths the backward pass of the fused kernel is half as fast in bf16 on CPUs.
            future = torch.full((length, length), -math.inf, dtype=q.dtype, device=x.device).triu(1)
            scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2) + future
            mixed = scores.softmax(-1).to(v.dtype) @ v
        else:
            mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(x.shape))
        out: Tensor = x + self.mlp(self.norm_mlp(x))
        return out


class LCPFNNetwork(nn.Module):
    """Maps the points of a curve to a distribution over the bins of its value at a later step.

    Values are on the unit interval, higher is better. Steps are ``[..., 2]``: time (t / 100 of the published
    prior, see :mod:`lcstop.surrogates.prior_time`) and share of the horizon, both in (0, 1]. Steps may be
    irregular.

    Args:
        config: Size of the network.

    Raises:
        ValueError: If ``width`` is not a multiple of ``heads``.

    Example:
        >>> network = LCPFNNetwork(NetworkConfig(width=16, layers=1, heads=2, n_bins=8, patch=2))
        >>> step = torch.tensor([[[0.01, 0.2], [0.02, 0.4], [0.03, 0.6]]])
        >>> states = network.encode(step, torch.tensor([[0.4, 0.5, 0.55]]))
        >>> states.shape  # after 0, 1 and 3 points
        torch.Size([1, 3, 16])
        >>> network.predict(states[:, -1:], step[:, -1:], torch.ones(1, 1, 1, 2)).shape
        torch.Size([1, 1, 1, 8])
    """

    borders: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        if config.width % config.heads:
            raise ValueError(f"width must be a multiple of heads, got {config.width=}, {config.heads=}")
        self.config = config
        width = config.width
        self.start = nn.Parameter(torch.randn(len(PRIORS), width) * 0.02)  # first token of each prior
        self.embed = nn.Linear(config.patch * _N_POINT_FEATURES, width)
        self.blocks = nn.ModuleList(CausalBlock(width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.from_state = nn.Linear(width, 2 * width)
        self.from_query = nn.Linear(_N_QUERY_FEATURES, 2 * width, bias=False)
        self.head = nn.Sequential(
            nn.GELU(), nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, config.n_bins)
        )
        # Residual branches start small, so that activations do not grow with depth (GPT-2).
        for name, parameter in self.blocks.named_parameters():
            if name.endswith(("project.weight", "mlp.2.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.layers))
        self.register_buffer("borders", torch.linspace(0, 1, config.n_bins + 1))

    def encode(self, step: Tensor, value: Tensor, prior: Tensor | None = None) -> Tensor:
        """States of each curve before any point and after each of its patches.

        Patches are filled from the end of a curve. Its last point ends a patch, and only its first patch may
        hold fewer points than the others.

        Args:
            step: ``[batch, points, 2]``, time and share of the horizon.
            value: ``[batch, points]``.
            prior: ``[batch]`` index in ``PRIORS`` of the prior of each curve; the first one by default.

        Returns:
            ``[batch, patches + 1, width]``; state i has seen ``i * patch - (-points % patch)`` points.
        """
        batch, points = value.shape
        patch = self.config.patch
        if prior is None:
            prior = torch.zeros(batch, dtype=torch.long, device=value.device)
        features = point_features(step, value)
        n_patches = -(-points // patch)
        features = nn.functional.pad(features, (0, 0, n_patches * patch - points, 0))
        # Autocast would round values to 8 bits before they are embedded. Final values differ by less.
        with torch.autocast(value.device.type, enabled=False):
            tokens = self.embed(features.reshape(batch, n_patches, patch * _N_POINT_FEATURES))
        x = torch.cat([self.start[prior][:, None], tokens], 1)
        for block in self.blocks:
            x = block(x)
        states: Tensor = self.norm(x)
        return states

    def predict(self, state: Tensor, cutoff: Tensor, query: Tensor) -> Tensor:
        """Logits over the bins of the value at ``query``.

        Args:
            state: ``[batch, m, width]``, states of :meth:`encode`.
            cutoff: ``[batch, m, 2]``, step of the last point that the state has seen, 0 if none.
            query: ``[batch, m, n_queries, 2]``, later steps.

        Returns:
            ``[batch, m, n_queries, n_bins]``.
        """
        hidden = self.from_state(state)[:, :, None]  # shared by the queries
        with torch.autocast(query.device.type, enabled=False):
            from_query = self.from_query(query_features(cutoff[:, :, None].expand_as(query), query))
        logits: Tensor = self.head(hidden + from_query)
        return logits

    def save(self, path: Path, card: dict[str, Any]) -> str:
        """See :func:`lcstop.nn.torch_io.save_module`."""
        return save_module(self, self.config, path, card)

    @classmethod
    def load(cls, path: Path) -> LCPFNNetwork:
        """See :func:`lcstop.nn.torch_io.load_module`."""
        return load_module(cls, NetworkConfig, path)


_FREQUENCIES = torch.tensor(FREQUENCIES, dtype=torch.float32, device="cpu")
_N_POINT_FEATURES = 7 + 2 * len(_FREQUENCIES)
_N_QUERY_FEATURES = 10


def point_features(step: Tensor, value: Tensor) -> Tensor:
    """Features ``[batch, points, n]`` of steps ``[batch, points, 2]`` and values ``[batch, points]``.

    Sines of the value resolve differences far below the range, which matter among the best trials. The last
    feature is 1, which distinguishes a point from the padding of a patch (all zeros).
    """
    previous = torch.cat([value[:, :1], value[:, :-1]], 1)
    change = ((value - previous) * 20).clamp(-5, 5)
    phases = value[..., None] * _FREQUENCIES.to(value)
    plain = torch.stack([(value - 0.5) * 3.5, change, torch.ones_like(value)], -1)
    return torch.cat([(step - 0.5) * 3.5, log_time(step), phases.sin(), phases.cos(), plain], -1)


def query_features(cutoff: Tensor, query: Tensor) -> Tensor:
    """Features ``[..., n]`` of a cutoff and a later step, each ``[..., 2]``."""
    ahead = query - cutoff
    return torch.cat(
        [(query - 0.5) * 3.5, log_time(query), (ahead - 0.5) * 3.5, log_time(ahead), log_time(cutoff)], -1
    )


def log_time(time: Tensor) -> Tensor:
    """Log of a time in [0, 1], scaled to about mean 0 and variance 1. Finite at 0."""
    return torch.log(time + 0.005) / 1.5 + 0.8
