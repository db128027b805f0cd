"""The LC-PFN surrogate: curves in a metric's units, through the network, to a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lcstop.curve import Curve
from lcstop.forecast import BarDistribution
from lcstop.surrogates.inference import CHUNK, Inference
from lcstop.surrogates.network import PRIORS
from lcstop.surrogates.time import thin, to_time
from lcstop.surrogates.unit import UnitSurrogate
from lcstop.surrogates.weights import SHIPPED, load_network
from lcstop.threads import apart, apart_each

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
            network = load_network(weights or SHIPPED / "lcpfn.safetensors")
            self._inference = apart(lambda: Inference(network))
        self._borders = network.borders.double().numpy()

    def unit_forecast(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> BarDistribution:
        """See :class:`lcstop.surrogates.unit.UnitSurrogate`."""
        chunks = [curves[i : i + CHUNK] for i in range(0, len(curves), CHUNK)]
        logits = apart_each([partial(self._logits, chunk, at) for chunk in chunks])
        return BarDistribution(self._borders, np.concatenate(logits))

    def _inputs(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> list[Array]:
        """What :meth:`lcstop.surrogates.inference.Inference.logits` takes."""
        points, patch = [thin(curve) for curve in curves], self._inference.patch
        longest = max(len(curve) for curve in points)
        length = longest + -longest % patch
        step = np.zeros((len(curves), length, 2), np.float32)
        value, there = np.zeros((2, len(curves), length), np.float32)
        cutoff = np.zeros((len(curves), 1, 2), np.float32)
        query = np.empty((len(curves), len(at), 2), np.float32)
        for row, (curve, seen) in enumerate(zip(curves, points, strict=True)):
            steps = np.concatenate([seen.steps, at])
            times = np.stack([to_time(curve, steps), steps / curve.horizon], -1)
            query[row] = times[len(seen) :]
            if len(seen):
                first = -len(seen) % patch  # the last point ends a patch
                place = slice(first, first + len(seen))
                step[row, place], value[row, place] = times[: len(seen)], seen.values
                value[row, :first], there[row, place] = seen.values[0], 1.0
                cutoff[row, 0] = times[len(seen) - 1]
        return [step, value, there, np.full(len(curves), self._prior), cutoff, query]

    def _logits(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> Array:
        """Of the bins ``[n_curves, n_at, n_bins]``."""
        with torch.inference_mode():
            arrays = map(torch.from_numpy, self._inputs(curves, at))
            found: Array = self._inference.logits(*arrays).numpy()
        return found
