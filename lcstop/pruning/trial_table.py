"""TrialTable: the trials of a study, kept from one decision to the next."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lcstop.curves.curve import N_SUMMARY, Curve, Direction
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import AuditedTrial

State = Literal["finished", "infeasible", "stopped", "running", "left out"]
"""A trial is ``infeasible`` if it has finished and breaks a constraint. It is left out, too."""

_LEFT_OUT, _FINISHED, _STOPPED, _RUNNING = range(4)
_CODES = {
    "left out": _LEFT_OUT,
    "infeasible": _LEFT_OUT,
    "finished": _FINISHED,
    "stopped": _STOPPED,
    "running": _RUNNING,
}

_CHUNK_SIZE = 512
"""Trials per chunk: larger chunks copy slower, smaller ones concatenate slower."""


class TrialTable:
    """The trials of a study by index. Only trials that have changed are looked at again.

    Trials are kept in chunks. A copy of the table shares them, and copies a chunk when one of its trials
    changes, so that ten thousand other trials cost a decision next to nothing.

    Example:
        >>> table = TrialTable()
        >>> table.set(0, "finished", Curve([1, 2], [0.5, 0.6], horizon=2))
        >>> table.set(1, "running", Curve([1], [0.4], horizon=2))
        >>> study = table.study_view("maximize", judged="trial 1", without=1)
        >>> len(study.finished), len(study.unfinished), study.n_stopped
        (1, 0, 0)
    """

    def __init__(self) -> None:
        self._chunks: list[_Chunk] = []
        self._unshared: set[int] = set()  # chunks that no copy shares
        self._n_stopped = 0
        self._audited: dict[int, AuditedTrial] = {}
        self._infeasible: set[int] = set()
        self._lists: dict[bool, CurveList] = {}  # of finished and of unfinished trials, until one changes

    def copy(self) -> TrialTable:
        """A table with the same trials; later changes of one do not show in the other."""
        other = TrialTable()
        other._chunks, other._n_stopped = [*self._chunks], self._n_stopped
        other._audited, other._lists = {**self._audited}, {**self._lists}
        other._infeasible = {*self._infeasible}
        self._unshared = set()
        return other

    def set(
        self, index: int, state: State, curve: Curve | None = None, audited: AuditedTrial | None = None
    ) -> None:
        """Replace what is known of a trial; without a curve it is left out."""
        self._audited.pop(index, None)
        self._infeasible.discard(index)
        if state == "infeasible":
            self._infeasible.add(index)
        if curve is not None and audited:
            self._audited[index] = audited
        chunk, place = divmod(index, _CHUNK_SIZE)
        before, now = self._state(index), _LEFT_OUT if curve is None else _CODES[state]
        if before == now == _LEFT_OUT:
            return
        while len(self._chunks) <= chunk:
            self._unshared.add(len(self._chunks))
            self._chunks.append(_Chunk())
        if chunk not in self._unshared:
            self._unshared.add(chunk)
            self._chunks[chunk] = self._chunks[chunk].copy()
        self._chunks[chunk].set(place, now, curve)
        self._n_stopped += (now == _STOPPED) - (before == _STOPPED)
        for code in {before, now} - {_LEFT_OUT}:
            self._lists.pop(code == _FINISHED, None)

    def study_view(self, direction: Direction, judged: str | None, without: int | None) -> StudyView:
        """Every trial but the one at index ``without``, whose name is ``judged``.

        A trial that has not reported is not listed.
        """
        judged_state = _LEFT_OUT if without is None else self._state(without)
        finished = self._listed(True, without if judged_state == _FINISHED else None)
        unfinished = self._listed(False, without if judged_state > _FINISHED else None)
        n_stopped = self._n_stopped - (judged_state == _STOPPED)
        audited = [trial for index, trial in sorted(self._audited.items()) if index != without]
        only_infeasible = bool(self._infeasible - {without}) and not len(finished)
        return StudyView(direction, finished, unfinished, judged, n_stopped, audited, only_infeasible)

    def _listed(self, is_finished: bool, without: int | None) -> CurveList:
        if without is None and is_finished in self._lists:
            return self._lists[is_finished]
        chunk, place = divmod(-1 if without is None else without, _CHUNK_SIZE)
        found = CurveList.concatenate(
            some.listed(is_finished, place if i == chunk else None) for i, some in enumerate(self._chunks)
        )
        if without is None:
            self._lists[is_finished] = found
        return found

    def _state(self, index: int) -> int:
        chunk, place = divmod(index, _CHUNK_SIZE)
        return int(self._chunks[chunk].states[place]) if 0 <= chunk < len(self._chunks) else _LEFT_OUT


class _Chunk:
    """Trials at consecutive indices."""

    def __init__(self) -> None:
        self.states = np.full(_CHUNK_SIZE, _LEFT_OUT, np.int8)
        self._curves = np.empty(_CHUNK_SIZE, object)
        self._summaries = np.zeros((_CHUNK_SIZE, N_SUMMARY))
        self._lists: dict[bool, CurveList] = {}

    def copy(self) -> _Chunk:
        other = _Chunk.__new__(_Chunk)
        other.states, other._curves = self.states.copy(), self._curves.copy()
        other._summaries, other._lists = self._summaries.copy(), {}
        return other

    def set(self, place: int, state: int, curve: Curve | None) -> None:
        self._lists = {}
        self.states[place], self._curves[place] = state, curve
        if curve is not None:
            self._summaries[place] = curve.summary

    def listed(self, is_finished: bool, without: int | None) -> CurveList:
        """The finished or the unfinished trials that have reported, without the one at a place."""
        if without is None and is_finished in self._lists:
            return self._lists[is_finished]
        some = self.states == _FINISHED if is_finished else self.states > _FINISHED
        some &= self._summaries[:, -1] > 0
        if without is not None:
            some[without] = False
        found = CurveList.from_summaries(self._curves[some], self._summaries.compress(some, axis=0))
        if without is None:
            self._lists[is_finished] = found
        return found
