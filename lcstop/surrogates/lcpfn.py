"""The LC-PFN surrogate: curves in a metric's units, through the network, to a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lcstop.curve import Curve
from lcstop.forecast import BarDistribution
from lcstop.surrogates.time import thin, time_span, to_time
from lcstop.surrogates.unit import UnitSurrogate
from lcstop.surrogates.weights import SHIPPED, load_network


class LCPFN(UnitSurrogate):
    """Prior-data fitted network for learning curves (arXiv 2310.20447).

    Args:
        weights: A ``.safetensors`` file made by ``lcstop train``; the shipped one by default.

    Raises:
        WeightsError: If the weights are missing or damaged.

    Example:
        >>> from lcstop import MetricScale
        >>> scale = MetricScale("minimize", lower=0.0, soft_upper=2.3)
        >>> curve = Curve([10, 20, 30], [1.9, 1.2, 1.0], horizon=1000)
        >>> forecast = LCPFN().forecast([curve], at=[1000], scale=scale)
        >>> bool(forecast.quantile(0.05) < forecast.median())
        True
    """

    def __init__(self, weights: Path | None = None) -> None:
        # A default device or dtype that the user has set is theirs; this network lives on the CPU.
        with torch.device("cpu"):
            self._network = load_network(weights or SHIPPED / "lcpfn.safetensors")
        self._borders = self._network.borders.double().numpy()

    def unit_forecast(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> BarDistribution:
        """See :class:`lcstop.surrogates.unit.UnitSurrogate`."""
        spans = [time_span(curve) for curve in curves]
        points = [thin(curve, span) for curve, span in zip(curves, spans, strict=True)]
        lengths = np.array([len(steps) for steps, _ in points])
        time = np.zeros((len(curves), max(lengths, default=0)), np.float32)
        value = np.zeros_like(time)
        for row, (span, (steps, values)) in enumerate(zip(spans, points, strict=True)):
            time[row, : len(steps)] = to_time(steps, span)
            value[row, : len(steps)] = values
        cutoff = np.array([time[i, n - 1] if n else 0.0 for i, n in enumerate(lengths)], np.float32)
        query = np.stack([to_time(at, span) for span in spans])
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            states = self._network.encode(torch.from_numpy(time), torch.from_numpy(value))
            # Points past a curve's own length are padding; a causal state never sees what follows it.
            state = states[torch.arange(len(curves), device="cpu"), torch.from_numpy(lengths)]
            logits = self._network.predict(
                state[:, None],
                torch.from_numpy(cutoff)[:, None],
                torch.from_numpy(query.astype(np.float32))[:, None],
            )[:, 0]
        return BarDistribution(self._borders, logits.double().numpy())
