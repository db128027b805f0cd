"""The study network in numpy, for decisions; :mod:`lcstop.ranking.torch_network` is for its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator
from scipy.special import expit

from lcstop.nn.numpy_layers import Tensors, gelu, layer, normalised, summing
from lcstop.nn.weights import SHIPPED, read_weights
from lcstop.ranking.comparison import Array
from lcstop.ranking.features import VERSION

_LOW = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.875)
_HIGH = (0.9, 0.92, 0.94, 0.955, 0.97, 0.98, 0.99)
QUANTILES = _LOW + _HIGH
"""Borders of the bins: shares of the study's configurations that a trial beats in the end."""

TOP = 0.9
"""A trial that beats this share of all configurations ends in the best tenth."""

WEIGHTS = SHIPPED / "study.safetensors"


class StudyNetworkConfig(BaseModel):
    """Size and input of a :class:`StudyNetwork`.

    Attributes:
        width: Units of a layer.
        layers: Residual blocks.
        features: Version of the features that it was trained on; only that of this package is allowed.

    Example:
        >>> StudyNetworkConfig(features=99)
        Traceback (most recent call last):
            ...
        pydantic_core._pydantic_core.ValidationError: 1 validation error for StudyNetworkConfig
        features
          Value error, the network was trained on features of version 99, this package has version 1 ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(128, ge=8)
    layers: int = Field(2, ge=1)
    features: int = VERSION

    @field_validator("features")
    @classmethod
    def _check_features(cls, version: int) -> int:
        if version != VERSION:
            raise ValueError(
                f"the network was trained on features of version {version}, "
                f"this package has version {VERSION}"
            )
        return version


class Probabilities(NamedTuple):
    """What the network says of ``n`` trials.

    Attributes:
        top: Probability of ending in the best tenth of the study's configurations, ``[n]``.
        beat: Probability of beating the incumbent, ``[n]``.
        shares: Probabilities of the bins between :data:`QUANTILES`, ``[n, 19]``.
    """

    top: Array
    beat: Array
    shares: Array


class NumpyStudyNetwork:
    """A :class:`lcstop.ranking.torch_network.StudyNetwork` in numpy.

    Args:
        config: Size of the network.
        tensors: Its state by name.

    Example:
        >>> from lcstop.ranking.features import N_FEATURES
        >>> NumpyStudyNetwork.load().probabilities(np.zeros((3, N_FEATURES))).shares.shape
        (3, 19)
    """

    def __init__(self, config: StudyNetworkConfig, tensors: Tensors) -> None:
        self._mean, self._std = tensors["mean"], tensors["std"]
        self._embed, self._head = layer(tensors, "embed"), layer(tensors, "head")
        self._blocks = [
            (
                up := layer(tensors, f"blocks.{i}.1", f"blocks.{i}.0"),
                summing(tensors, f"blocks.{i}.3", up.weight.shape[1]),
            )
            for i in range(config.layers)
        ]

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> NumpyStudyNetwork:
        """The network at ``path``.

        Raises:
            WeightsError: If either file is missing or unreadable, or the hash differs.
        """
        return cls(*read_weights(path, StudyNetworkConfig))

    def probabilities(self, features: Array) -> Probabilities:
        """What is to be expected of trials.

        Args:
            features: ``[n, N_FEATURES]``. Each row is multiplied alone, so that no row changes the rounding
                of another.
        """
        x = self._embed(((features.astype(np.float32) - self._mean) / self._std)[..., None])
        for up, down in self._blocks:
            x = x + down(gelu(up.parts(normalised(x))))
        out = self._head(normalised(x))[..., 0].astype(np.float64)
        quantiles = out[:, :-1]
        odds = np.exp(quantiles - quantiles.max(1, keepdims=True))
        p_top = odds[:, QUANTILES.index(TOP) + 1 :].sum(1) / odds.sum(1)
        return Probabilities(p_top, expit(out[:, -1]), odds / odds.sum(1, keepdims=True))


def best_of(shares: Sequence[float] | Array, n_trials: float) -> float:
    """Probability that a trial beats ``n_trials - 1`` others that are drawn independently.

    Args:
        shares: Probabilities of the bins between :data:`QUANTILES`, ``[19]``.
        n_trials: Number of trials, the trial itself included.

    Example:
        >>> even = np.diff([0.0, *QUANTILES, 1.0])  # nothing is known of the trial
        >>> round(best_of(even, 50), 6)
        0.02
    """
    borders = np.array([0.0, *QUANTILES, 1.0])
    mass = np.diff(borders**n_trials) / (n_trials * np.diff(borders))
    return float(np.asarray(shares) @ mass)
