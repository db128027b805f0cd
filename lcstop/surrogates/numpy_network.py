"""The forward pass of LC-PFN in numpy.

A test compares its logits with those of :class:`lcstop.surrogates.torch_network.LCPFNNetwork`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcstop.nn.numpy_layers import Array, Layer, Sum, Tensors, gelu, layer, normalised, summing
from lcstop.surrogates.network_config import FREQUENCIES, NetworkConfig

_FREQUENCIES = np.array(FREQUENCIES, np.float32)


class _Block(NamedTuple):
    qkv: Layer
    project: Sum
    up: Layer
    down: Sum


class NumpyLCPFNNetwork:
    """Logits of a trained network, on the CPU.

    Args:
        config: Size of the network.
        tensors: Weights by name, as in the state dict of
            :class:`lcstop.surrogates.torch_network.LCPFNNetwork`.

    Example:
        >>> from lcstop.nn.weights import SHIPPED, read_weights
        >>> network = NumpyLCPFNNetwork(*read_weights(SHIPPED / "lcpfn.safetensors", NetworkConfig))
        >>> step = np.array([[[0.01, 0.2], [0.02, 0.4], [0.03, 0.6]]], np.float32)
        >>> value, query = np.array([[0.4, 0.5, 0.55]], np.float32), np.ones((1, 1, 2), np.float32)
        >>> network.logits(0, step, value, np.array([3]), query).shape
        (1, 1, 1000)
    """

    def __init__(self, config: NetworkConfig, tensors: Tensors) -> None:
        self.config, self._start = config, tensors["start"]
        self._embed, self._hidden, self._bins = (
            layer(tensors, name) for name in ("embed", "head.1", "head.3")
        )
        self._from_query = tensors["from_query.weight"]
        self._from_state = layer(tensors, "from_state", "norm")
        size = config.width // config.heads
        self._blocks = [
            _Block(
                layer(tensors, f"blocks.{i}.qkv", f"blocks.{i}.norm_attention", size),
                summing(tensors, f"blocks.{i}.project", size),
                up := layer(tensors, f"blocks.{i}.mlp.0", f"blocks.{i}.norm_mlp"),
                summing(tensors, f"blocks.{i}.mlp.2", up.weight.shape[1]),
            )
            for i in range(config.layers)
        ]
        for block in self._blocks:
            for part in block.qkv.weight, block.qkv.bias:
                part[: config.heads] /= math.sqrt(size)  # scales the queries here, not in every forward pass

    def logits(
        self, prior: int, step: Array, value: Array, n_points: NDArray[np.int_], query: Array
    ) -> Array:
        """Logits over the bins of the value at ``query``, after the last point of each curve.

        All curves have the same number of patches. The points of a shorter curve are right-aligned: its last
        columns hold its points, the columns before them its first value, at any step.

        Args:
            prior: Index in ``PRIORS`` of the prior of the curves.
            step: ``[curves, points, 2]``, time and share of the horizon.
            value: ``[curves, points]``, on the unit interval.
            n_points: ``[curves]``, number of points of each curve.
            query: ``[curves, n_queries, 2]``, later steps.

        Returns:
            ``[curves, n_queries, n_bins]``.
        """
        x = self._tokens(prior, step, value, n_points)
        token = np.arange(x.shape[2])
        past = token[:, None] <= token
        for block in self._blocks[:-1]:
            x = _block(x, block, past)
        x = _block(x, self._blocks[-1], past[:, -1:])
        cutoff = step[:, -1:] if step.shape[1] else np.zeros_like(query[:, :1])
        from_query = self._from_query @ _query_features(cutoff, query).swapaxes(1, 2)
        hidden = gelu(self._from_state(normalised(x)) + from_query)
        return self._bins(gelu(self._hidden(hidden))).swapaxes(1, 2)

    def _tokens(self, prior: int, step: Array, value: Array, n_points: NDArray[np.int_]) -> Array:
        """The token of the prior, then one token of each patch: ``[curves, width, tokens]``."""
        n_curves, points = value.shape
        features = _point_features(step, value)
        features[np.arange(points) < points - n_points[:, None]] = 0.0
        missing = -points % self.config.patch
        features = np.concatenate([np.zeros((n_curves, missing, features.shape[2]), np.float32), features], 1)
        patches = features.reshape(n_curves, -1, self._embed.weight.shape[2])
        start = np.broadcast_to(self._start[prior, :, None], (n_curves, self.config.width, 1))
        return np.concatenate([start, self._embed(patches.swapaxes(1, 2))], 2)


def _block(x: Array, block: _Block, past: NDArray[np.bool_]) -> Array:
    """A transformer block, evaluated at the last ``n`` tokens.

    Args:
        x: ``[curves, width, tokens]``.
        block: Weights.
        past: Attention mask ``[tokens, n]``, True where a query may attend.

    Returns:
        ``[curves, width, n]``.
    """
    n = past.shape[1]
    qkv = block.qkv.parts(normalised(x))
    queries, keys, values = qkv.reshape(len(x), 3, -1, *qkv.shape[2:]).swapaxes(0, 1)
    scores = np.where(past, keys.swapaxes(2, 3) @ queries[..., -n:], -np.inf)
    exp_scores = np.exp(scores - scores.max(2, keepdims=True))
    mixed = values @ exp_scores / exp_scores.sum(2, keepdims=True)
    x = x[..., -n:] + block.project(mixed)
    x += block.down(gelu(block.up.parts(normalised(x))))
    return x


def _point_features(step: Array, value: Array) -> Array:
    """Same as :func:`lcstop.surrogates.torch_network.point_features`: ``[curves, points, n]``."""
    change = np.diff(value, prepend=value[:, :1])
    phases = value[..., None] * _FREQUENCIES
    plain = np.stack([(value - 0.5) * 3.5, np.clip(change * 20, -5, 5), np.ones_like(value)], -1)
    parts = (step - 0.5) * 3.5, _log_time(step), np.sin(phases), np.cos(phases), plain
    return np.concatenate(parts, -1)


def _query_features(cutoff: Array, query: Array) -> Array:
    """Same as :func:`lcstop.surrogates.torch_network.query_features`: ``[curves, n_queries, n]``."""
    ahead, last = query - cutoff, np.broadcast_to(cutoff, query.shape)
    parts = (query - 0.5) * 3.5, _log_time(query), (ahead - 0.5) * 3.5, _log_time(ahead), _log_time(last)
    return np.concatenate(parts, -1)


def _log_time(time: Array) -> Array:
    log_time: Array = np.log(time + 0.005) / 1.5 + 0.8
    return log_time
