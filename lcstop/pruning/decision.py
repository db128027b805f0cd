"""Decision: the outcome of one judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lcstop.pruning.audit import Audit
from lcstop.pruning.judgement_record import JudgementRecord, Verdict
from lcstop.pruning.suppressed_stop import SuppressedBy, SuppressedStop

if TYPE_CHECKING:
    from lcstop.curves.scale import MetricScale

SUPPRESSED_BY: Mapping[Verdict, SuppressedBy] = {"audited": "audit", "shadow": "shadow"}
"""Why a trial goes on, by the verdict on record."""


@dataclass(frozen=True)
class Decision:
    """The outcome of one judgement.

    Attributes:
        stop: Whether the trial should be stopped.
        reason: One line for people.
        cutoff: Last observed step of the judged curve.
        p_beat: Probability that the trial beats the incumbent; None where it was not computed.
        p_top: Probability that it ends in the best tenth of the study's configurations; policy ``study``.
        p_best: Probability that it becomes the best of the study; policy ``study`` with ``keep``.
        incumbent: Best value so far; None if no trial has finished.
        median: Predicted median at the horizon, in the metric's units; policy ``study`` predicts it only for
            trials that it stops. None where no forecast could be made.
        interval: Predicted 5 % and 95 % quantiles at the horizon, likewise.
        scale: The scale on which the forecast was made, to draw or repeat it.
        converged: Whether the trial should end since it has hardly anything to gain. It then counts as
            finished, not as stopped.
        suppressed_by: Why a trial that would be stopped goes on; None for every other trial.
        to_beat: See :meth:`lcstop.StudyView.to_beat`; of a stop, made or suppressed.
        audit: What has become of the audited trials so far; None where nothing was judged.
        threshold: The probability at or below which the trial is stopped: of ``p_top`` for policy ``study``
            (of ``p_best`` with ``keep``), of ``p_beat`` for ``published``. None where nothing was judged.
        says_stop: Whether this judgement says stop. With ``patience`` above 1 the trial may go on.
        diverged: Whether the trial is stopped because it has diverged.
        is_new: Whether it was made now. Between two judgements the last one holds.
        waits: Whether the trial waits from now on; with ``pause`` only.
        resumes: Whether a trial that waited, or came to a rung, is let go on; likewise.
        parked_at: As in :class:`lcstop.pruning.judgement_record.JudgementRecord`.
    """

    stop: bool
    reason: str
    cutoff: float
    p_beat: float | None = None
    incumbent: float | None = None
    median: float | None = None
    interval: tuple[float, float] | None = None
    scale: MetricScale | None = None
    p_top: float | None = None
    converged: bool = False
    suppressed_by: SuppressedBy | None = None
    to_beat: float | None = None
    audit: Audit | None = None
    threshold: float | None = None
    says_stop: bool = False
    diverged: bool = False
    is_new: bool = True
    p_best: float | None = None
    waits: bool = False
    resumes: bool = False
    parked_at: int | None = None

    @property
    def would_stop(self) -> bool:
        """Whether the trial is stopped, or would be if its stop were not suppressed."""
        return self.stop or self.suppressed_by is not None

    @property
    def probability(self) -> float | None:
        """The probability that decides; None where nothing was judged."""
        if self.threshold is None:
            return None
        return next((p for p in (self.p_best, self.p_top) if p is not None), self.p_beat)

    @property
    def suppressed_stop(self) -> SuppressedStop | None:
        """What to record of a trial whose stop is suppressed; None for every other trial."""
        if self.suppressed_by is None:
            return None
        return SuppressedStop(self.cutoff, self.to_beat, self.suppressed_by, self.reason)

    @property
    def verdict(self) -> Verdict:
        """The decision in a word, as it is recorded."""
        if self.suppressed_by is not None:
            return "audited" if self.suppressed_by == "audit" else "shadow"
        if self.stop:
            return "stop"
        if self.waits or self.resumes:
            return "wait" if self.waits else "resume"
        return "not judged" if self.threshold is None else "go on"

    def as_recorded(self, record: JudgementRecord) -> Decision:
        """The decision with the numbers that are on record of it, which may differ from those of today.

        Args:
            record: The record of a judgement at the same step.
        """
        known = self if record.median is None else replace(self, median=record.median)
        if record.low is not None and record.high is not None:
            known = replace(known, interval=(record.low, record.high))
        return replace(
            known,
            stop=record.verdict == "stop",
            p_top=self.p_top if self.p_top is None or record.p_best is not None else record.probability,
            p_best=record.p_best,
            p_beat=record.p_beat,
            threshold=record.threshold,
            says_stop=record.says_stop,
            to_beat=record.to_beat,
            suppressed_by=SUPPRESSED_BY.get(record.verdict),
        )

    def record(self, n_ended: int) -> JudgementRecord:
        """What to keep of the decision.

        Args:
            n_ended: See :class:`lcstop.StudyView`.
        """
        low, high = (None, None) if self.interval is None else self.interval
        return JudgementRecord(
            self.cutoff,
            self.verdict,
            n_ended,
            self.says_stop,
            self.probability,
            self.threshold,
            self.p_beat,
            self.reason if self.diverged or self.waits or self.verdict == "not judged" else "",
            self.to_beat,
            self.median,
            low,
            high,
            self.p_best,
            self.parked_at,
        )


NO_MEMORY = Decision(stop=False, reason="goes on, not judged: MemoryError", cutoff=0.0)
"""Made before it is needed, where no memory is left to make a decision."""
