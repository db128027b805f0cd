"""MetricScale: maps a metric to the unit interval, where higher is better, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, logit

from lcstop.curves.curve import Curve, Direction, check_direction
from lcstop.curves.curve_list import CurveList


@dataclass(frozen=True)
class MetricScale:
    """The normalisation of LC-PFN (arXiv 2310.20447, appendix A).

    A linear map takes the soft range, where values of a study usually lie, to [-1, 1]; a logistic function
    follows; an affine map then puts the hard bounds on 0 and 1. When minimising the result is reflected.

    Args:
        direction: ``maximize`` or ``minimize``.
        lower: Least possible value, ``-inf`` if there is none.
        upper: Greatest possible value, ``inf`` if there is none.
        soft_lower: Lower end of the soft range; defaults to ``lower``.
        soft_upper: Upper end of the soft range; defaults to ``upper``.

    Raises:
        ValueError: If the soft range is not finite, empty, or not within the hard bounds.

    Example:
        >>> scale = MetricScale("minimize", lower=0.0, soft_upper=2.3)
        >>> scale.to_unit([0.0, 2.3, float("inf")]).round(3).tolist()
        [1.0, 0.368, 0.0]
        >>> round(float(scale.from_unit(scale.to_unit(0.7))), 12)
        0.7
    """

    direction: Direction
    lower: float = -math.inf
    upper: float = math.inf
    soft_lower: float = math.nan
    soft_upper: float = math.nan

    def __post_init__(self) -> None:
        check_direction(self.direction)
        if math.isnan(self.soft_lower):
            object.__setattr__(self, "soft_lower", self.lower)
        if math.isnan(self.soft_upper):
            object.__setattr__(self, "soft_upper", self.upper)
        if not self.lower <= self.soft_lower < self.soft_upper <= self.upper:
            raise ValueError(
                "bounds must satisfy lower <= soft_lower < soft_upper <= upper, "
                f"got {self.lower}, {self.soft_lower}, {self.soft_upper}, {self.upper}"
            )
        if not math.isfinite(self.soft_upper - self.soft_lower):
            raise ValueError(
                "a metric without finite bounds needs a finite soft range (soft_lower, soft_upper), "
                f"got {self.soft_lower}, {self.soft_upper}; MetricScale.from_study takes it from curves"
            )

    @classmethod
    def from_study(
        cls, direction: Direction, curves: Sequence[Curve], judged: Curve | None = None
    ) -> MetricScale:
        """A scale that resolves the differences between the trials of a study.

        The soft range goes from the study's initial level to its best value. It ignores the metric's bounds:
        near a bound good trials differ by little, and the published scale with hard bounds leaves less room
        above the incumbent than a forecast can resolve, so that winners are stopped. The initial level is the
        median of the curves' first finite values (the better of the two in the middle), so that a trial that
        diverged at once does not move it. The range is widened to include the first finite value of the
        judged curve. Otherwise its start would look like the worst possible value if no other trial has
        moved.

        Args:
            direction: ``maximize`` or ``minimize``.
            curves: Curves of the study.
            judged: The judged curve; its values count like those of ``curves``.

        Raises:
            ValueError: If no curve has a finite value.

        Example:
            >>> curves = [Curve([1, 2], [2.3, 0.9], 50), Curve([1, 2], [1e30, 1e31], 50)]
            >>> scale = MetricScale.from_study("minimize", curves)
            >>> scale.soft_lower, scale.soft_upper
            (0.9, 2.3)
        """
        own = None if judged is None else judged.finite_range
        seen = CurveList.wrap(curves) + CurveList([] if judged is None else [judged])
        has_value = ~np.isnan(seen.first)
        if not has_value.any():
            raise ValueError("no curve has a finite value")
        # The first value of a trial whose result alone is known is no initial level.
        has_curve = has_value & (seen.start < 1)
        starts = seen.first[has_curve if has_curve.any() else has_value]
        better_of_two = (len(starts) - 1) // 2
        if direction == "maximize":
            better_of_two = ~better_of_two
        start = float(np.partition(starts, better_of_two)[better_of_two])
        top = seen.max_value if direction == "maximize" else seen.min_value
        low, high = sorted((start, top))
        if own:
            low, high = min(low, own.first), max(high, own.first)
        if not high - low > 1e-9 * max(abs(high), abs(low)):
            # Nothing has improved on the initial level yet: any width serves, if it grows with the values.
            half = 0.1 * max(abs(high), abs(low)) or 1.0
            middle = high / 2 + low / 2
            low, high = middle - half, middle + half
        return cls(direction, soft_lower=low, soft_upper=high)

    def to_unit(self, y: ArrayLike) -> NDArray[np.float64]:
        """Metric to the unit interval, same shape. Values past a bound are clipped to the bound.

        Values for which the logistic function exceeds float64 are clipped, too: about 370 soft ranges past
        the bad end, or 18 past the good one. All others are restored by :meth:`from_unit`.
        """
        start, end = self._ends
        unit: NDArray[np.float64] = (expit(self._linear(y)) - start) / (end - start)
        return np.clip(unit, 0.0, 1.0)

    def from_unit(self, u: ArrayLike) -> NDArray[np.float64]:
        """Inverse of :meth:`to_unit`. 0 and 1 go to the hard bounds, which may be infinite."""
        start, end = self._ends
        linear = logit(start + (end - start) * np.asarray(u, np.float64))
        return self._unlinear(linear)

    def log_slope(self, y: ArrayLike) -> NDArray[np.float64]:
        """Log of the absolute derivative of :meth:`to_unit` at ``y``, same shape."""
        start, end = self._ends
        linear = self._linear(y)
        logistic: NDArray[np.float64] = log_expit(linear) + log_expit(-linear)
        return logistic + math.log(2.0 / (self.soft_upper - self.soft_lower)) - math.log(end - start)

    def mean_between(self, borders: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of the metric when its unit value is uniform between neighbours of ``borders``: ``[n - 1]``.

        The integral of the logit is p log p + (1 - p) log(1 - p), finite at the ends.
        """
        start, end = self._ends
        p = start + (end - start) * borders
        integral = _xlogx(p) + _xlogx(1 - p)
        return self._unlinear(np.diff(integral) / np.diff(p))

    # Both directions are computed as "higher is better". Bad values may be huge, and the logistic function
    # has its full relative precision near 0, not near 1.

    def _sign(self) -> float:
        return 1.0 if self.direction == "maximize" else -1.0

    def _middle(self) -> tuple[float, float]:
        return (
            self.soft_lower / 2 + self.soft_upper / 2,
            self._sign() * (self.soft_upper / 2 - self.soft_lower / 2),
        )

    def _linear(self, y: ArrayLike) -> NDArray[np.float64]:
        middle, half = self._middle()
        with np.errstate(over="ignore"):
            return (np.asarray(y, np.float64) - middle) / half

    def _unlinear(self, linear: NDArray[np.float64]) -> NDArray[np.float64]:
        middle, half = self._middle()
        return middle + half * linear

    @cached_property
    def _ends(self) -> tuple[float, float]:
        ends = sorted(float(expit(self._linear(bound))) for bound in (self.lower, self.upper))
        return ends[0], ends[1]


def _xlogx(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0)
