"""History: the reports of one trial and its state, as the scheduler keeps them."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from lcstop import Curve
from lcstop.pruning.due import NextQuestion
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop

State = Literal["running", "waiting", "finished", "stopped", "converged", "failed", "cut off"]
"""``waiting``: paused by the scheduler, with ``pause`` only. ``stopped`` and ``converged``: ended by the
scheduler. ``failed``: ended with an error. ``cut off``: Ray has ended it before its end, as by a time budget.
``finished``: ended otherwise. Converged trials count as finished."""

Points = Sequence[tuple[float, float]]
"""``(step, value)`` pairs, as they were reported."""


class History:
    """The reports of one trial and its state.

    A trial that goes back to an earlier step, as from a checkpoint, reports that step again. A report
    therefore replaces every point from its step on.

    Args:
        horizon: Last step of the full trial.
        params: Hyperparameters. They are converted to JSON types, so that they are the same before and after
            a search is restored.
        name: Name of the trial, by which audited trials are drawn.

    Attributes:
        suppressed_stop: Its first suppressed stop; None if there is none.
        judgements: Its judgements, oldest first. A question that could not be judged is replaced by the next.
        next: When it is to be judged next; None if that is not known.
        convergence_asked_at: Step at which convergence was judged last; 0 if it never was.
        earlier: What it had reported before it started again without a checkpoint.
        version: A number that grows with each change of its state, its reports and its judgements.

    Example:
        >>> history = History(horizon=50)
        >>> for step, value in [(1, 0.1), (2, 0.2), (3, 0.3), (2, 0.25)]:
        ...     history.report(step, value)
        >>> history.curve.steps.tolist(), history.curve.values.tolist()
        ([1.0, 2.0], [0.1, 0.25])
    """

    def __init__(self, horizon: float, params: Mapping[str, Any] | None = None, name: str = "") -> None:
        self._state: State = "running"
        self.version = 0
        self.name = name
        self.horizon = horizon
        self.params = {name: _as_json(value) for name, value in (params or {}).items()}
        self.suppressed_stop: SuppressedStop | None = None
        self._from_0 = False
        self.judgements: list[JudgementRecord] = []
        self.next: NextQuestion | None = None
        self.convergence_asked_at = 0.0
        self.earlier: Points = ()
        self._steps: list[float] = []
        self._values: list[float] = []
        self._curve: Curve | None = None
        self._known: Curve | None = None
        self._audited: AuditedTrial | None = None

    def report(self, step: float, value: float) -> None:
        """Add a point. It replaces all points from ``step`` on."""
        if self._steps and step <= self._steps[-1]:
            self._cut(bisect_left(self._steps, step))
        self._curve = self._known = None
        self.version += 1
        self._steps.append(step)
        self._values.append(value)

    def extend(self, points: Iterable[tuple[float, float]]) -> None:
        """Add each ``(step, value)`` in turn."""
        for step, value in points:
            self.report(step, value)

    def keep_until(self, step: float) -> None:
        """Remove every point after ``step``."""
        self._cut(bisect_right(self._steps, step))

    def start_again(self) -> None:
        """The trial starts again without a checkpoint: it has reported nothing, and was never judged.

        What it had reported is still known to the others.
        """
        self.earlier = self._known_points()
        self._cut(0)

    def add_judgement(self, record: JudgementRecord) -> None:
        """Add a judgement, or a question that could not be judged."""
        if self.judgements and not self.judgements[-1].is_judged:
            self.judgements.pop()
        self.judgements.append(record)
        self.version += 1

    @property
    def state(self) -> State:
        """The state of the trial."""
        return self._state

    @state.setter
    def state(self, state: State) -> None:
        self._state, self._known = state, None
        self.version += 1

    @property
    def stop(self) -> JudgementRecord | None:
        """The judgement by which it was stopped; None if it was not, or that is not on record."""
        if self.state != "stopped" or not self.judgements or self.judgements[-1].verdict != "stop":
            return None
        return self.judgements[-1]

    @property
    def steps(self) -> Sequence[float]:
        """Steps of the reports, as they were reported."""
        return self._steps

    @property
    def all_steps(self) -> Sequence[float]:
        """Steps of all reports on record, as they were reported."""
        return [*(step for step, _ in self.earlier), *self._steps]

    @property
    def first_step(self) -> float | None:
        """Step of the first report, as it was reported."""
        return self._steps[0] if self._steps else None

    @property
    def last_step(self) -> float | None:
        """Step of the last report, as it was reported."""
        return self._steps[-1] if self._steps else None

    @property
    def reached(self) -> float | None:
        """The last step that counts, as it was reported: at most that of the horizon."""
        return self.curve.cutoff - self._from_0 if self._steps else None

    @property
    def last_report(self) -> tuple[float, float] | None:
        """Step and value of the last report; None if there is none."""
        return (self._steps[-1], self._values[-1]) if self._steps else None

    @property
    def curve(self) -> Curve:
        """The reports as a curve, by which the trial is judged. It is cached until the next report."""
        if self._curve is None:
            self._curve = self._to_curve(zip(self._steps, self._values, strict=True))
        return self._curve

    @property
    def known_curve(self) -> Curve:
        """What other trials are compared with: also what it had reported before it started again.

        Until it has come as far again, or ends, that is all.
        """
        if not self.earlier:
            return self.curve
        if self._known is None:
            self._known = self._to_curve(self._known_points())
        return self._known

    @property
    def from_0(self) -> bool:
        """Whether the steps of the search are counted from 0: those of the curve then move up by one."""
        return self._from_0

    @from_0.setter
    def from_0(self, from_0: bool) -> None:
        if from_0 != self._from_0:
            self._from_0, self._curve, self._known = from_0, None, None
            self.version += 1
            moved = 1 if from_0 else -1
            self.judgements = [replace(record, step=record.step + moved) for record in self.judgements]
            if self.suppressed_stop is not None:
                self.suppressed_stop = replace(self.suppressed_stop, step=self.suppressed_stop.step + moved)
            self.next = None

    @property
    def audited(self) -> AuditedTrial | None:
        """The trial as an audited trial; None if no stop was suppressed or it runs. It is cached."""
        if self.suppressed_stop is None or self.state not in ("finished", "converged", "stopped"):
            return None
        finished, curve = self.state != "stopped", self.known_curve
        cached = self._audited
        if cached is None or cached.curve is not curve or cached.finished != finished:
            cached = self._audited = AuditedTrial(curve, self.suppressed_stop, finished)
        return cached

    def to_json(self) -> dict[str, Any]:
        """All of the history, as :meth:`from_json` takes it. Steps are those that were reported."""
        mark = self.suppressed_stop
        return {
            "name": self.name,
            "state": self.state,
            "horizon": self.horizon,
            "params": self.params,
            "mark": None if mark is None else replace(mark, step=mark.step - self._from_0).to_json(),
            "judgements": [
                replace(record, step=record.step - self._from_0).to_json() for record in self.judgements
            ],
            "earlier": [*self.earlier],
            "points": [*zip(self._steps, self._values, strict=True)],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> History:
        """The history that :meth:`to_json` has written, until it is said that steps are counted from 0."""
        history = cls(content["horizon"], content["params"], content.get("name", ""))
        history.earlier = [(step, value) for step, value in content.get("earlier", ())]
        history.extend(content["points"])
        history.state = content["state"]
        history.suppressed_stop = SuppressedStop.from_json(content["mark"])
        records = map(JudgementRecord.from_json, content.get("judgements", ()))
        history.judgements = [record for record in records if record is not None]
        history.convergence_asked_at = history.curve.cutoff
        return history

    def _cut(self, length: int) -> None:
        """Forget all reports but the first ``length``, and what was decided after these."""
        del self._steps[length:], self._values[length:]
        self._curve = self._known = self.next = None
        self.version += 1
        last = self.curve.cutoff
        self.judgements = [record for record in self.judgements if record.step <= last]
        self.convergence_asked_at = min(self.convergence_asked_at, last)

    def _known_points(self) -> Points:
        """What is known of the trial: its last reports, and earlier ones before their first step."""
        has_ended = self.state in ("finished", "stopped", "converged")
        if not self._steps or (self.earlier and not has_ended and self._steps[-1] < self.earlier[-1][0]):
            return self.earlier
        before = [(step, value) for step, value in self.earlier if step < self._steps[0]]
        return [*before, *zip(self._steps, self._values, strict=True)]

    def _to_curve(self, points: Iterable[tuple[float, float]]) -> Curve:
        return Curve.from_reports(dict(points), self.horizon, self.params, from_0=self._from_0)


def _as_json(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, default=_json_default))
    except (TypeError, ValueError, RecursionError):  # keys that are not strings, or a value that holds itself
        return str(value)


def _json_default(value: Any) -> Any:
    """numpy scalars as Python's, other types that JSON does not have as text."""
    return value.item() if isinstance(value, np.generic) else str(value)
