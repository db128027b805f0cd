"""The LC-PFN surrogate: curves in a metric's units, through the network, to a forecast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lcstop.curve import Curve
from lcstop.forecast import BarDistribution, Forecast
from lcstop.scale import MetricScale
from lcstop.surrogates.weights import SHIPPED, load_network

RESOLUTION = 100
"""Times that the network tells apart, as many as a curve of its prior has points."""


class LCPFN:
    """Prior-data fitted network for learning curves (arXiv 2310.20447).

    Args:
        weights: A ``.safetensors`` file made by ``lcstop train``; the shipped one by default.

    Raises:
        WeightsError: If the weights are missing or damaged.

    Example:
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

    def forecast(
        self,
        curves: Sequence[Curve],
        at: Sequence[float],
        scale: MetricScale,
        study: Sequence[Curve] = (),
    ) -> Forecast:
        """See :class:`lcstop.surrogates.Surrogate`; ``study`` is ignored, each curve stands alone."""
        if not curves:
            raise ValueError("curves must hold at least one curve")
        steps_ahead = np.atleast_1d(np.asarray(at, np.float64))
        _check_ahead(curves, steps_ahead)
        spans = [time_span(curve) for curve in curves]
        points = [thin(curve.finite(), span) for curve, span in zip(curves, spans, strict=True)]
        lengths = np.array([len(steps) for steps, _ in points])
        time = np.zeros((len(curves), max(lengths, default=0)), np.float32)
        value = np.zeros_like(time)
        for row, (span, (steps, values)) in enumerate(zip(spans, points, strict=True)):
            time[row, : len(steps)] = to_time(steps, span)
            value[row, : len(steps)] = scale.to_unit(values)
        cutoff = np.array([time[i, n - 1] if n else 0.0 for i, n in enumerate(lengths)], np.float32)
        query = np.stack([to_time(steps_ahead, span) for span in spans])
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            states = self._network.encode(torch.from_numpy(time), torch.from_numpy(value))
            # Points past a curve's own length are padding; a causal state never sees what follows it.
            state = states[torch.arange(len(curves), device="cpu"), torch.from_numpy(lengths)]
            logits = self._network.predict(
                state[:, None],
                torch.from_numpy(cutoff)[:, None],
                torch.from_numpy(query.astype(np.float32))[:, None],
            )[:, 0]
        bars = BarDistribution(self._borders, logits.double().numpy())
        return Forecast(bars.restrict(0.0, 1.0), scale)


def thin(curve: Curve, span: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and values of at most one point, the last, in each hundredth of ``span``.

    More points than the network's resolution would cost time and lie outside what it was trained on.

    Example:
        >>> steps, values = thin(Curve([1, 9, 11, 12], [0.1, 0.2, 0.3, 0.4], horizon=1000), span=1000)
        >>> steps.tolist(), values.tolist()
        ([9.0, 12.0], [0.2, 0.4])
    """
    if len(curve) < 2:
        return curve.steps, curve.values
    cell = np.ceil(to_time(curve.steps, span) * RESOLUTION - 1e-6)
    last = np.append(cell[1:] > cell[:-1], True)
    return curve.steps[last], curve.values[last]


def time_span(curve: Curve) -> float:
    """Steps of the curve that correspond to t = 1 .. 100, the whole time of the prior's curves.

    Up to 100 reports, each is one t of the prior, as published: a curve of 20 epochs is the beginning of a
    curve of the prior rather than all of it. Only longer curves are scaled to fit.

    Example:
        >>> time_span(Curve([1, 2, 3], [0.1, 0.2, 0.3], horizon=20))
        100.0
        >>> time_span(Curve([1, 2, 3], [0.1, 0.2, 0.3], horizon=1000))
        1000.0
        >>> time_span(Curve([100, 200, 300], [0.1, 0.2, 0.3], horizon=2000))
        10000.0
    """
    between = np.diff(curve.steps) if len(curve) > 1 else curve.steps
    spacing = float(np.median(between)) if len(curve) else 1.0
    return max(curve.horizon, RESOLUTION * spacing)


def to_time(steps: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """Time of the network: the share of ``span``, at least one hundredth (t = 1), at most 1."""
    return np.clip(steps / span, 1 / RESOLUTION, 1.0)


def _check_ahead(curves: Sequence[Curve], at: NDArray[np.float64]) -> None:
    if not len(at):
        raise ValueError("at must name at least one step")
    for curve in curves:
        cutoff = curve.finite().cutoff
        if not ((at > cutoff) & (at <= curve.horizon)).all():
            raise ValueError(
                f"at must lie after the curve's last point {cutoff:g} and within its horizon "
                f"{curve.horizon:g}, got {at.tolist()}"
            )
