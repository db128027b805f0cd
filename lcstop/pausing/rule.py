"""The rule for trials that can be paused: which trial is advanced next, or whether a new one is started.

A trial waits at each of :data:`RUNGS`, shares of the horizon. Of all trials that have come to a rung, the
best quarter by value there goes on, the last rung first. Between the rungs a trial is judged, and parked if
its chance to end among the best is small. A parked trial counts as the worst of the first rung. It is judged
again when the study has learned more. ``research/pausing.md`` has what this rule gains.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from lcstop.curves.curve import Curve, Direction, Target
from lcstop.pruning.due import MOMENTS_OF_PRESETS, origin_of
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_judgement

RUNGS = (0.08, 0.32)
"""Shares of the horizon at which every trial waits."""

REDUCTION = 4
"""One of so many trials at a rung goes on."""

_NEAR = 0.2
"""Distance from a rung, as a share of it, up to which a trial is not judged: the rung decides there."""

_ROUNDING = 1e-9


def _moments() -> tuple[float, ...]:
    moments = MOMENTS_OF_PRESETS["balanced"]
    found, share = [], moments.first_share
    while share < 1:
        if all(abs(share - rung) > _NEAR * rung for rung in RUNGS):
            found.append(share)
        share *= moments.step_ratio
    return tuple(found)


PARKING_MOMENTS = _moments()
"""Shares of the horizon at which a trial is judged, and may be parked."""

TrialState = Literal["running", "waiting", "finished", "stopped"]
"""``finished``: it has run to its own end. ``stopped``: it has ended before, and trains no more."""

MoveKind = Literal["go on", "judge", "start", "settle", "nothing"]


class Move(NamedTuple):
    """What to do with a free worker.

    Attributes:
        kind: ``go on``: a waiting trial goes on. ``judge``: a parked trial is judged again; it goes on, or is
            parked again. ``start``: a new trial. ``settle``: a waiting trial is judged by ``keep`` and goes
            on, or is stopped, since there is no new trial. ``nothing``: no trial waits.
        trial: Position of the trial in the list; None for ``start`` and ``nothing``.
    """

    kind: MoveKind
    trial: int | None = None


@dataclass(frozen=True)
class PausableTrial:
    """A trial that has been started, as the rule sees it.

    Attributes:
        state: Its state. A failed trial is left out of the list.
        share: Share of its horizon that it has reached, from 0 to 1.
        rung_values: Its value at each rung that it has come to, first rung first; higher is better.
        n_passed: Number of rungs that it was let past.
        best: Its best value so far, for the target ``final`` its last one; higher is better.
        parked_at: :func:`n_moments` of the study at its last judgement; None if it is not parked.

    Example:
        >>> curve = Curve([1, 2, 3, 4], [0.1, 0.3, 0.4, 0.5], horizon=50)
        >>> trial = PausableTrial.of(curve, "waiting", "maximize")
        >>> trial.rung_values, trial.is_at_rung
        ((0.5,), True)
    """

    state: TrialState
    share: float
    rung_values: tuple[float, ...]
    n_passed: int
    best: float
    parked_at: int | None = None

    @classmethod
    def of(
        cls,
        curve: Curve,
        state: TrialState,
        direction: Direction,
        records: Sequence[JudgementRecord] = (),
        target: Target = "best",
    ) -> PausableTrial:
        """The trial with this curve.

        Args:
            curve: What it has reported.
            state: Its state.
            direction: Of the metric.
            records: What is on record of it, oldest first. A record ``wait`` says that it waits, one
                ``resume`` that it was let go on.
            target: As in :class:`lcstop.PrunerConfig`.
        """
        sign = 1.0 if direction == "maximize" else -1.0
        first = curve.steps[:2].tolist()
        share = share_at(curve.cutoff, first, curve.horizon)
        finite = curve.finite()
        best = curve.best(direction)
        if target == "final" and len(finite):
            best = float(finite.values[-1])
        values = [sign * value for rung in RUNGS if (value := _value_at(finite, rung, first)) is not None]
        if state == "finished" and len(finite):  # it stays where it has ended
            values += [sign * float(finite.values[-1])] * (len(RUNGS) - len(values))
        last = last_judgement(records)
        resumed = next((record.step for record in reversed(records) if record.verdict == "resume"), None)
        return cls(
            state,
            share,
            tuple(values),
            0 if resumed is None else n_rungs(share_at(resumed, first, curve.horizon)),
            -math.inf if best is None else sign * best,
            last.parked_at if state == "waiting" and last is not None and last.verdict == "wait" else None,
        )

    @property
    def is_at_rung(self) -> bool:
        """Whether it has come to a rung that it was not let past."""
        return self.n_passed < len(self.rung_values)

    @cached_property
    def n_moments(self) -> int:
        """Number of moments that it has passed: rungs, moments to be judged, and its end."""
        passed = sum(share <= self.share + _ROUNDING for share in (*RUNGS, *PARKING_MOMENTS))
        return passed + (self.state in ("finished", "stopped"))


def n_moments(trials: Sequence[PausableTrial]) -> int:
    """Number of moments that have passed in the study: the clock by which parked trials are judged again."""
    return sum(trial.n_moments for trial in trials)


def share_at(step: float, first_steps: Sequence[float], horizon: float) -> float:
    """Share of the horizon at a step of a trial, counted as :func:`lcstop.pruning.due.origin_of` does."""
    origin = origin_of(first_steps)
    return (step - origin) / (horizon - origin) if horizon > origin else 1.0


def n_rungs(share: float) -> int:
    """Number of rungs at or before a share of the horizon."""
    return sum(rung <= share + _ROUNDING for rung in RUNGS)


def is_parking_due(curve: Curve, records: Sequence[JudgementRecord]) -> bool:
    """Whether a moment of :data:`PARKING_MOMENTS` has passed since the last record of the trial.

    Example:
        >>> curve = Curve(range(1, 7), [0.1] * 6, horizon=50)
        >>> is_parking_due(curve, []), is_parking_due(curve, [JudgementRecord(3.0, "go on")])
        (True, False)
    """
    first = curve.steps[:2].tolist()
    before = share_at(records[-1].step, first, curve.horizon) if records else 0.0
    now = share_at(curve.cutoff, first, curve.horizon)
    return any(before + _ROUNDING < moment <= now + _ROUNDING for moment in PARKING_MOMENTS)


def next_move(trials: Sequence[PausableTrial], *, can_start: bool) -> Move:
    """What to do with a free worker. The same trials give the same move.

    Args:
        trials: All trials that were started, except failed ones, in the order of their starts.
        can_start: Whether a new trial can be started.

    Example:
        >>> at_rung = [PausableTrial("waiting", 0.08, (value,), 0, value) for value in (0.3, 0.6, 0.5, 0.4)]
        >>> next_move(at_rung, can_start=True)
        Move(kind='go on', trial=1)
        >>> next_move(at_rung[:3], can_start=True), next_move(at_rung[:3], can_start=False)
        (Move(kind='start', trial=None), Move(kind='settle', trial=1))
    """
    waiting = [i for i, trial in enumerate(trials) if trial.state == "waiting"]
    for i in waiting:
        if trials[i].parked_at is None and not trials[i].is_at_rung:
            return Move("go on", i)  # something else has paused it
    for rung in reversed(range(len(RUNGS))):
        promoted = _promoted(trials, rung)
        if promoted is not None:
            return Move("go on", promoted)
    if can_start:
        parked = [(since, i) for i in waiting if (since := trials[i].parked_at) is not None]
        if parked:
            since, oldest = min(parked)
            if n_moments(trials) - since > len(trials):
                return Move("judge", oldest)
        return Move("start")
    if waiting:
        return Move("settle", max(waiting, key=lambda i: _rank(trials[i])))
    return Move("nothing")


def move_of(trials: Sequence[PausableTrial], trial: int, *, can_start: bool) -> Move | None:
    """What to do at once with a trial that has just come to wait; None if it waits.

    Once no new trial can be started a running trial does not wait: it would be resumed anyway.

    Args:
        trials, can_start: As for :func:`next_move`.
        trial: Position of the trial in the list.

    Example:
        >>> at_rung = [PausableTrial("waiting", 0.08, (value,), 0, value) for value in (0.3, 0.6, 0.5, 0.4)]
        >>> move_of(at_rung, 1, can_start=True), move_of(at_rung, 2, can_start=True)
        (Move(kind='go on', trial=1), None)
        >>> move_of(at_rung, 2, can_start=False)
        Move(kind='settle', trial=2)
    """
    move = next_move(trials, can_start=can_start)
    if move.trial == trial:
        return move
    return None if can_start else Move("settle", trial)


def _promoted(trials: Sequence[PausableTrial], rung: int) -> int | None:
    """The best trial that waits at a rung, if it is among the best of all that have come there."""
    values = {i: value for i, trial in enumerate(trials) if (value := _value_on(trial, rung)) is not None}
    best_first = sorted(values, key=lambda i: -values[i])
    for i in best_first[: len(values) // REDUCTION]:
        trial = trials[i]
        waits_here = trial.state == "waiting" and trial.parked_at is None
        if waits_here and trial.n_passed <= rung and len(trial.rung_values) == rung + 1:
            return i if values[i] > -math.inf else None
    return None


def _value_on(trial: PausableTrial, rung: int) -> float | None:
    """The value of a trial among those that have come to a rung; None if it is not one of them.

    A trial that will never come there, or has been parked before the first rung, is the worst.
    """
    if len(trial.rung_values) > rung:
        return trial.rung_values[rung]
    is_next = len(trial.rung_values) == rung
    is_out = trial.state == "stopped" or (trial.parked_at is not None and rung == 0)
    return -math.inf if is_next and is_out else None


def _rank(trial: PausableTrial) -> tuple[int, float]:
    """For the order in which trials are settled: the last rung first, and the best value there."""
    return len(trial.rung_values), trial.rung_values[-1] if trial.rung_values else trial.best


def _value_at(finite: Curve, rung: float, first_steps: Sequence[float]) -> float | None:
    """The first finite value at or after a rung; None if there is none."""
    origin = origin_of(first_steps)
    step = origin + (rung - _ROUNDING) * (finite.horizon - origin)
    at = int(finite.steps.searchsorted(step))
    return float(finite.values[at]) if at < len(finite) else None
