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
        self._lists: tuple[CurveList, CurveList] | None = None  # of all, until one is put

    def resized(self, n: int) -> Roster:
        """A copy with more positions or fewer."""
        kept, other = slice(min(n, len(self._states))), Roster(n)
        other._states[kept], other._curves[kept] = self._states[kept], self._curves[kept]
        other._facts[kept] = self._facts[kept]
        other._spared = {at: spared for at, spared in self._spared.items() if at < n}
        return other

    def put(self, at: int, state: State, curve: Curve | None = None, spared: Spared | None = None) -> None:
        """What there is to know of a trial by now; without a curve it is left out."""
        self._spared.pop(at, None)
        self._lists = None
        if curve is None:
            state = "left out"
        else:
            self._facts[at] = curve.facts
            if spared:
                self._spared[at] = spared
        self._states[at], self._curves[at] = _CODES[state], curve

    def view(self, direction: Direction, judged: str | None, without: int | None) -> StudyView:
        """Every trial but the one at the position ``without``, which is called ``judged``."""
        states = self._states
        if without is None or states[without] == _LEFT_OUT:
            lists = self._lists = self._lists or self._listed(states)
        else:
            states = states.copy()
            states[without] = _LEFT_OUT
            lists = self._listed(states)
        spared = [spared for at, spared in sorted(self._spared.items()) if at != without]
        return StudyView(direction, *lists, judged, int(np.count_nonzero(states == _STOPPED)), spared)

    def _listed(self, states: NDArray[np.int8]) -> tuple[CurveList, CurveList]:
        finished, unfinished = (
            CurveList.of(self._curves[some], self._facts.compress(some, axis=0))
            for some in (states == _FINISHED, states > _FINISHED)
        )
        return finished, unfinished
