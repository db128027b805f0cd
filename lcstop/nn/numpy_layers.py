"""Linear layers in numpy, for the few curves or trials of a decision. A column is a token.

numpy is faster than torch for few tokens, because torch has more overhead for each operation. Importing torch
also takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Array = NDArray[np.float32]
Tensors = Mapping[str, Array]
"""Weights of a network by name, as in the state dict of torch."""

_MAX_ENTRIES = 8192
"""Maximum number of matrix entries that OpenBLAS multiplies with 1 to 32 columns on a single thread.

OpenBLAS splits larger products among threads. On a machine that trains, its threads wait for the training,
and a product takes 20 ms instead of 0.1 ms. Larger matrices are therefore split, and each curve is multiplied
alone."""


class Layer(NamedTuple):
    """A linear layer whose outputs are split into ``k`` parts of ``m``. The last part may be padded."""

    weight: Array  # [k, m, n_in]
    bias: Array  # [k, m, 1]
    n_out: int

    def parts(self, x: Array) -> Array:
        """Apply the layer to ``[..., n_in, n]``. Returns the parts, ``[..., k, m, n]``."""
        out: Array = self.weight @ x[..., None, :, :]
        out += self.bias
        return out

    def __call__(self, x: Array) -> Array:
        """Apply the layer to ``[..., n_in, n]``. Returns ``[..., n_out, n]``."""
        k, m, _ = self.weight.shape
        return self.parts(x).reshape(*x.shape[:-2], k * m, x.shape[-1])[..., : self.n_out, :]


class Sum(NamedTuple):
    """A linear layer whose inputs are split into ``k`` parts of ``m``."""

    weight: Array  # [k, n_out, m]
    bias: Array  # [n_out, 1]

    def __call__(self, parts: Array) -> Array:
        """Apply the layer to parts ``[..., k, m, n]``. Returns ``[..., n_out, n]``."""
        out: Array = (self.weight @ parts).sum(-3)
        out += self.bias
        return out


def layer(tensors: Tensors, name: str, norm: str = "", size: int = 0) -> Layer:
    """The linear layer ``name``, with weight and bias of the norm before it folded in.

    Args:
        tensors: Weights of the network by name.
        name: Name of the linear layer.
        norm: Name of the norm before it; none by default.
        size: Outputs of a part. By default the largest number that OpenBLAS multiplies on one thread.
    """
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    if norm:
        bias = bias + weight @ tensors[f"{norm}.bias"]
        weight = weight * tensors[f"{norm}.weight"]
    size = size or max(_MAX_ENTRIES // weight.shape[1], 1)
    return Layer(_split(weight, size), _split(bias[:, None], size), len(bias))


def summing(tensors: Tensors, name: str, size: int) -> Sum:
    """The linear layer ``name``, with its inputs in parts of ``size``."""
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    return Sum(np.ascontiguousarray(_split(weight.T, size).swapaxes(1, 2)), bias[:, None])


def gelu(x: Array) -> Array:
    """Same as ``torch.nn.functional.gelu``, of any shape.

    Example:
        >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
        [-0.1587, 0.0, 0.8413]
    """
    out: Array = erf(x * math.sqrt(0.5))
    out += 1
    out *= x
    out *= 0.5
    return out


def normalised(x: Array) -> Array:
    """``x [..., width, n]`` with mean 0 and variance 1 over the width.

    Same as ``torch.nn.functional.layer_norm`` without weight and bias.

    Example:
        >>> normalised(np.array([[1], [3]], np.float32)).round(3).tolist()
        [[-1.0], [1.0]]
    """
    mean = _mean(x.shape[-2])
    x = x - mean @ x
    x /= np.sqrt(mean @ (x * x) + 1e-5)
    return x


@cache
def _mean(width: int) -> Array:
    """Row vector ``[1, width]`` whose product with a matrix is the mean of its columns.

    ``ndarray.mean`` takes twice as long.
    """
    return np.full((1, width), 1 / width, np.float32)


def _split(matrix: Array, size: int) -> Array:
    """Split a matrix ``[n, m]`` into parts ``[k, size, m]``. The last part is padded with zeros."""
    n, m = matrix.shape
    return np.concatenate([matrix, np.zeros((-n % size, m), np.float32)]).reshape(-1, size, m)
