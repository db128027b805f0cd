"""CurveList: the curves of a study, ten thousand of which a decision looks at in one go."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from lcstop.curve import N_FACTS, Curve

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


class CurveList(Sequence[Curve]):
    """Curves, and of all of them at once what a study asks of each.

    What is computed of all of them is kept, since a study asks the same at each decision.

    Args:
        curves: In order.

    Attributes:
        facts: The columns below ``[n, 5]``.
        first: First finite value of each curve ``[n]``, NaN where there is none.
        low: Least finite value ``[n]``, likewise.
        high: Greatest finite value ``[n]``, likewise.
        last: Last value ``[n]``, NaN where that is not finite.
        share: How much of its horizon each trial has come ``[n]``.

    Example:
        >>> curves = CurveList([Curve([1, 2], [0.4, 0.3], horizon=4), Curve([1], [0.6], horizon=4)])
        >>> curves.high.tolist(), curves.last.tolist(), curves.share.tolist()
        ([0.4, 0.6], [0.3, 0.6], [0.5, 0.25])
        >>> len(curves.where(curves.high > 0.5))
        1
    """

    def __init__(self, curves: Iterable[Curve] = ()) -> None:
        known = [*curves]
        facts = np.array([curve.facts for curve in known], np.float64)
        self._set(np.fromiter(known, object, len(known)), facts.reshape(-1, N_FACTS))

    @classmethod
    def of(cls, curves: NDArray[np.object_], facts: Array) -> CurveList:
        """Of curves whose facts are known."""
        found = cls.__new__(cls)
        found._set(curves, facts)
        return found

    @classmethod
    def known(cls, curves: Sequence[Curve]) -> CurveList:
        """The curves themselves if they are a ``CurveList``, with all that has been computed of them."""
        return curves if isinstance(curves, CurveList) else cls(curves)

    def _set(self, curves: NDArray[np.object_], facts: Array) -> None:
        self._curves, self.facts = curves, facts
        self.first, self.low, self.high, self.last, self.share = facts.T

    @cached_property
    def least(self) -> float:
        """The least finite value of all curves, NaN where there is none."""
        return math.nan if self.lowest is None else float(self.low[self.lowest])

    @cached_property
    def greatest(self) -> float:
        """The greatest one, likewise."""
        return math.nan if self.highest is None else float(self.high[self.highest])

    @cached_property
    def lowest(self) -> int | None:
        """Position of the curve that holds the least finite value, the first of them; None without one."""
        return int(np.nanargmin(self.low)) if self.n_finite else None

    @cached_property
    def highest(self) -> int | None:
        """Position of the one that holds the greatest."""
        return int(np.nanargmax(self.high)) if self.n_finite else None

    @cached_property
    def n_finite(self) -> int:
        """Curves with a finite value."""
        return len(self) - int(np.count_nonzero(np.isnan(self.high)))

    @cached_property
    def longest(self) -> NDArray[np.int64]:
        """Positions ``[n]``, those of the greatest shares first; of equal ones the last first.

        Example:
            >>> CurveList([Curve([n], [0.5], horizon=4) for n in (1, 2, 1)]).longest.tolist()
            [1, 2, 0]
        """
        return np.argsort(self.share, kind="stable")[::-1]

    @overload
    def __getitem__(self, index: int) -> Curve: ...
    @overload
    def __getitem__(self, index: slice) -> CurveList: ...
    def __getitem__(self, index: int | slice) -> Curve | CurveList:
        if isinstance(index, slice):
            return CurveList.of(self._curves[index], self.facts[index])
        curve: Curve = self._curves[index]
        return curve

    def __len__(self) -> int:
        return len(self._curves)

    def __iter__(self) -> Iterator[Curve]:
        return iter(self._curves.tolist())

    def at(self, positions: Sequence[int]) -> list[Curve]:
        """The curves at these positions."""
        found: list[Curve] = self._curves[positions].tolist()
        return found

    def __add__(self, others: CurveList) -> CurveList:
        return CurveList.of(
            np.concatenate([self._curves, others._curves]), np.concatenate([self.facts, others.facts])
        )

    def where(self, mask: Mask) -> CurveList:
        """The curves where ``mask [n]`` holds."""
        if mask.all():
            return self
        # Rows by ``compress``: a mask as an index takes five times as long.
        return CurveList.of(self._curves[mask], self.facts.compress(mask, axis=0))
