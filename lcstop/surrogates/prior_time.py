"""Time of the prior: how the steps of a curve become t = 1 .. 100, the same for every surrogate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve

RESOLUTION = 100
"""Times that a surrogate tells apart, as many as a curve of the prior has points."""


def thin(curve: Curve) -> Curve:
    """At most ``RESOLUTION`` points of the curve, evenly spaced among its reports, the last one always.

    More would cost time and lie outside what a network was trained on.

    Example:
        >>> thin(Curve(np.arange(1, 251), np.arange(1, 251), horizon=1000)).steps[[0, 1, -1]].tolist()
        [1.0, 4.0, 250.0]
    """
    every = -(-len(curve) // RESOLUTION)
    if every <= 1:
        return curve
    kept = slice((len(curve) - 1) % every, None, every)
    return Curve(curve.steps[kept], curve.values[kept], curve.horizon)


def to_time(curves: Sequence[Curve], steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Time of the prior, t / 100, at ``steps [n_curves, n]``: at least one hundredth (t = 1), at most 1.

    Up to 100 reports, each is one t of the prior, as published: a curve of 20 epochs is the beginning of a
    curve of the prior rather than all of it. Longer curves are fitted to it, the first report at t = 1 and
    the horizon at t = 100.

    Example:
        >>> to_time([Curve([1, 2, 3], [0.1, 0.2, 0.3], horizon=20)], np.array([[1.0, 20.0]])).tolist()
        [[0.01, 0.2]]
        >>> to_time([Curve([1, 2, 3], [0.1, 0.2, 0.3], horizon=1000)], np.array([[1.0, 1000.0]])).tolist()
        [[0.01, 1.0]]
        >>> curve = Curve([100, 200, 300], [0.1, 0.2, 0.3], horizon=2000)
        >>> to_time([curve], np.array([[100.0, 2000.0]])).tolist()
        [[0.01, 0.2]]
    """
    spacing = np.array([_spacing(curve) for curve in curves])[:, None]
    report, last = steps / spacing, np.array([curve.horizon for curve in curves])[:, None] / spacing
    fitted = np.minimum((RESOLUTION - 1) / np.maximum(last - 1, 1e-9), 1.0)
    time: NDArray[np.float64] = np.clip((1 + (report - 1) * fitted) / RESOLUTION, 1 / RESOLUTION, 1.0)
    return time


def _spacing(curve: Curve) -> float:
    """Median distance of two reports; of one report its step, and of none 1."""
    if not len(curve):
        return 1.0
    return float(np.median(np.diff(curve.steps) if len(curve) > 1 else curve.steps))


def check_ahead(curves: Sequence[Curve], at: NDArray[np.float64]) -> None:
    """Refuse steps that are not ahead of every curve; the curves are without diverged points.

    Raises:
        ValueError: If ``at`` is empty, or a step is not after a curve's last point and up to its horizon.
    """
    if not len(at):
        raise ValueError("at must name at least one step")
    cutoff, horizon = np.array([(curve.cutoff, curve.horizon) for curve in curves]).T[..., None]
    ahead = ((at > cutoff) & (at <= horizon)).all(1)
    if not ahead.all():
        i = int(ahead.argmin())
        raise ValueError(
            f"at must lie after the curve's last point {cutoff[i, 0]:g} and within its horizon "
            f"{horizon[i, 0]:g}, got {at.tolist()}"
        )
