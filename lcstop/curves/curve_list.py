"""CurveList: the curves of a study, ten thousand of which a decision looks at in one go."""

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
Positions = NDArray[np.int64]

N_LONGEST = 32
"""Curves of a list that :attr:`CurveList.longest` finds."""


class CurveList(Sequence[Curve]):
    """Curves, and of all of them at once what a study asks of each.

    What is computed of all of them is kept, since a study asks the same at each decision. A sum of lists
    knows it from what each of them knows, and copies no curve until it has to.

    Args:
        curves: In order.

    Example:
        >>> curves = CurveList([Curve([1, 2], [0.4, 0.3], horizon=4), Curve([1], [0.6], horizon=4)])
        >>> curves.high.tolist(), curves.last.tolist(), curves.share.tolist()
        ([0.4, 0.6], [0.3, 0.6], [0.5, 0.25])
        >>> len(curves.filter(curves.high > 0.5)), len(curves + curves)
        (1, 4)
    """

    _summands: Sequence[CurveList] = ()
    _ends: Sequence[int] = ()

    def __init__(self, curves: Iterable[Curve] = ()) -> None:
        known = [*curves]
        facts = np.array([curve.summary for curve in known], np.float64)
        self._set(np.fromiter(known, object, len(known)), facts.reshape(-1, N_SUMMARY))

    @classmethod
    def from_summaries(cls, curves: NDArray[np.object_], facts: Array) -> CurveList:
        """Of curves whose facts are known."""
        found = cls.__new__(cls)
        found._set(curves, facts)
        return found

    @classmethod
    def concatenate(cls, lists: Iterable[CurveList]) -> CurveList:
        """The curves of all lists in order."""
        summands = [one for one in lists if len(one)]
        if len(summands) == 1:
            return summands[0]
        if not summands:
            return cls()
        found = cls.__new__(cls)
        found._summands, found._ends = summands, [*accumulate(map(len, summands))]
        return found

    @classmethod
    def wrap(cls, curves: Sequence[Curve]) -> CurveList:
        """The curves themselves if they are a ``CurveList``, with all that has been computed of them."""
        return curves if isinstance(curves, CurveList) else cls(curves)

    def _set(self, curves: NDArray[np.object_], facts: Array) -> None:
        self._curves, self.summary = curves, facts

    @cached_property
    def _curves(self) -> NDArray[np.object_]:
        return np.concatenate([one._curves for one in self._summands])

    @cached_property
    def summary(self) -> Array:
        """The columns below, ``[n, 5]``."""
        return np.concatenate([one.summary for one in self._summands])

    @property
    def first(self) -> Array:
        """First finite value of each curve ``[n]``, NaN where there is none."""
        return self.summary[:, 0]

    @property
    def low(self) -> Array:
        """Least finite value ``[n]``, likewise."""
        return self.summary[:, 1]

    @property
    def high(self) -> Array:
        """Greatest finite value ``[n]``, likewise."""
        return self.summary[:, 2]

    @property
    def last(self) -> Array:
        """Last value ``[n]``, NaN where that is not finite."""
        return self.summary[:, 3]

    @property
    def share(self) -> Array:
        """How much of its horizon each trial has come ``[n]``."""
        return self.summary[:, 4]

    @cached_property
    def min_value(self) -> float:
        """The least finite value of all curves, NaN where there is none."""
        known = [one.min_value for one in self._summands] if self._summands else self.low
        return float(np.fmin.reduce(known, initial=math.nan))

    @cached_property
    def max_value(self) -> float:
        """The greatest one, likewise."""
        known = [one.max_value for one in self._summands] if self._summands else self.high
        return float(np.fmax.reduce(known, initial=math.nan))

    @cached_property
    def argmin(self) -> int | None:
        """Position of the curve that holds the least finite value, the first of them; None without one."""
        return int(np.nanargmin(self.low)) if self.n_finite else None

    @cached_property
    def argmax(self) -> int | None:
        """Position of the one that holds the greatest."""
        return int(np.nanargmax(self.high)) if self.n_finite else None

    @cached_property
    def n_finite(self) -> int:
        """Curves with a finite value."""
        if self._summands:
            return sum(one.n_finite for one in self._summands)
        return len(self) - int(np.count_nonzero(np.isnan(self.high)))

    @cached_property
    def n_started(self) -> int:
        """Curves with a report."""
        if self._summands:
            return sum(one.n_started for one in self._summands)
        return int(np.count_nonzero(self.share))

    @property
    def longest(self) -> Positions:
        """Positions of the :data:`N_LONGEST` greatest shares, those first; of equal ones the last first.

        Example:
            >>> CurveList([Curve([n], [0.5], horizon=4) for n in (1, 2, 1)]).longest.tolist()
            [1, 2, 0]
        """
        return self._longest[0]

    @cached_property
    def _longest(self) -> tuple[Positions, Array]:
        """These positions and their shares."""
        if self._summands:
            starts = [0, *self._ends[:-1]]
            known = [one._longest for one in self._summands]
            found = np.concatenate([start + some for start, (some, _) in zip(starts, known, strict=True)])
            shares = np.concatenate([some for _, some in known])
        else:
            shares = self.share
            least = np.partition(shares, -N_LONGEST)[-N_LONGEST] if len(shares) > N_LONGEST else 0.0
            found = np.flatnonzero(shares >= least)  # to sort ten thousand takes ten times as long
            shares = shares[found]
        first = np.lexsort((found, shares))[: -N_LONGEST - 1 : -1]
        return found[first], shares[first]

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
        return self._ends[-1] if self._summands else len(self._curves)

    def __iter__(self) -> Iterator[Curve]:
        return iter(self._curves.tolist())

    def take(self, positions: Sequence[int]) -> list[Curve]:
        """The curves at these positions, which ascend."""
        found: list[Curve] = []
        if not self._summands:
            found += self._curves[positions].tolist()
            return found
        start, first = 0, 0
        until = np.searchsorted(positions, self._ends).tolist()
        for one, end, last in zip(self._summands, self._ends, until, strict=True):
            if first < last:
                found += one.take([at - start for at in positions[first:last]])
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
