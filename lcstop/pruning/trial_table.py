"""Roster: the trials of a study, kept from one decision to the next."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lcstop.curves.curve import N_FACTS, Curve, Direction
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.decision import Spared, StudyView

State = Literal["finished", "stopped", "running", "left out"]

_EMPTY, _FINISHED, _STOPPED, _RUNNING = range(4)
_CODES = {"left out": _EMPTY, "finished": _FINISHED, "stopped": _STOPPED, "running": _RUNNING}

_SIZE = 512
"""Positions of a piece: of more, to make one anew takes longer, and of less, to join all."""


class Roster:
    """The trials of a study by position, of which only those that have changed are looked at again.

    Ten thousand others cost a decision next to nothing: they are kept in pieces, of which a copy makes those
    anew in which a trial changes, and shares the rest.

    Example:
        >>> roster = Roster()
        >>> roster.put(0, "finished", Curve([1, 2], [0.5, 0.6], horizon=2))
        >>> roster.put(1, "running", Curve([1], [0.4], horizon=2))
        >>> view = roster.view("maximize", "trial 1", without=1)
        >>> len(view.finished), len(view.unfinished), view.n_stopped
        (1, 0, 0)
    """

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._own: set[int] = set()  # pieces that no copy knows
        self._n_stopped = 0
        self._spared: dict[int, Spared] = {}
        self._lists: dict[bool, CurveList] = {}  # of those that finished, and of the rest, until one changes

    def copy(self) -> Roster:
        """One that knows the same, and goes its own way."""
        other = Roster()
        other._pieces, other._n_stopped = [*self._pieces], self._n_stopped
        other._spared, other._lists = {**self._spared}, {**self._lists}
        self._own = set()
        return other

    def put(self, at: int, state: State, curve: Curve | None = None, spared: Spared | None = None) -> None:
        """What there is to know of a trial by now; without a curve it is left out."""
        self._spared.pop(at, None)
        if curve is not None and spared:
            self._spared[at] = spared
        piece, place = divmod(at, _SIZE)
        before, now = self._state(at), _EMPTY if curve is None else _CODES[state]
        if before == now == _EMPTY:
            return
        while len(self._pieces) <= piece:
            self._own.add(len(self._pieces))
            self._pieces.append(_Piece())
        if piece not in self._own:
            self._own.add(piece)
            self._pieces[piece] = self._pieces[piece].copy()
        self._pieces[piece].put(place, now, curve)
        self._n_stopped += (now == _STOPPED) - (before == _STOPPED)
        for code in {before, now} - {_EMPTY}:
            self._lists.pop(code == _FINISHED, None)

    def view(self, direction: Direction, judged: str | None, without: int | None) -> StudyView:
        """Every trial but the one at the position ``without``, which is called ``judged``.

        One that has not reported tells nothing, and is not listed either.
        """
        left_out = _EMPTY if without is None else self._state(without)
        finished = self._listed(True, without if left_out == _FINISHED else None)
        unfinished = self._listed(False, without if left_out > _FINISHED else None)
        n_stopped = self._n_stopped - (left_out == _STOPPED)
        spared = [spared for at, spared in sorted(self._spared.items()) if at != without]
        return StudyView(direction, finished, unfinished, judged, n_stopped, spared)

    def _listed(self, is_finished: bool, without: int | None) -> CurveList:
        if without is None and is_finished in self._lists:
            return self._lists[is_finished]
        piece, place = divmod(-1 if without is None else without, _SIZE)
        found = CurveList.joined(
            some.listed(is_finished, place if i == piece else None) for i, some in enumerate(self._pieces)
        )
        if without is None:
            self._lists[is_finished] = found
        return found

    def _state(self, at: int) -> int:
        piece, place = divmod(at, _SIZE)
        return int(self._pieces[piece].states[place]) if 0 <= piece < len(self._pieces) else _EMPTY


class _Piece:
    """Trials at some positions in a row."""

    def __init__(self) -> None:
        self.states = np.full(_SIZE, _EMPTY, np.int8)
        self._curves = np.empty(_SIZE, object)
        self._facts = np.zeros((_SIZE, N_FACTS))
        self._lists: dict[bool, CurveList] = {}

    def copy(self) -> _Piece:
        other = _Piece.__new__(_Piece)
        other.states, other._curves = self.states.copy(), self._curves.copy()
        other._facts, other._lists = self._facts.copy(), {}
        return other

    def put(self, place: int, state: int, curve: Curve | None) -> None:
        self._lists = {}
        self.states[place], self._curves[place] = state, curve
        if curve is not None:
            self._facts[place] = curve.facts

    def listed(self, is_finished: bool, without: int | None) -> CurveList:
        """Those that finished, or the rest; but for the one at a place."""
        if without is None and is_finished in self._lists:
            return self._lists[is_finished]
        some = self.states == _FINISHED if is_finished else self.states > _FINISHED
        some &= self._facts[:, -1] > 0
        if without is not None:
            some[without] = False
        found = CurveList.of(self._curves[some], self._facts.compress(some, axis=0))
        if without is None:
            self._lists[is_finished] = found
        return found
