"""Roster: the trials of a study, kept from one decision to the next."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lcstop.curve import N_FACTS, Curve, Direction
from lcstop.curve_list import CurveList
from lcstop.decision import Spared, StudyView

State = Literal["finished", "stopped", "running", "left out"]

_LEFT_OUT, _FINISHED, _STOPPED, _RUNNING = range(4)
_CODES = {"left out": _LEFT_OUT, "finished": _FINISHED, "stopped": _STOPPED, "running": _RUNNING}


class Roster:
    """The trials of a study by position, of which only those that have changed are looked at again.

    Args:
        n: Positions; a trial that was never put into one is left out.

    Example:
        >>> roster = Roster(3)
        >>> roster.put(0, "finished", Curve([1, 2], [0.5, 0.6], horizon=2))
        >>> roster.put(1, "running", Curve([1], [0.4], horizon=2))
        >>> view = roster.view("maximize", "trial 1", without=1)
        >>> len(view.finished), len(view.unfinished), view.n_stopped
        (1, 0, 0)
    """

    def __init__(self, n: int = 0) -> None:
        self._states = np.full(n, _LEFT_OUT, np.int8)
        self._curves = np.empty(n, object)
        self._facts = np.zeros((n, N_FACTS))
        self._spared: dict[int, Spared] = {}
        self._lists: dict[bool, CurveList] = {}  # of those that finished, and of the rest, until one changes

    def resized(self, n: int) -> Roster:
        """A copy with as many positions or more."""
        kept, other = slice(len(self._states)), Roster(n)
        other._states[kept], other._curves[kept], other._facts[kept] = self._states, self._curves, self._facts
        other._spared, other._lists = {**self._spared}, {**self._lists}
        return other

    def put(self, at: int, state: State, curve: Curve | None = None, spared: Spared | None = None) -> None:
        """What there is to know of a trial by now; without a curve it is left out."""
        self._spared.pop(at, None)
        if curve is not None:
            self._facts[at] = curve.facts
            if spared:
                self._spared[at] = spared
        before, now = self._states[at], _LEFT_OUT if curve is None else _CODES[state]
        for code in {before, now} - {_LEFT_OUT}:
            self._lists.pop(code == _FINISHED, None)
        self._states[at], self._curves[at] = now, curve

    def view(self, direction: Direction, judged: str | None, without: int | None) -> StudyView:
        """Every trial but the one at the position ``without``, which is called ``judged``."""
        finished, unfinished = (self._listed(is_finished, without) for is_finished in (True, False))
        n_stopped = int(np.count_nonzero(self._states == _STOPPED))
        if without is not None and self._states[without] == _STOPPED:
            n_stopped -= 1
        spared = [spared for at, spared in sorted(self._spared.items()) if at != without]
        return StudyView(direction, finished, unfinished, judged, n_stopped, spared)

    def _listed(self, is_finished: bool, without: int | None) -> CurveList:
        some = self._states == _FINISHED if is_finished else self._states > _FINISHED
        if without is not None and some[without]:
            some[without] = False
            return self._of(some)
        if is_finished not in self._lists:
            self._lists[is_finished] = self._of(some)
        return self._lists[is_finished]

    def _of(self, some: NDArray[np.bool_]) -> CurveList:
        return CurveList.of(self._curves[some], self._facts.compress(some, axis=0))
