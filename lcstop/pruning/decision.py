"""Decision: the outcome of one judgement."""

from __future__ import annotations

from dataclasses import dataclass

from lcstop.curves.scale import MetricScale
from lcstop.pruning.audit import Audit
from lcstop.pruning.suppressed_stop import SuppressedBy, SuppressedStop


@dataclass(frozen=True)
class Decision:
    """The outcome of one judgement.

    Attributes:
        stop: Whether the trial should be stopped.
        reason: One line for people.
        cutoff: Last observed step of the judged curve.
        p_beat: Probability that the trial beats the incumbent; None where it was not computed.
        p_top: Probability that it ends in the best tenth of the study's configurations; policy ``study``.
        incumbent: Best value so far; None if no trial has finished.
        median: Predicted median at the horizon, in the metric's units; policy ``study`` predicts it only for
            trials that it stops. None where no forecast could be made.
        interval: Predicted 5 % and 95 % quantiles at the horizon, likewise.
        scale: The scale on which the forecast was made, to draw or repeat it.
        converged: Whether the trial should end since it has hardly anything to gain. It then counts as
            finished, not as stopped.
        suppressed_by: Why a trial that would be stopped goes on; None for every other trial.
        to_beat: See :meth:`lcstop.StudyView.to_beat`, of a trial whose stop is suppressed.
        audit: What has become of the audited trials so far; None where nothing was judged.
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

    @property
    def would_stop(self) -> bool:
        """Whether the trial is stopped, or would be if its stop were not suppressed."""
        return self.stop or self.suppressed_by is not None

    @property
    def suppressed_stop(self) -> SuppressedStop | None:
        """What to record of a trial whose stop is suppressed; None for every other trial."""
        if self.suppressed_by is None:
            return None
        return SuppressedStop(self.cutoff, self.to_beat, self.suppressed_by, self.reason)
