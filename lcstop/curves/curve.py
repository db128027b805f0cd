"""Curve: the reports of one trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.first_step import counted_from_0

N_SUMMARY = 7
"""Numbers in :attr:`Curve.summary`."""

Direction = Literal["maximize", "minimize"]
"""Whether higher or lower values of the metric are better."""

Target = Literal["best", "final"]
"""The value of a trial that counts: the best on the way to the horizon, or the one at the horizon."""


@dataclass(frozen=True)
class FiniteRange:
    """The first, the lowest and the highest finite value of a curve."""

    first: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Curve:
    """The values of a metric that one trial has reported, by step.

    A step counts the training done when the value was measured: the first epoch ends at step 1, the last at
    ``horizon``. Steps may be sparse and irregular. NaN and infinite values mark diverged points. They are
    kept, and never used as numbers.

    Args:
        steps: ``[n]``, finite, above 0, strictly increasing.
        values: ``[n]``, in the metric's own units.
        horizon: Last step that the trial would reach.
        params: Hyperparameters, if known.

    Raises:
        ValueError: If lengths differ, a step is not allowed, or the horizon is not above 0.

    Example:
        >>> curve = Curve(steps=[1, 2, 3], values=[0.41, float("nan"), 0.61], horizon=50)
        >>> curve.cutoff, len(curve), len(curve.finite())
        (3.0, 3, 2)
    """

    steps: NDArray[np.float64]
    values: NDArray[np.float64]
    horizon: float
    params: Mapping[str, Any] | None = None

    def __init__(
        self,
        steps: Sequence[float] | NDArray[np.float64],
        values: Sequence[float] | NDArray[np.float64],
        horizon: float,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        step_array, value_array = np.array(steps, np.float64), np.array(values, np.float64)
        if step_array.ndim != 1 or step_array.shape != value_array.shape:
            raise ValueError(
                "steps and values must be two lists of one length, "
                f"got shapes {step_array.shape} and {value_array.shape}"
            )
        if len(step_array) and not (
            step_array[0] > 0 and math.isfinite(step_array[-1]) and (step_array[1:] > step_array[:-1]).all()
        ):
            raise ValueError(
                f"steps must be finite, above 0 and strictly increasing, got {step_array.tolist()}"
            )
        if not (math.isfinite(horizon) and horizon > 0):
            raise ValueError(f"horizon must be a finite number above 0, got {horizon=}")
        step_array.flags.writeable = value_array.flags.writeable = False
        for name, value in zip(
            ("steps", "values", "horizon", "params"),
            (step_array, value_array, float(horizon), params),
            strict=True,
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_reports(
        cls,
        reports: Mapping[int, float] | Mapping[float, float],
        horizon: float,
        params: Mapping[str, Any] | None = None,
        *,
        from_0: bool | None = None,
    ) -> Curve:
        """A curve from reports keyed by step, in any order, counted from 0 or from 1.

        Steps that are counted from 0 all move up by one, so that ``horizon`` counts epochs in either case. If
        they are not, as those of a clock, a report at step 0 is left out, since nothing has been trained by
        then. The first report past the horizon counts as the one at the horizon, since a loop may step over
        it. Later reports are left out: longer training says nothing about trials that end at the horizon.

        Args:
            reports: Values by step.
            horizon: As in the constructor.
            params: As in the constructor.
            from_0: Whether the steps of the study are counted from 0, see
                :func:`lcstop.curves.first_step.study_counts_from_0`. Default: whether those of this trial
                are, by themselves.

        Raises:
            ValueError: As the constructor.

        Example:
            >>> Curve.from_reports({1: 0.5, 0: 0.4}, horizon=50).steps.tolist()
            [1.0, 2.0]
            >>> Curve.from_reports({9: 0.5, 19: 0.6}, horizon=50, from_0=True).steps.tolist()
            [10.0, 20.0]
        """
        steps = np.fromiter(reports.keys(), np.float64, len(reports))
        values = np.fromiter(reports.values(), np.float64, len(reports))
        if not (steps[1:] > steps[:-1]).all():
            order = np.argsort(steps, kind="stable")
            steps, values = steps[order], values[order]
        if counted_from_0(steps) if from_0 is None else from_0:
            steps = steps + 1
        elif len(steps) and steps[0] == 0:
            steps, values = steps[1:], values[1:]
        n = int(np.searchsorted(steps, horizon)) + 1  # up to the first report at the horizon or past it
        return cls(np.minimum(steps[:n], horizon), values[:n], horizon, params)

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def cutoff(self) -> float:
        """Last observed step; 0 for a curve without points."""
        return float(self.steps[-1]) if len(self) else 0.0

    @cached_property
    def has_unit_steps(self) -> bool:
        """Whether its steps are 1, 2, 3 and so on."""
        return bool((self.steps == np.arange(1, len(self) + 1)).all())

    @cached_property
    def extent(self) -> tuple[float, float, float, int, bool]:
        """First and last step, horizon, number of points, :attr:`has_unit_steps`; of a curve with points.

        In one tuple, since a decision reads them of 64 curves.
        """
        return float(self.steps[0]), self.cutoff, self.horizon, len(self), self.has_unit_steps

    @cached_property
    def share(self) -> float:
        """Share of the horizon that the trial has reached."""
        return self.cutoff / self.horizon

    @cached_property
    def start(self) -> float:
        """Share of the horizon at its first report; 1 without one.

        It is 1, too, for a trial whose result alone is known, at the horizon: it has no curve.
        """
        return float(self.steps[0]) / self.horizon if len(self) else 1.0

    @cached_property
    def finite_range(self) -> FiniteRange | None:
        """The range of its finite values, computed once; None without one."""
        values = self.finite().values
        if not len(values):
            return None
        return FiniteRange(float(values[0]), float(values.min()), float(values.max()))

    @cached_property
    def longest_gap(self) -> float:
        """Longest time in steps from one finite report to the next with others between; 0 if there is none.

        The time until the first finite report counts as well. What follows the last finite report does not:
        it may never end.

        Example:
            >>> nan = float("nan")
            >>> Curve([1, 2, 3, 4, 5, 6], [nan, 0.5, 0.6, nan, 0.7, nan], horizon=9).longest_gap
            2.0
        """
        (at,) = np.isfinite(self.values).nonzero()
        gaps = np.diff(self.steps[at], prepend=0.0)[np.diff(at, prepend=-1) > 1]
        return float(gaps.max(initial=0.0))

    @cached_property
    def summary(self) -> tuple[float, float, float, float, float, float, float]:
        """A row of :class:`lcstop.curves.curve_list.CurveList`: first, low, high, last, gap, start, share.

        The first three are of finite values; each of the first four is NaN where there is none.
        """
        gap, start = self.longest_gap / self.horizon, self.start
        if self.finite_range is None:
            return math.nan, math.nan, math.nan, math.nan, gap, start, self.share
        last = float(self.values[-1])
        ends = last if math.isfinite(last) else math.nan
        return (
            self.finite_range.first,
            self.finite_range.low,
            self.finite_range.high,
            ends,
            gap,
            start,
            self.share,
        )

    def best(self, direction: Direction) -> float | None:
        """The best finite value, or None if there is none."""
        if self.finite_range is None:
            return None
        return self.finite_range.high if direction == "maximize" else self.finite_range.low

    def future_steps(self, most: int) -> NDArray[np.float64]:
        """At most ``most`` evenly spaced steps after the cutoff, the last of them the horizon ``[n]``.

        They are no closer than 1, or than the reports if these are closer. At the horizon there is none.

        Example:
            >>> Curve([1, 2], [0.5, 0.6], horizon=6).future_steps(10).tolist()
            [3.0, 4.0, 5.0, 6.0]
        """
        between = min(1.0, self.cutoff / max(len(self), 1)) or 1.0
        n = min(most, math.ceil((self.horizon - self.cutoff) / between))
        return np.linspace(self.horizon, self.cutoff, n, endpoint=False)[::-1]

    @cached_property
    def content(self) -> tuple[bytes, bytes, float, str]:
        """All that it holds, to put curves into an order that does not depend on how they are listed."""
        params = sorted((self.params or {}).items(), key=str)
        return self.values.tobytes(), self.steps.tobytes(), self.horizon, repr(params)

    @cached_property
    def without_gaps(self) -> Curve:
        """The curve without NaN and infinite values that a finite report has followed, or soon may.

        Those at the end stay if they last for more than twice :attr:`longest_gap`: the trial has diverged.

        Example:
            >>> nan = float("nan")
            >>> curve = Curve([1, 2, 3, 4, 5, 6], [0.4, nan, nan, 0.6, nan, nan], horizon=9)
            >>> curve.without_gaps.values.tolist()
            [0.4, 0.6]
            >>> Curve([1, 2, 3], [0.4, nan, nan], horizon=9).without_gaps.values.tolist()
            [0.4, nan, nan]
        """
        finite = self.finite()
        if finite is self or not len(finite):
            return self
        if self.cutoff - finite.cutoff <= 2 * self.longest_gap:
            return finite
        keep = np.isfinite(self.values) | (self.steps > finite.cutoff)
        return Curve(self.steps[keep], self.values[keep], self.horizon, self.params)

    def finite(self) -> Curve:
        """The curve without NaN and infinite values."""
        ok = np.isfinite(self.values)
        return self if ok.all() else Curve(self.steps[ok], self.values[ok], self.horizon, self.params)

    def prefix(self, n: int) -> Curve:
        """The curve as it was after its first ``n`` reports."""
        return Curve(self.steps[:n], self.values[:n], self.horizon, self.params)


def check_direction(direction: str) -> None:
    """Refuse what is no direction.

    Raises:
        ValueError: If ``direction`` is neither ``maximize`` nor ``minimize``.
    """
    if direction not in ("maximize", "minimize"):
        raise ValueError(f"direction must be 'maximize' or 'minimize', got {direction!r}")


def better(value: float, other: float, direction: Direction) -> bool:
    """Whether ``value`` is better than ``other``.

    Example:
        >>> better(0.2, 0.1, "minimize")
        False
    """
    return value > other if direction == "maximize" else value < other
