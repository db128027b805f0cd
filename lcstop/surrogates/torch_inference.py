"""The forward pass of LC-PFN for many curves: the arithmetic of the network and nothing around it.

That is a few hundred small operations, and of a few curves they take as long again as modules. A test holds
the logits to those of :class:`lcstop.surrogates.torch_network.LCPFNNetwork`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention

from lcstop.nn.torch_threads import apart, apart_each
from lcstop.surrogates.torch_network import LCPFNNetwork, point_features, query_features

_MANY = 16
"""Curves from which on bf16 is worth its conversions, on a CPU that multiplies in it."""

_ALIGNED = 16
"""Keys are padded to a multiple of this: a softmax takes twice as long where it does not fill a register."""


class _Layer(NamedTuple):
    """Weight and bias."""

    weight: Tensor
    bias: Tensor


class _Block(NamedTuple):
    norm_attention: _Layer
    qkv: _Layer
    project: _Layer
    norm_mlp: _Layer
    up: _Layer
    down: _Layer


class _Weights:
    """Those of a network, with the matrices of the blocks and of the head in ``dtype``."""

    def __init__(self, state: Mapping[str, Tensor], n_blocks: int, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.blocks = [
            _Block(
                _layer(state, f"blocks.{i}.norm_attention"),
                _layer(state, f"blocks.{i}.qkv", dtype),
                _layer(state, f"blocks.{i}.project", dtype),
                _layer(state, f"blocks.{i}.norm_mlp"),
                _layer(state, f"blocks.{i}.mlp.0", dtype),
                _layer(state, f"blocks.{i}.mlp.2", dtype),
            )
            for i in range(n_blocks)
        ]
        self.from_state, self.hidden, self.bins = (
            _layer(state, name, dtype) for name in ("from_state", "head.1", "head.3")
        )


class Inference:
    """Logits of a trained network, without gradients, on the CPU.

    Many curves at once are multiplied in bf16 where the CPU does that: a curve takes half the time or
    less, and a hundredth of its forecast's mass moves at most, on the mean.

    Example:
        >>> from lcstop.surrogates.torch_network import NetworkConfig
        >>> inference = Inference(LCPFNNetwork(NetworkConfig(width=16, layers=1, heads=2, n_bins=8, patch=2)))
        >>> step = torch.tensor([[[0.0, 0.0], [0.01, 0.2], [0.02, 0.4], [0.03, 0.6]]])
        >>> value, there = torch.tensor([[0.4, 0.4, 0.5, 0.55]]), torch.tensor([[0.0, 1.0, 1.0, 1.0]])
        >>> patches, cutoff, query = torch.tensor([2]), step[:, -1:], torch.ones(1, 1, 2)
        >>> inference.logits(0, step, value, there, patches, cutoff, query).shape
        torch.Size([1, 1, 8])
    """

    def __init__(self, network: LCPFNNetwork) -> None:
        self.patch = network.config.patch
        self._heads = network.config.heads
        state = network.state_dict()
        self._start, self._from_query = state["start"], state["from_query.weight"]
        self._embed, self._norm = _layer(state, "embed"), _layer(state, "norm")
        self._exact = _Weights(state, network.config.layers, torch.float32)
        self._fast = self._exact
        if cpu_has_bf16():
            self._fast = _Weights(state, network.config.layers, torch.bfloat16)

    @classmethod
    def load(cls, path: Path) -> Inference:
        """Of the network at ``path``; see :func:`lcstop.nn.torch_io.load_module`."""
        network = LCPFNNetwork.load(path)
        return apart(lambda: cls(network))

    def each(self, prior: int, batches: Sequence[Sequence[NDArray[Any]]]) -> list[NDArray[Any]]:
        """:meth:`logits` of several batches, from arrays to arrays."""
        return apart_each([partial(self._of_arrays, prior, batch) for batch in batches])

    def _of_arrays(self, prior: int, batch: Sequence[NDArray[Any]]) -> NDArray[Any]:
        with torch.inference_mode():
            found: NDArray[Any] = self.logits(prior, *map(torch.from_numpy, batch)).numpy()
        return found

    def logits(
        self,
        prior: int,
        step: Tensor,
        value: Tensor,
        there: Tensor,
        seen: Tensor,
        cutoff: Tensor,
        query: Tensor,
    ) -> Tensor:
        """Of the bins of the value at ``query``, after the last point of each curve.

        Args:
            prior: Index in ``PRIORS`` of what the curves are taken from.
            step: ``[batch, points, 2]``, time and share of the horizon; ``points`` is a multiple of
                ``patch``, and each curve is shifted so that its last point ends a patch.
            value: ``[batch, points]``; before the first point of a curve its first value.
            there: ``[batch, points]``, 1 where a curve has a point, else 0.
            seen: ``[batch]``, patches of each curve.
            cutoff: ``[batch, 1, 2]``, step of the last point (0 if none).
            query: ``[batch, n_queries, 2]``, later steps.

        Returns:
            ``[batch, n_queries, n_bins]``, fp32.
        """
        weights = self._fast if len(value) >= _MANY else self._exact
        batch, points = value.shape
        features = point_features(step, value) * there[..., None]
        features = features.reshape(batch, points // self.patch, self._embed.weight.shape[1])
        tokens = linear(features, *self._embed)
        x = torch.cat([self._start[prior].expand(batch, 1, -1), tokens], 1)
        for block in weights.blocks[:-1]:
            x = self._block(x, block, weights.dtype)
        x = self._block(x, weights.blocks[-1], weights.dtype, seen)
        state = layer_norm(x, x.shape[-1:], *self._norm).to(weights.dtype)
        asked = linear(query_features(cutoff.expand_as(query), query), self._from_query)
        hidden = gelu(linear(state, *weights.from_state) + asked).to(weights.dtype)
        return linear(gelu(linear(hidden, *weights.hidden)), *weights.bins).float()

    def _block(self, x: Tensor, block: _Block, dtype: torch.dtype, seen: Tensor | None = None) -> Tensor:
        """A causal block at all tokens, or at the one of each curve that has seen ``seen [batch]`` patches.

        Attention is in fp32 throughout: at these sizes that of bf16 takes half as long again.
        """
        batch, length, width = x.shape
        found = linear(layer_norm(x, (width,), *block.norm_attention).to(dtype), *block.qkv)
        qkv = x.new_zeros(batch, length + -length % _ALIGNED, 3 * width)
        qkv[:, :length] = found
        q, k, v = qkv.view(batch, -1, 3, self._heads, width // self._heads).permute(2, 0, 3, 1, 4).unbind()
        if seen is None:
            mixed = scaled_dot_product_attention(q[:, :, :length], k, v, is_causal=True)
        elif bool((seen == length - 1).all()):
            x, q, k, v = x[:, -1:], q[:, :, length - 1 : length], k[:, :, :length], v[:, :, :length]
            mixed = scaled_dot_product_attention(q, k, v)
        else:
            rows = torch.arange(batch)
            x, q = x[rows, seen][:, None], q[rows, :, seen][:, :, None]
            past = (torch.arange(k.shape[2]) <= seen[:, None])[:, None, None]
            mixed = scaled_dot_product_attention(q, k, v, attn_mask=past)
        x += linear(mixed.transpose(1, 2).reshape(x.shape).to(dtype), *block.project)
        inner = gelu(linear(layer_norm(x, (width,), *block.norm_mlp).to(dtype), *block.up))
        x += linear(inner, *block.down)
        return x


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies matrices in bf16: with AMX, or with the bf16 part of AVX-512."""
    tell = getattr(torch.cpu, "get_capabilities", None)  # older versions of torch cannot tell
    return tell is not None and any(tell().get(name, False) for name in ("amx_bf16", "avx512_bf16"))


def _layer(state: Mapping[str, Tensor], name: str, dtype: torch.dtype = torch.float32) -> _Layer:
    return _Layer(state[f"{name}.weight"].to(dtype), state[f"{name}.bias"].to(dtype))
