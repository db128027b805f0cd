"""Bounds: values that the metric cannot have are mistakes, and count for nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from lcstop.curves.curve import Curve
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.study_view import StudyView

_TOLERANCE = 1e-6
"""How far rounding may carry a value past a bound."""


class Bounds:
    """The least and the greatest possible value of a metric, each with a tolerance for rounding.

    Args:
        lower: Least possible value, in the metric's units; None if there is none.
        upper: Greatest possible value, likewise.

    Example:
        >>> Bounds(0, 1).contain(Curve([1, 2], [0.5, 55.0], horizon=2))
        False
    """

    def __init__(self, lower: float | None, upper: float | None) -> None:
        given = {"lower": lower, "upper": upper}
        self._words = ", ".join(f"{name}={bound:g}" for name, bound in given.items() if bound is not None)
        self._low = -math.inf if lower is None else lower - _TOLERANCE
        self._high = math.inf if upper is None else upper + _TOLERANCE

    def contain(self, curve: Curve) -> bool:
        """Whether every finite value of ``curve`` is possible."""
        known = curve.finite_range
        return known is None or (self._low <= known.low and known.high <= self._high)

    def check(self, trial: Curve) -> None:
        """Refuse a trial that has reported an impossible value, such as a percentage among fractions.

        Raises:
            ValueError: If it has.
        """
        known = trial.finite_range
        if known is not None and not self.contain(trial):
            value = known.low if known.low < self._low else known.high
            raise ValueError(f"a trial reported a value outside the bounds {self._words}: {value:g}")

    def filter(self, study: StudyView) -> StudyView:
        """The study without the trials that have reported an impossible value."""
        finished, unfinished = self._within(study.finished), self._within(study.unfinished)
        audited = [trial for trial in study.audited if self.contain(trial.curve)]
        if (
            finished is study.finished
            and unfinished is study.unfinished
            and len(audited) == len(study.audited)
        ):
            return study
        return replace(study, finished=finished, unfinished=unfinished, audited=audited)

    def _within(self, curves: Sequence[Curve]) -> CurveList:
        known, low, high = CurveList.wrap(curves), self._low, self._high
        if known.min_value < low or known.max_value > high:
            return known.filter(~((known.low < low) | (known.high > high)))
        return known
