"""CurveList: the curves of a study, so that a decision handles ten thousand of them at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import overload

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import N_SUMMARY, Curve

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class CurveList(Sequence[Curve]):
    """A sequence of curves with arrays of their summaries.

    Summaries and extremes are cached, since each decision needs the same ones. A concatenation combines the
    cached values of its parts, and copies no curve until it has to.

    Args:
        curves: In order.

    Example:
        >>> curves = CurveList([Curve([1, 2], [0.4, 0.3], horizon=4), Curve([1], [0.6], horizon=4)])
        >>> curves.high.tolist(), curves.last.tolist(), curves.share.tolist()
        ([0.4, 0.6], [0.3, 0.6], [0.5, 0.25])
        >>> len(curves.filter(curves.high > 0.5)), len(curves + curves)
        (1, 4)
    """

    _parts: Sequence[CurveList] = ()
    _ends: Sequence[int] = ()

    def __init__(self, curves: Iterable[Curve] = ()) -> None:
        known = [*curves]
        summary = np.array([curve.summary for curve in known], np.float64)
        self._set(np.fromiter(known, object, len(known)), summary.reshape(-1, N_SUMMARY))

    @classmethod
    def from_summaries(cls, curves: NDArray[np.object_], summary: Array) -> CurveList:
        """A list of curves whose summaries are known, ``[n, 7]``."""
        found = cls.__new__(cls)
        found._set(curves, summary)
        return found

    @classmethod
    def concatenate(cls, lists: Iterable[CurveList]) -> CurveList:
        """The curves of all lists, in order."""
        parts = [part for part in lists if len(part)]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls()
        found = cls.__new__(cls)
        found._parts, found._ends = parts, [*accumulate(map(len, parts))]
        return found

    @classmethod
    def wrap(cls, curves: Sequence[Curve]) -> CurveList:
        """``curves`` itself if it is a ``CurveList``, with its cached values; else a new list."""
        return curves if isinstance(curves, CurveList) else cls(curves)

    def _set(self, curves: NDArray[np.object_], summary: Array) -> None:
        self._curves, self.summary = curves, summary

    @cached_property
    def _curves(self) -> NDArray[np.object_]:
        return np.concatenate([part._curves for part in self._parts])

    @cached_property
    def summary(self) -> Array:
        """The columns first, low, high, last, gap, start and share, ``[n, 7]``."""
        return np.concatenate([part.summary for part in self._parts])

    @property
    def first(self) -> Array:
        """First finite value of each curve ``[n]``, NaN where there is none."""
        return self.summary[:, 0]

    @property
    def low(self) -> Array:
        """Lowest finite value ``[n]``, NaN where there is none."""
        return self.summary[:, 1]

    @property
    def high(self) -> Array:
        """Highest finite value ``[n]``, NaN where there is none."""
        return self.summary[:, 2]

    @property
    def last(self) -> Array:
        """Last value ``[n]``, NaN where that is not finite."""
        return self.summary[:, 3]

    @property
    def gap(self) -> Array:
        """:attr:`Curve.longest_gap` of each trial as a share of its horizon ``[n]``."""
        return self.summary[:, 4]

    @property
    def start(self) -> Array:
        """:attr:`Curve.start` of each trial ``[n]``."""
        return self.summary[:, 5]

    @property
    def share(self) -> Array:
        """Share of its horizon that each trial has reached ``[n]``."""
        return self.summary[:, 6]

    @cached_property
    def min_value(self) -> float:
        """The lowest finite value of all curves, NaN if there is none."""
        known = [part.min_value for part in self._parts] if self._parts else self.low
        return float(np.fmin.reduce(known, initial=math.nan))

    @cached_property
    def max_value(self) -> float:
        """The highest finite value of all curves, NaN if there is none."""
        known = [part.max_value for part in self._parts] if self._parts else self.high
        return float(np.fmax.reduce(known, initial=math.nan))

    @cached_property
    def n_finite(self) -> int:
        """Number of curves with a finite value."""
        if self._parts:
            return sum(part.n_finite for part in self._parts)
        return len(self) - int(np.count_nonzero(np.isnan(self.high)))

    @cached_property
    def n_started(self) -> int:
        """Number of curves with a report."""
        if self._parts:
            return sum(part.n_started for part in self._parts)
        return int(np.count_nonzero(self.share))

    @cached_property
    def n_with_curve(self) -> int:
        """Number of curves with a finite value before the horizon: not of results alone."""
        if self._parts:
            return sum(part.n_with_curve for part in self._parts)
        return int(np.count_nonzero((self.start < 1) & ~np.isnan(self.high)))

    @overload
    def __getitem__(self, index: int) -> Curve: ...
    @overload
    def __getitem__(self, index: slice) -> CurveList: ...
    def __getitem__(self, index: int | slice) -> Curve | CurveList:
        if isinstance(index, slice):
            return CurveList.from_summaries(self._curves[index], self.summary[index])
        curve: Curve = self._curves[index]
        return curve

    def __len__(self) -> int:
        return self._ends[-1] if self._parts else len(self._curves)

    def __iter__(self) -> Iterator[Curve]:
        return iter(self._curves.tolist())

    def take(self, positions: Sequence[int]) -> list[Curve]:
        """The curves at these indices, which must ascend."""
        found: list[Curve] = []
        if not self._parts:
            found += self._curves[positions].tolist()
            return found
        start, first = 0, 0
        until = np.searchsorted(positions, self._ends).tolist()
        for part, end, last in zip(self._parts, self._ends, until, strict=True):
            if first < last:
                found += part.take([at - start for at in positions[first:last]])
            start, first = end, last
        return found

    def __add__(self, others: CurveList) -> CurveList:
        return CurveList.concatenate([self, others])

    def filter(self, mask: Mask) -> CurveList:
        """The curves where ``mask [n]`` holds."""
        if mask.all():
            return self
        # Rows by ``compress``: a mask as an index takes five times as long.
        return CurveList.from_summaries(self._curves[mask], self.summary.compress(mask, axis=0))
