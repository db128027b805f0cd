"""TrialRecord: what ``LCPFNScheduler`` keeps of a trial, as lines of JSON in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_judgement
from lcstop.pruning.suppressed_stop import SuppressedBy, SuppressedStop
from lcstop_ray.history import Points, State

TRIAL_FILE = "lcstop_trial.jsonl"
"""File in the directory of a trial. Ray copies it to the storage together with ``result.json``."""

SCHEMA_VERSION = 1
"""Version of the first line."""

_SUPPRESSED: dict[str, SuppressedBy] = {"audited": "audit", "shadow": "shadow", "stop": "audit"}


@dataclass
class TrialRecord:
    """What is on record of a trial. All steps are those that were reported.

    Attributes:
        time_attr: Name of the result that counts the steps.
        metric: Name of the optimised result.
        mode: ``min`` or ``max``.
        options: The scheduler's options.
        judgements: The judgements that count, oldest first: not those of steps that were trained again.
        reason: Why the trial was stopped last, or has converged; empty if it was not.
        end: How it has ended; None if it has not, or went on.
        end_step: Step of its last result then; None if it had none.
        earlier: What it had reported before it started again without a checkpoint.
        restarts: Where it started again, or trained steps again, oldest first: the last step that still
            counted, and the step of the next report.

    Example:
        >>> judged = JudgementRecord(3.0, "stop", says_stop=True, probability=0.01, threshold=0.05)
        >>> text = first_line("epoch", "loss", "min", {"horizon": 9}) + judgement_line(judged, "poor")
        >>> record = TrialRecord.parse(text + end_line("stopped", 3.0))
        >>> record.metric, record.state_at(3.0), record.reason, record.state_at(5.0)
        ('loss', 'stopped', 'poor', None)
    """

    time_attr: str
    metric: str
    mode: str
    options: Mapping[str, Any]
    judgements: list[JudgementRecord] = field(default_factory=list)
    reason: str = ""
    end: State | None = None
    end_step: float | None = None
    earlier: Points = ()
    restarts: list[tuple[float, float]] = field(default_factory=list)
    _suppressed: tuple[JudgementRecord, str] | None = None

    @classmethod
    def parse(cls, text: str) -> TrialRecord | None:
        """The record in the text of a file; None without a first line of this version.

        Lines that are damaged or of another version are left out.
        """
        record: TrialRecord | None = None
        for line in text.splitlines():
            try:
                content = json.loads(line)
                if record is None:
                    record = cls._start(content)
                else:
                    record._add(content)
            except (ValueError, KeyError, TypeError):  # cut off when the driver died
                continue
        return record

    def state_at(self, last_step: float | None) -> State | None:
        """How a trial has ended whose last known result is at this step; None if it is not on record."""
        if self.end is not None and (
            last_step is None or self.end_step is None or self.end_step >= last_step
        ):
            return self.end
        last = last_judgement(self.judgements)
        return "stopped" if last is not None and last.verdict == "stop" and last.step == last_step else None

    def suppressed_stop(self, last_step: float | None) -> SuppressedStop | None:
        """The first suppressed stop of a trial whose last known result is at this step.

        A trial that was told to stop and went on counts as one that is audited.
        """
        judged, reason = self._suppressed or (None, self.reason)
        if judged is None and self.state_at(last_step) != "stopped":
            judged = next((record for record in self.judgements if record.verdict == "stop"), None)
            if judged is not None and last_step is not None and last_step <= judged.step:
                judged = None  # it may still stop
        if judged is None:
            return None
        return SuppressedStop(judged.step, judged.to_beat, _SUPPRESSED[judged.verdict], reason)

    @classmethod
    def _start(cls, content: Any) -> TrialRecord | None:
        if content["kind"] != "search" or content["version"] != SCHEMA_VERSION:
            return None
        time_attr, metric, mode = (str(content[name]) for name in ("time_attr", "metric", "mode"))
        return cls(time_attr, metric, mode, dict(content["options"]))

    def _add(self, content: Any) -> None:
        kind = content["kind"]
        if kind == "judgement":
            judged = JudgementRecord.from_json(content)
            if judged is None:
                return
            if self.judgements and not self.judgements[-1].is_judged:
                self.judgements.pop()
            self.judgements.append(judged)
            reason = str(content.get("reason", ""))
            if judged.verdict == "stop":
                self.reason = reason
            elif judged.verdict in _SUPPRESSED and self._suppressed is None:
                self._suppressed = judged, reason
        elif kind == "start":
            earlier = [(float(step), float(value)) for step, value in content["earlier"]]
            self.restarts = [(-1.0, float(content["step"]))]
            self.earlier, self.judgements = earlier, []
            self.end = self.end_step = None
        elif kind == "go back":
            last, step = float(content["step"]), float(content["next"])
            self.restarts.append((last, step))
            self.judgements = [judged for judged in self.judgements if judged.step <= last]
            self.end = self.end_step = None
        elif kind == "end" and content["state"] in get_args(State):
            step = content["step"]
            self.end_step = None if step is None else float(step)
            self.end = cast(State, content["state"])
            self.reason = str(content.get("reason", self.reason))


def first_line(time_attr: str, metric: str, mode: str, options: Mapping[str, Any]) -> str:
    """The first line of a record; the arguments are as in :class:`TrialRecord`."""
    content = {"time_attr": time_attr, "metric": metric, "mode": mode, "options": options}
    return _line("search", {"version": SCHEMA_VERSION, **content})


def judgement_line(record: JudgementRecord, reason: str) -> str:
    """The line of a judgement. ``reason``: why the trial is stopped or would be; empty otherwise."""
    return _line("judgement", record.to_json() | ({"reason": reason} if reason else {}))


def start_line(step: float, earlier: Points) -> str:
    """The line of a trial that starts again without a checkpoint.

    Args:
        step: Step of its first report since then.
        earlier: What it had reported, if that still counts for the others.
    """
    return _line("start", {"step": step, "earlier": [*map(list, earlier)]})


def go_back_line(last_step: float, next_step: float) -> str:
    """The line of a trial that trains steps again.

    Args:
        last_step: The last step that still counts.
        next_step: Step of its first report since then.
    """
    return _line("go back", {"step": last_step, "next": next_step})


def end_line(state: State, step: float | None, reason: str = "") -> str:
    """The line of a trial that has ended, after its last result at a step."""
    return _line("end", {"state": state, "step": step} | ({"reason": reason} if reason else {}))


def own_points(points: Points, record: TrialRecord) -> Points:
    """Of all points in Ray's files of a trial, those that still count.

    Ray goes on with the files of a trial that has started again, or begins them anew. Between two restarts on
    record the steps rise.

    Example:
        >>> record = TrialRecord("epoch", "loss", "min", {}, restarts=[(-1.0, 1.0)])
        >>> own_points([(1.0, 0.5), (2.0, 0.4), (1.0, 0.6)], record), own_points([(1.0, 0.6)], record)
        ([(1.0, 0.6)], [(1.0, 0.6)])
        >>> record = TrialRecord("epoch", "loss", "min", {}, restarts=[(2.0, 4.0)])
        >>> own_points([(1.0, 0.5), (2.0, 0.4), (3.0, 0.3), (4.0, 0.3)], record)
        [(1.0, 0.5), (2.0, 0.4), (4.0, 0.3)]
    """
    end, parts = len(points), []
    for last_step, next_step in reversed(record.restarts):
        # The report may be missing in Ray's files. All before `end` is then older than the restart.
        start = next((i for i in reversed(range(end)) if points[i][0] == next_step), end)
        parts.append((last_step, points[start:end]))
        end = start
    kept = list(points[:end])
    for last_step, part in reversed(parts):
        kept = [point for point in kept if point[0] <= last_step]
        kept.extend(part)
    return kept


def _line(kind: str, content: Mapping[str, Any]) -> str:
    return json.dumps({"kind": kind, **content}) + "\n"
