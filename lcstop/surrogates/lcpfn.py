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

    def _logits(self, curves: Sequence[Curve], at: NDArray[np.float64]) -> Array:
        """Of the bins ``[n_curves, n_at, n_bins]``."""
        with torch.inference_mode():
            arrays = map(torch.from_numpy, self._inputs(curves, at))
            found: Array = self._inference.logits(self._prior, *arrays).numpy()
        return found
