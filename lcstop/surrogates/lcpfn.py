"""The LC-PFN surrogate: forecasts of curves by the shipped network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.nn.weights import SHIPPED, read_weights
from lcstop.surrogates.base import UnitSurrogate
from lcstop.surrogates.forecast import BarDistribution
from lcstop.surrogates.network_config import PRIORS, NetworkConfig
from lcstop.surrogates.numpy_network import NumpyLCPFNNetwork
from lcstop.surrogates.prior_time import thin, to_time

Array = NDArray[Any]

CHUNK = 16
"""Curves in one forward pass. Smaller chunks have more overhead. The activations of larger ones do not fit
the cache."""


class LCPFN(UnitSurrogate):
    """Prior-data fitted network for learning curves (arXiv 2310.20447).

    Args:
        weights: A ``.safetensors`` file made by ``lcstop train``; the shipped one by default.
        prior: Prior of the curves. ``broad``, the default, includes features of real training runs such as
            learning-rate schedules; ``published`` is the prior of the paper.

    Raises:
        ValueError: If ``prior`` is neither ``broad`` nor ``published``.
        WeightsError: If the weights are missing or damaged.

    Example:
        >>> from lcstop import MetricScale
        >>> scale = MetricScale("minimize", lower=0.0, soft_upper=2.3)
        >>> curve = Curve([10, 20, 30], [1.9, 1.2, 1.0], horizon=1000)
        >>> forecast = LCPFN().forecast([curve], at=[1000], scale=scale)
        >>> bool(forecast.quantile(0.05) < forecast.median())
        True
    """

    def __init__(self, weights: Path | None = None, prior: str = "broad") -> None:
        if prior not in PRIORS:
            raise ValueError(f"prior must be one of {', '.join(PRIORS)}, got {prior!r}")
        self._prior = PRIORS.index(prior)
        self._path = weights or SHIPPED / "lcpfn.safetensors"
        config, tensors = read_weights(self._path, NetworkConfig)
        self._patch = config.patch
        self._network = NumpyLCPFNNetwork(config, tensors)
        self._borders = tensors["borders"].astype(np.float64)

    def unit_forecast(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> BarDistribution:
        """See :class:`lcstop.surrogates.base.UnitSurrogate`."""
        by_patches: dict[int, list[int]] = {}
        for row, curve in enumerate(curves):
            by_patches.setdefault(-(-len(thin(curve)) // self._patch), []).append(row)
        logits: Array = np.empty((len(curves), len(at), len(self._borders) - 1), np.float32)
        for rows in by_patches.values():
            for i in range(0, len(rows), CHUNK):
                part = rows[i : i + CHUNK]
                logits[part] = self._logits([curves[row] for row in part], at)
        return BarDistribution(self._borders, logits)

    def _logits(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> Array:
        """Logits of the bins ``[n_curves, n_at, n_bins]`` of curves with the same number of patches."""
        thinned = [thin(curve) for curve in curves]
        n_points = np.array([len(points) for points in thinned])
        longest = int(n_points.max())
        steps = np.empty((len(curves), longest + len(at)))
        values = np.empty((len(curves), longest), np.float32)
        for row, points in enumerate(thinned):
            missing = longest - len(points)
            steps[row, :missing], steps[row, missing:longest] = points.cutoff, points.steps
            values[row, :missing], values[row, missing:] = points.values[:1], points.values
        steps[:, longest:] = at
        horizon = np.array([[curve.horizon] for curve in curves])
        times = np.stack([to_time(curves, steps), steps / horizon], -1).astype(np.float32)
        return self._network.logits(self._prior, times[:, :longest], values, n_points, times[:, longest:])
