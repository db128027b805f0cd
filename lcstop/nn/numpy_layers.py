"""Linear layers in numpy, for the few curves or trials of a decision; a column is a token.

For one curve torch takes longer, most of it before each operation, and it takes seconds to be imported.
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
"""The state of a network by name, as torch has it."""

_ENTRIES = 8192
"""Most entries of a matrix that OpenBLAS multiplies on one thread, by one column or by 32.

OpenBLAS shares larger products among threads. On a machine that trains, these threads wait for the training:
20 milliseconds instead of 0.1. So larger matrices are cut, and each curve is multiplied for itself."""


class Layer(NamedTuple):
    """A linear layer whose outputs are cut into ``k`` parts of ``m``."""

    weight: Array  # [k, m, n_in]
    bias: Array  # [k, m, 1]
    n_out: int

    def parts(self, x: Array) -> Array:
        """``[..., n_in, n]`` to ``[..., k, m, n]``."""
        found: Array = self.weight @ x[..., None, :, :]
        found += self.bias
        return found

    def __call__(self, x: Array) -> Array:
        """``[..., n_in, n]`` to ``[..., n_out, n]``."""
        k, m, _ = self.weight.shape
        return self.parts(x).reshape(*x.shape[:-2], k * m, x.shape[-1])[..., : self.n_out, :]


class Sum(NamedTuple):
    """A linear layer whose inputs are cut into ``k`` parts of ``m``."""

    weight: Array  # [k, n_out, m]
    bias: Array  # [n_out, 1]

    def __call__(self, parts: Array) -> Array:
        """``[..., k, m, n]`` to ``[..., n_out, n]``."""
        found: Array = (self.weight @ parts).sum(-3)
        found += self.bias
        return found


def layer(tensors: Tensors, name: str, norm: str = "", size: int = 0) -> Layer:
    """The layer ``name`` with weight and bias of the norm before it taken in.

    Args:
        tensors: The network.
        name: Of the layer.
        norm: Of the norm.
        size: Outputs of a part; by default as many as one thread multiplies by.
    """
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    if norm:
        bias = bias + weight @ tensors[f"{norm}.bias"]
        weight = weight * tensors[f"{norm}.weight"]
    size = size or max(_ENTRIES // weight.shape[1], 1)
    return Layer(_cut(weight, size), _cut(bias[:, None], size), len(bias))


def summing(tensors: Tensors, name: str, size: int) -> Sum:
    """The layer ``name``, with parts of ``size`` inputs."""
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    return Sum(np.ascontiguousarray(_cut(weight.T, size).swapaxes(1, 2)), bias[:, None])


def gelu(x: Array) -> Array:
    """As ``torch.nn.functional.gelu``.

    Example:
        >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
        [-0.1587, 0.0, 0.8413]
    """
    found: Array = erf(x * math.sqrt(0.5))
    found += 1
    found *= x
    found *= 0.5
    return found


def normalised(x: Array) -> Array:
    """``x [..., width, n]`` with mean 0 and variance 1 over the width, as ``torch.nn.functional.layer_norm``.

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
    """A matrix that takes means of columns; numpy's own take twice as long."""
    return np.full((1, width), 1 / width, np.float32)


def _cut(matrix: Array, size: int) -> Array:
    """``[n, m]`` to ``[k, size, m]``, with zeros after the last row."""
    n, m = matrix.shape
    return np.concatenate([matrix, np.zeros((-n % size, m), np.float32)]).reshape(-1, size, m)
