"""PausingCore: decisions on trials that can wait. Pure, as :class:`lcstop.PrunerCore` is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from lcstop.config.keep import DEFAULT_CONFIDENCE
from lcstop.curves.curve import Curve
from lcstop.pausing.rule import PARKING_MOMENTS, RUNGS, PausableTrial, is_parking_due
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.pruning.due import NextQuestion, interval_of, is_silent, origin_of
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.study_view import StudyView


class PausingCore:
    """Says when a trial waits, whether a parked trial goes on, and which trials are stopped at the end.

    A trial is parked when its chance to end in the best tenth of the study is small. It is not lost, so
    ``keep`` does not scale that threshold. ``keep`` decides which trials are stopped once no new trial
    can be started. Only these stops spend what all stops together may spend.

    Args:
        core: Makes the decisions by ``keep``.

    Example:
        >>> from lcstop import PrunerConfig
        >>> pausing = PausingCore(PrunerCore(PrunerConfig(horizon=50)))
        >>> trial = Curve([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.35], horizon=50)
        >>> pausing.at_report(trial, StudyView("maximize"), clock=4).reason
        'waits at step 4 of 50: at the rung of 8 %'
    """

    def __init__(self, core: PrunerCore) -> None:
        self._core = core
        # No user's options: they are not validated, which would warn of ``preset``.
        update = {"keep": None, "n_trials": None, "preset": "balanced", "confidence": DEFAULT_CONFIDENCE}
        self._parking = PrunerCore(core.config.model_copy(update=update))
        self._parking.error_log = core.error_log

    def at_report(self, trial: Curve, study: StudyView, clock: int, *, may_wait: bool = True) -> Decision:
        """Whether a running trial waits at its last report. It may also be stopped as diverged.

        If it waits at a rung, :func:`lcstop.pausing.rule.next_move` says whether it is the next one to go on.

        Args:
            trial: What it has reported.
            study: The other trials, with the records of this one.
            clock: :func:`lcstop.pausing.rule.n_moments` of the study.
            may_wait: Whether it could go on from this report later. A trial that could not is judged at a
                later report.
        """
        config, records = self._core.config, study.judgements or ()
        quiet = Decision(False, "no decision is due at this step", trial.cutoff, is_new=False)
        if not len(trial):
            return quiet
        if is_silent(config, trial.values[-config.diverged_after :].tolist()):
            decision = self._core.judge(trial, study)
            return decision if decision.diverged else quiet
        is_early = trial.cutoff < config.min_steps
        if not may_wait or is_early or trial.cutoff >= trial.horizon or not math.isfinite(trial.values[-1]):
            return quiet
        known = PausableTrial.of(trial, "running", study.direction, records, config.target)
        if known.is_at_rung:
            rung = 100 * RUNGS[len(known.rung_values) - 1]
            return _wait(Decision(False, f": at the rung of {rung:g} %", trial.cutoff), trial)
        last = records[-1].step if records else -math.inf
        is_same_interval = records and interval_of(config, last) >= interval_of(config, trial.cutoff)
        if is_same_interval or not is_parking_due(trial, records):
            return quiet
        return self.judge_again(trial, study, clock)

    def next_question(self, trial: Curve, records: Sequence[JudgementRecord]) -> NextQuestion:
        """When a running trial may wait next: at a rung, or at a moment at which it is judged.

        Args:
            trial: What it has reported.
            records: What is on record of it, oldest first.
        """
        origin = origin_of(trial.steps[:2].tolist())
        length = trial.horizon - origin
        last = records[-1].step if records else 0.0
        steps = (origin + share * length for share in (*RUNGS, *PARKING_MOMENTS))
        return NextQuestion(min((step for step in steps if step > last), default=trial.horizon))

    def judge_again(self, trial: Curve, study: StudyView, clock: int) -> Decision:
        """Whether a trial is parked, or is let go on.

        Args:
            trial, study, clock: As for :meth:`at_report`.
        """
        decision = self._parking.judge(trial, study)
        if not decision.stop or decision.diverged:
            return decision
        words = decision.reason.partition(":")
        return _wait(replace(decision, stop=False, reason=words[1] + words[2], parked_at=clock), trial)

    def settle(self, trial: Curve, study: StudyView) -> Decision:
        """Whether a waiting trial is stopped by ``keep``, since no new trial can be started.

        Args:
            trial, study: As for :meth:`at_report`.
        """
        decision = self._core.judge(trial, study)
        if not decision.stop:
            return decision
        return replace(decision, reason=f"{decision.reason}; it has waited, and no new trial can be started")


def resume(decision: Decision) -> Decision:
    """The decision by which a trial is let go on, for its record.

    Args:
        decision: The judgement after which it goes on.
    """
    return replace(decision, stop=False, waits=False, parked_at=None, resumes=True)


def _wait(decision: Decision, trial: Curve) -> Decision:
    words = f"waits at step {trial.cutoff:g} of {trial.horizon:g}{decision.reason}"
    return replace(decision, waits=True, reason=words)
