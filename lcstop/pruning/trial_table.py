"""TrialTable: the trials of a study, kept from one decision to the next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from lcstop.curves.curve import N_SUMMARY, Curve, Direction
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.certificate import Certificate, p_lost
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import AuditedTrial

State = Literal["finished", "infeasible", "stopped", "pruned", "running", "left out"]
"""``stopped`` by ``lcstop``, or ``pruned`` by something else.

A trial is ``infeasible`` if it has finished and breaks a constraint. It is left out, too.
"""

_UNLISTED, _LEFT_OUT, _FINISHED, _STOPPED, _PRUNED, _RUNNING = range(-1, 5)
"""``_UNLISTED``: has ended, but there is nothing to list."""
_ENDED = (_UNLISTED, _FINISHED, _STOPPED, _PRUNED)
_CODES = {
    "left out": _LEFT_OUT,
    "infeasible": _UNLISTED,
    "finished": _FINISHED,
    "stopped": _STOPPED,
    "pruned": _PRUNED,
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
        self._n_stopped = self._n_ended = 0
        self._audited: dict[int, AuditedTrial] = {}
        self._infeasible: set[int] = set()
        self._lost: dict[int, float | None] = {}  # what each stop may have lost; None if unknown
        self._results: dict[int, Curve] = {}
        self._result_list: CurveList | None = None  # until one of them changes
        self._lists: dict[bool, CurveList] = {}  # of finished and of unfinished trials, until one changes

    def copy(self) -> TrialTable:
        """A table with the same trials; later changes of one do not show in the other."""
        other = TrialTable()
        other._chunks = [*self._chunks]
        other._n_stopped, other._n_ended = self._n_stopped, self._n_ended
        other._audited, other._lists = {**self._audited}, {**self._lists}
        other._infeasible, other._lost = {*self._infeasible}, {**self._lost}
        other._results, other._result_list = {**self._results}, self._result_list
        self._unshared = set()
        return other

    def set(
        self,
        index: int,
        state: State,
        curve: Curve | None = None,
        audited: AuditedTrial | None = None,
        result: Curve | None = None,
        stop: JudgementRecord | None = None,
        steps: float | None = None,
    ) -> None:
        """Replace what is known of a trial; without a curve it is left out.

        Args:
            index: Index of the trial.
            state: Its state.
            curve: What it has reported.
            audited: Its suppressed stop, if it has ended.
            result: The result of a trial that has not finished, as one point at the horizon: an objective
                may return a value when it is told to stop.
            stop: The judgement by which ``lcstop`` has told it to stop, or would have but for the shadow
                mode; None if that is not on record.
            steps: Steps that it has trained; None for the last one of the curve.
        """
        self._audited.pop(index, None)
        self._infeasible.discard(index)
        self._lost.pop(index, None)
        if stop is not None or state == "stopped":
            self._lost[index] = None if stop is None else p_lost(stop)
        if self._results.pop(index, None) is not None or result is not None:
            self._result_list = None
        if result is not None:
            self._results[index] = result
        if state == "infeasible":
            self._infeasible.add(index)
        if curve is not None and audited:
            self._audited[index] = audited
        chunk, place = divmod(index, _CHUNK_SIZE)
        before, now = self._state(index), _CODES[state]
        if curve is None:
            now = _UNLISTED if now in _ENDED else _LEFT_OUT
        if before == now == _LEFT_OUT and steps is None:
            return
        while len(self._chunks) <= chunk:
            self._unshared.add(len(self._chunks))
            self._chunks.append(_Chunk())
        if chunk not in self._unshared:
            self._unshared.add(chunk)
            self._chunks[chunk] = self._chunks[chunk].copy()
        self._chunks[chunk].set(place, now, curve)
        trained = steps if steps is not None else curve.cutoff if curve else math.nan
        saved = max(curve.horizon - trained, 0.0) if curve is not None and now == _STOPPED else 0.0
        self._chunks[chunk].steps[place] = trained, saved
        self._n_stopped += (now == _STOPPED) - (before == _STOPPED)
        self._n_ended += (now in _ENDED) - (before in _ENDED)
        for code in {before, now} - {_LEFT_OUT, _UNLISTED}:
            self._lists.pop(code == _FINISHED, None)

    def study_view(
        self,
        direction: Direction,
        judged: str | None,
        without: int | None,
        judgements: Sequence[JudgementRecord] | None = None,
    ) -> StudyView:
        """Every trial but the one at index ``without``, whose name is ``judged``.

        A trial that has not reported is not listed.

        Args:
            direction: Of the metric.
            judged, judgements: As in :class:`lcstop.StudyView`.
            without: Index of the judged trial; None if it is not in the table.
        """
        judged_state = _LEFT_OUT if without is None else self._state(without)
        finished = self._listed(True, without if judged_state == _FINISHED else None)
        if self._results:
            finished += self._other_results(without)
        unfinished = self._listed(False, without if judged_state > _FINISHED else None)
        n_stopped = self._n_stopped - (judged_state == _STOPPED)
        audited = [trial for index, trial in sorted(self._audited.items()) if index != without]
        only_infeasible = bool(self._infeasible - {without}) and not len(finished)
        return StudyView(
            direction,
            finished,
            unfinished,
            judged,
            n_stopped,
            audited,
            only_infeasible,
            judgements,
            self._n_ended - (judged_state in _ENDED),
            math.fsum(p for index, p in self._lost.items() if p is not None and index != without),
        )

    def certificate(self) -> Certificate:
        """The certificate of the trials in the table, see :func:`lcstop.pruning.certificate.certificate`."""
        trained, saved = np.concatenate([chunk.steps for chunk in self._chunks] or [np.zeros((0, 2))]).T
        lost = [*self._lost.values()]
        return Certificate(
            n_trials=int((~np.isnan(trained)).sum()),
            n_stopped=self._n_stopped,
            expected_lost=None if None in lost else math.fsum(p for p in lost if p is not None),
            steps=float(np.nansum(trained)),
            steps_saved=float(saved.sum()),
        )

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

    def _other_results(self, without: int | None) -> CurveList:
        if without in self._results:
            return CurveList([curve for index, curve in self._results.items() if index != without])
        if self._result_list is None:
            self._result_list = CurveList(self._results.values())
        return self._result_list

    def _state(self, index: int) -> int:
        chunk, place = divmod(index, _CHUNK_SIZE)
        return int(self._chunks[chunk].states[place]) if 0 <= chunk < len(self._chunks) else _LEFT_OUT


class _Chunk:
    """Trials at consecutive indices."""

    def __init__(self) -> None:
        self.states = np.full(_CHUNK_SIZE, _LEFT_OUT, np.int8)
        self._curves = np.empty(_CHUNK_SIZE, object)
        self._summaries = np.zeros((_CHUNK_SIZE, N_SUMMARY))
        self.steps = np.array([[math.nan, 0.0]] * _CHUNK_SIZE)  # trained and saved; NaN before the start
        self._lists: dict[bool, CurveList] = {}

    def copy(self) -> _Chunk:
        other = _Chunk.__new__(_Chunk)
        other.states, other._curves = self.states.copy(), self._curves.copy()
        other._summaries, other.steps, other._lists = self._summaries.copy(), self.steps.copy(), {}
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
