"""The LC-PFN network: a causal transformer over the observed points and a head for any later step.

The published network (arXiv 2310.20447) sees one cutoff per curve and batch. Here the encoder is
causal, so that the state after each observed point is a forecast of its own: one pass trains on, and
predicts from, every cutoff of every curve.
"""

from __future__ import annotations

import math

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn


class NetworkConfig(BaseModel):
    """Size of the network; stored with the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(128, ge=8)
    layers: int = Field(6, ge=1)
    heads: int = Field(4, ge=1)
    n_bins: int = Field(1000, ge=3)


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
        # Written out: at these lengths the fused kernel's backward pass is half as fast in bf16 on CPUs.
        future = torch.full((length, length), -math.inf, dtype=q.dtype, device=x.device).triu(1)
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2) + future
        mixed = scores.softmax(-1).to(v.dtype) @ v
        x = x + self.project(mixed.transpose(1, 2).reshape(batch, length, width))
        out: Tensor = x + self.mlp(self.norm_mlp(x))
        return out


class LCPFNNetwork(nn.Module):
    """From the points of a curve to a distribution over the bins of its value at a later step.

    Time is t / 100 of the prior, in (0, 1]; values are on the unit interval, higher is better.
    Both may be irregular: a point is one token, whatever lies between it and the next.

    Example:
        >>> network = LCPFNNetwork(NetworkConfig(width=16, layers=1, heads=2, n_bins=8))
        >>> time, value = torch.tensor([[0.1, 0.2, 0.3]]), torch.tensor([[0.4, 0.5, 0.55]])
        >>> states = network.encode(time, value)
        >>> states.shape  # one state before any point, one after each
        torch.Size([1, 4, 16])
        >>> network.predict(states[:, -1:], time[:, -1:], torch.ones(1, 1)).shape
        torch.Size([1, 1, 8])
    """

    borders: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        if config.width % config.heads:
            raise ValueError(f"width must be a multiple of heads, got {config.width=}, {config.heads=}")
        self.config = config
        width = config.width
        self.start = nn.Parameter(torch.randn(width) * 0.02)  # the state of a curve without points
        self.embed = nn.Linear(_N_POINT_FEATURES, width)
        self.blocks = nn.ModuleList(CausalBlock(width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.from_state = nn.Linear(width, 2 * width)
        self.from_query = nn.Linear(_N_QUERY_FEATURES, 2 * width, bias=False)
        self.head = nn.Sequential(
            nn.GELU(), nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, config.n_bins)
        )
        # Residual branches start small, so that depth does not blow up the first steps (GPT-2).
        for name, parameter in self.blocks.named_parameters():
            if name.endswith(("project.weight", "mlp.2.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * config.layers))
        self.register_buffer("borders", torch.linspace(0, 1, config.n_bins + 1))

    def encode(self, time: Tensor, value: Tensor) -> Tensor:
        """Points ``[batch, length]`` to states ``[batch, length + 1, width]``; state i has seen i points."""
        # Autocast would round values to 8 bits before they are embedded; finals differ by less.
        with torch.autocast(time.device.type, enabled=False):
            points = self.embed(point_features(time, value))
        x = torch.cat([self.start.expand(len(points), 1, -1), points], 1)
        for block in self.blocks:
            x = block(x)
        states: Tensor = self.norm(x)
        return states

    def predict(self, state: Tensor, cutoff: Tensor, query: Tensor) -> Tensor:
        """Logits over the bins of the value at ``query``.

        Args:
            state: ``[batch, m, width]``, states of :meth:`encode`.
            cutoff: ``[batch, m]``, time of the last point that the state has seen (0 if none).
            query: ``[batch, m, n_queries]`` or ``[batch, m]``, later times.

        Returns:
            ``[*query.shape, n_bins]``.
        """
        hidden = self.from_state(state)
        if query.dim() == 3:  # the state is shared by its queries: project it once
            hidden, cutoff = hidden[:, :, None], cutoff[:, :, None].expand_as(query)
        with torch.autocast(query.device.type, enabled=False):
            asked = self.from_query(query_features(cutoff, query))
        logits: Tensor = self.head(hidden + asked)
        return logits


_FREQUENCIES = tuple(math.pi * 2**k for k in range(1, 8))
_N_POINT_FEATURES = 4 + 2 * len(_FREQUENCIES)
_N_QUERY_FEATURES = 5


def point_features(time: Tensor, value: Tensor) -> Tensor:
    """``[batch, length]`` each to ``[batch, length, n]``.

    Sines of the value resolve differences far below the range, which decide near the top of a study.
    """
    previous = torch.cat([value[:, :1], value[:, :-1]], 1)
    change = value - previous
    phases = torch.stack([value * f for f in _FREQUENCIES], -1)
    plain = torch.stack(
        [(time - 0.5) * 3.5, log_time(time), (value - 0.5) * 3.5, (change * 20).clamp(-5, 5)], -1
    )
    return torch.cat([plain, phases.sin(), phases.cos()], -1)


def query_features(cutoff: Tensor, query: Tensor) -> Tensor:
    """``[...]`` each to ``[..., n]``."""
    ahead = query - cutoff
    return torch.stack(
        [(query - 0.5) * 3.5, log_time(query), (ahead - 0.5) * 3.5, log_time(ahead), log_time(cutoff)], -1
    )


def log_time(time: Tensor) -> Tensor:
    """About standard normal for times spread over (0, 1]; finite at 0."""
    return torch.log(time + 0.005) / 1.5 + 0.8
