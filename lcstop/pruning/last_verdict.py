"""What is answered between two judgements of a trial: what its last judgement on record says."""

from __future__ import annotations

from collections.abc import Sequence

from lcstop.curves.curve import Curve, Direction, Target
from lcstop.pruning.decision import Decision
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import AuditedTrial, SuppressedStop


def last_judgement(records: Sequence[JudgementRecord]) -> JudgementRecord | None:
    """The last of these at which the trial was judged; None if it never was."""
    return next((record for record in reversed(records) if record.is_judged), None)


def shadow_stop(records: Sequence[JudgementRecord]) -> JudgementRecord | None:
    """The first of these that would have stopped the trial but for the shadow mode; None if there is none.

    It spends what the stop would have spent, so that shadow mode shows what would have been stopped.
    """
    return next((record for record in records if record.verdict == "shadow"), None)


def last_verdict(trial: Curve, study: StudyView, target: Target) -> Decision:
    """The last judgement on record as a decision; that the trial goes on if there is none.

    A wrapper that asks for several yeses in a row, such as ``optuna.pruners.PatientPruner``, gets them.

    Args:
        trial: What it has reported.
        study: The other trials, with the trial's judgements.
        target: As in :class:`lcstop.PrunerConfig`.

    Example:
        >>> study = StudyView("maximize", judgements=[JudgementRecord(1.0, "stop", to_beat=0.8)])
        >>> last_verdict(Curve([1, 2], [0.2, 0.3], horizon=9), study, "best").reason
        'told to stop at step 1'
    """
    records = study.judgements or ()
    last = last_judgement(records)
    if last is None or not stop_holds(trial, records, study.direction, target):
        return Decision(False, "no decision is due at this step", trial.cutoff, is_new=False)
    return Decision(True, f"told to stop at step {last.step:g}", trial.cutoff, is_new=False)


def stop_holds(
    trial: Curve, records: Sequence[JudgementRecord], direction: Direction, target: Target
) -> bool:
    """Whether the trial was told to stop, so that it is told again whenever it asks.

    A trial that went on all the same, and beat what it had to beat, is judged again: the stop was wrong.

    Args:
        trial: What it has reported.
        records: What is on record of it, oldest first.
        direction: Of the metric.
        target: As in :class:`lcstop.PrunerConfig`.

    Example:
        >>> records = [JudgementRecord(1.0, "stop", to_beat=0.8)]
        >>> trials = Curve([1, 2], [0.2, 0.3], horizon=9), Curve([1, 2], [0.2, 0.9], horizon=9)
        >>> [stop_holds(trial, records, "maximize", "best") for trial in trials]
        [True, False]
    """
    last = last_judgement(records)
    if last is None or last.verdict != "stop":
        return False
    stop = SuppressedStop(last.step, last.to_beat, "audit", "")
    return not AuditedTrial(trial, stop, finished=False).won(direction, target)
