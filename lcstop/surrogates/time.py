"""Time of the prior: how the steps of a curve become t = 1 .. 100, the same for every surrogate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lcstop.curve import Curve

RESOLUTION = 100
"""Times that a surrogate tells apart, as many as a curve of the prior has points."""


def thin(curve: Curve, span: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and values of at most one point, the last, in each hundredth of ``span``.

    More points than the resolution would cost time and lie outside what a network was trained on.

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
    """Share of ``span``, at least one hundredth (t = 1), at most 1 (t = 100)."""
    return np.clip(steps / span, 1 / RESOLUTION, 1.0)


def check_ahead(curves: Sequence[Curve], at: NDArray[np.float64]) -> None:
    """Refuse steps that are not ahead of every curve.

    Raises:
        ValueError: If ``at`` is empty, or a step is not after a curve's last finite point and up to its
            horizon.
    """
    if not len(at):
        raise ValueError("at must name at least one step")
    for curve in curves:
        cutoff = curve.finite().cutoff
        if not ((at > cutoff) & (at <= curve.horizon)).all():
            raise ValueError(
                f"at must lie after the curve's last point {cutoff:g} and within its horizon "
                f"{curve.horizon:g}, got {at.tolist()}"
            )
