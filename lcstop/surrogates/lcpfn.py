"""The LC-PFN surrogate: curves in a metric's units, through the network, to a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.nn.weights import SHIPPED, read_weights
from lcstop.surrogates.base import UnitSurrogate
from lcstop.surrogates.forecast import BarDistribution
from lcstop.surrogates.network_config import PRIORS, NetworkConfig
from lcstop.surrogates.numpy_network import QuickNetwork
from lcstop.surrogates.prior_time import thin, to_time

if TYPE_CHECKING:
    from lcstop.surrogates.torch_inference import Inference

Array = NDArray[Any]

CHUNK = 100
"""Curves taken at once: of fewer, each pays more for small operations; of more, what lies between two layers
does not stay in the cache."""


class LCPFN(UnitSurrogate):
    """Prior-data fitted network for learning curves (arXiv 2310.20447).

    Args:
        weights: A ``.safetensors`` file made by ``lcstop train``; the shipped one by default.
        prior: What curves are taken to come from: ``broad`` knows what real training runs do, ``published``
            is the prior of the paper.

    Raises:
        ValueError: If ``prior`` is neither.
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
        self._quick = QuickNetwork(config, tensors)
        self._borders = tensors["borders"].astype(np.float64)

    @cached_property
    def _inference(self) -> Inference:
        from lcstop.surrogates.torch_inference import Inference  # torch is slow to import

        return Inference.load(self._path)

    def unit_forecast(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> BarDistribution:
        """See :class:`lcstop.surrogates.base.UnitSurrogate`."""
        if len(curves) == 1:
            logits = self._of_one(curves[0], at)[None]
        else:
            inputs = [self._inputs(curves[i : i + CHUNK], at) for i in range(0, len(curves), CHUNK)]
            logits = np.concatenate(self._inference.each(self._prior, inputs))
        return BarDistribution(self._borders, logits)

    def _of_one(self, curve: Curve, at: NDArray[np.float64]) -> Array:
        """Logits of the bins ``[n_at, n_bins]``."""
        seen = thin(curve)
        steps, n = np.concatenate([seen.steps, at]), len(seen)
        times = np.stack([to_time([curve], steps[None])[0], steps / curve.horizon], -1).astype(np.float32)
        return self._quick.logits(self._prior, times[:n], seen.values.astype(np.float32), times[n:])

    def _inputs(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> list[Array]:
        """What :meth:`lcstop.surrogates.torch_inference.Inference.logits` takes."""
        points, patch = [thin(curve) for curve in curves], self._patch
        lengths = np.array([len(curve) for curve in points])
        longest = int(lengths.max())
        length = longest + -longest % patch
        steps = np.empty((len(curves), length + 1 + len(at)))
        value, there = np.zeros((2, len(curves), length), np.float32)
        steps[:, :length], steps[:, length + 1 :] = 0.0, at
        for row, seen in enumerate(points):
            steps[row, length] = seen.cutoff
            if len(seen):
                first = -len(seen) % patch  # the last point ends a patch
                place = slice(first, first + len(seen))
                steps[row, place], value[row, place] = seen.steps, seen.values
                value[row, :first], there[row, place] = seen.values[0], 1.0
        horizon = np.array([[curve.horizon] for curve in curves])
        times = np.stack([to_time(curves, steps), steps / horizon], -1).astype(np.float32)
        times[lengths == 0, length] = 0.0
        step, cutoff, query = np.split(times, [length, length + 1], 1)
        return [step, value, there, -(-lengths // patch), cutoff, query]
