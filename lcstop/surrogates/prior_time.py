"""Time of the prior: maps the steps of a curve to t = 1 .. 100. All surrogates share it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve

RESOLUTION = 100
"""Points of a curve of the prior, and maximum number of points that a surrogate sees."""


def thin(curve: Curve) -> Curve:
    """At most :data:`RESOLUTION` points of the curve, evenly spaced among its reports. The last one is kept.

    More points would cost time, and networks were not trained on them.

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
    """Times of the prior, t / 100, at ``steps [n_curves, n]``: from 0.01 (t = 1) to 1 (t = 100).

    If the horizon is at most 100 reports, report number t is at time t, as in the paper. A curve of 20 epochs
    is then the beginning of a curve of the prior. Longer curves are compressed: the first report is at t = 1
    and the horizon at t = 100.

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
    """Median distance of neighbouring reports. For one report its step, for none 1."""
    if not len(curve):
        return 1.0
    return float(np.median(np.diff(curve.steps) if len(curve) > 1 else curve.steps))


def check_ahead(curves: Sequence[Curve], at: NDArray[np.float64]) -> None:
    """Check that all steps ``at`` are ahead of every curve. The curves must hold only finite values.

    Raises:
        ValueError: If ``at`` is empty, or a step is not between the last point and the horizon of a curve.
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
