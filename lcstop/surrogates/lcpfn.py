"""The LC-PFN surrogate: curves in a metric's units, through the network, to a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lcstop.curve import Curve
from lcstop.forecast import BarDistribution
from lcstop.surrogates.network import PRIORS
from lcstop.surrogates.time import thin, to_time
from lcstop.surrogates.unit import UnitSurrogate
from lcstop.surrogates.weights import SHIPPED, load_network
from lcstop.threads import apart

Array = NDArray[Any]


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
        # A default device or dtype that the user has set is theirs; this network lives on the CPU.
        with torch.device("cpu"):
            self._network = load_network(weights or SHIPPED / "lcpfn.safetensors")
        self._borders = self._network.borders.double().numpy()

    def unit_forecast(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> BarDistribution:
        """See :class:`lcstop.surrogates.unit.UnitSurrogate`."""
        points = [thin(curve) for curve in curves]
        lengths = np.array([len(curve) for curve in points])
        step = np.zeros((len(curves), max(lengths), 2), np.float32)
        value = np.zeros((len(curves), max(lengths)), np.float32)
        cutoff = np.zeros((len(curves), 1, 2), np.float32)
        query = np.empty((len(curves), 1, len(at), 2), np.float32)
        for row, (curve, seen) in enumerate(zip(curves, points, strict=True)):
            n = len(seen)
            step[row, :n] = _step(curve, seen.steps)
            value[row, :n] = seen.values
            cutoff[row, 0] = step[row, n - 1] if n else 0.0
            query[row, 0] = _step(curve, at)
        prior = np.full(len(curves), self._prior)
        logits = apart(lambda: self._logits(step, value, lengths, prior, cutoff, query))
        return BarDistribution(self._borders, logits)

    def _logits(
        self, step: Array, value: Array, lengths: Array, prior: Array, cutoff: Array, query: Array
    ) -> Array:
        """Of the bins ``[n_curves, n_at, n_bins]``, float64."""
        with torch.inference_mode():
            arrays = (torch.from_numpy(array) for array in (step, value, lengths, prior))
            state = self._network.encode(*arrays, last_only=True)
            logits = self._network.predict(state, torch.from_numpy(cutoff), torch.from_numpy(query))[:, 0]
        found: Array = logits.double().numpy()
        return found


def _step(curve: Curve, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Time and share of the horizon: ``[n, 2]``."""
    return np.stack([to_time(curve, steps), steps / curve.horizon], -1)
