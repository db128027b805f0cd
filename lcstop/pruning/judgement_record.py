"""JudgementRecord: what is kept of a judgement, with its trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

Verdict = Literal["go on", "stop", "audited", "shadow", "not judged", "wait", "resume"]
"""The outcome of a question. ``audited`` and ``shadow`` are stops that were not made.

``wait`` and ``resume``: the trial was paused, and was let go on, see :mod:`lcstop.pausing`."""

SCHEMA_VERSION = 1
"""Version of the mappings that :meth:`JudgementRecord.to_json` makes."""

_NUMBERS = ("step", "probability", "threshold", "p_beat", "to_beat", "median", "low", "high", "p_best")


@dataclass(frozen=True)
class JudgementRecord:
    """What is kept of a judgement, or of a question that could not be judged.

    Attributes:
        step: Last step that was known.
        verdict: The outcome.
        n_ended: Other trials that had ended.
        says_stop: Whether this judgement says stop, whatever the earlier ones said.
        probability: The probability that decided; None if there is none.
        threshold: The probability at or below which the judgement says stop, likewise.
        p_beat: Probability that the trial beats the incumbent, likewise.
        why: Why the trial was not judged, or that it diverged. Empty otherwise.
        to_beat: See :meth:`lcstop.StudyView.to_beat`; of a stop only, made or not.
        median: Predicted median at the horizon, in the metric's units; of a stop only.
        low: Predicted 5 % quantile, likewise.
        high: Predicted 95 % quantile, likewise.
        p_best: Probability that the trial becomes the best of the study; with ``keep`` only.
        parked_at: Of a ``wait`` between two rungs: :func:`lcstop.pausing.rule.n_moments` of the study.

    Example:
        >>> record = JudgementRecord(3.0, "go on", n_ended=7, probability=0.4, threshold=0.1, p_beat=0.2)
        >>> JudgementRecord.from_json(record.to_json()) == record
        True
    """

    step: float
    verdict: Verdict
    n_ended: int = 0
    says_stop: bool = False
    probability: float | None = None
    threshold: float | None = None
    p_beat: float | None = None
    why: str = ""
    to_beat: float | None = None
    median: float | None = None
    low: float | None = None
    high: float | None = None
    p_best: float | None = None
    parked_at: int | None = None

    @property
    def is_judged(self) -> bool:
        """Whether the trial was judged, so that this moment of the schedule is used up."""
        return self.verdict != "not judged"

    @property
    def is_divergence(self) -> bool:
        """Whether the trial is stopped because it has diverged."""
        return self.verdict == "stop" and bool(self.why)

    def to_json(self) -> dict[str, Any]:
        """For :meth:`from_json`. What is None is left out."""
        known = {name: value for name, value in vars(self).items() if value not in (None, "")}
        return {"version": SCHEMA_VERSION, **known}

    @classmethod
    def from_json(cls, content: Any) -> JudgementRecord | None:
        """The record that :meth:`to_json` was called on; None for anything else, or of another version."""
        if not isinstance(content, Mapping) or content.get("version") != SCHEMA_VERSION:
            return None
        if content.get("verdict") not in get_args(Verdict):
            return None
        try:
            numbers = {name: float(content[name]) for name in _NUMBERS if content.get(name) is not None}
            step = numbers.pop("step")
            parked_at = content.get("parked_at")
            return cls(
                step=step,
                verdict=cast(Verdict, content["verdict"]),
                n_ended=int(content["n_ended"]),
                says_stop=bool(content["says_stop"]),
                why=str(content.get("why", "")),
                parked_at=None if parked_at is None else int(parked_at),
                **numbers,
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
