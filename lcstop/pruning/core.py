"""PrunerCore: whether a trial should go on. Pure: no clock, no random numbers, no framework."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.pruning.audit import Audit
from lcstop.pruning.bounds import Bounds
from lcstop.pruning.convergence import judge_convergence, not_judged
from lcstop.pruning.decision import NO_MEMORY, Decision
from lcstop.pruning.divergence import has_diverged
from lcstop.pruning.due import NextQuestion, Question, interval_of, next_question, question_at
from lcstop.pruning.error_log import ErrorLog
from lcstop.pruning.evidence import Evidence
from lcstop.pruning.exemption import exemption
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_verdict
from lcstop.pruning.models import Models
from lcstop.pruning.own_curve import OwnCurve, forecast_own_curve
from lcstop.pruning.published_rule import judge_as_published
from lcstop.pruning.study_rule import judge_in_study
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import SuppressedBy
from lcstop.pruning.suppression import suppressed_by
from lcstop.pruning.wording import (
    PredictedEnd,
    chance,
    outcome,
    predicted_end,
    qualifications,
    tilted_end,
    values_in_words,
    with_end,
)
from lcstop.surrogates import Surrogate

logger = logging.getLogger("lcstop")

_SUPPRESSED: dict[SuppressedBy, str] = {
    "audit": "; audited, so it goes on",
    "shadow": "; in shadow mode, so it goes on",
}

_NO_FORECAST = "a decision is made without a forecast of the trial's end"


class PrunerCore:
    """Stops a trial when its chance of becoming the best of its study falls below a threshold.

    With ``policy="published"``, when its chance of beating the incumbent does (arXiv 2310.20447, section 5).
    The same data give the same decision in any process. If anything that decides fails, the trial goes on,
    and each distinct cause is logged once as a warning. A forecast that only words a stop may fail: the stop
    stands.

    Args:
        config: The options.
        surrogate: A surrogate to use instead of the one that ``config`` names.

    Example:
        >>> core = PrunerCore(PrunerConfig(horizon=50, lower=0, upper=1))
        >>> done = [
        ...     Curve(range(1, 51), [top - 0.5 * 0.8**i for i in range(50)], horizon=50)
        ...     for top in (0.9, 0.8, 0.85, 0.7, 0.75)
        ... ]
        >>> poor = Curve(range(1, 13), [0.4 - 0.3 * 0.6**i for i in range(12)], horizon=50)
        >>> core.judge(poor, StudyView("maximize", finished=done)).stop
        True
    """

    def __init__(self, config: PrunerConfig, surrogate: Surrogate | None = None) -> None:
        self.config = config
        self.error_log = ErrorLog()
        self._bounds = Bounds(config.lower, config.upper)
        self._models = Models(config, surrogate)
        self._logged_certainties: set[float] = set()

    def decide(self, trial: Curve, study: StudyView) -> Decision:
        """Judge ``trial`` if its last report calls for it; never raises because of a study.

        Between two judgements, and after a stop, the last judgement on record holds.
        """
        last = last_verdict(trial, study, self.config.target)
        question = None if last.stop else self.question(trial, study.judgements)
        return last if question is None else self.answer(question, study)

    def judge(self, trial: Curve, study: StudyView) -> Decision:
        """Judge ``trial`` at its last report, due or not; never raises because of a study."""
        question = question_at(self.config, trial, study.judgements, always=True)
        assert question is not None
        return self.answer(question, study)

    def question(self, trial: Curve, records: Sequence[JudgementRecord] | None = None) -> Question | None:
        """What the last report of ``trial`` calls for; None if no judgement is due. Needs no other trial.

        Args:
            trial: What it has reported.
            records: See :attr:`lcstop.StudyView.judgements`.
        """
        return question_at(self.config, trial, records)

    def next_question(self, trial: Curve, records: Sequence[JudgementRecord]) -> NextQuestion:
        """When ``trial``, which has reported, is to be judged next. Adapters need not look before that.

        Only a trial whose last reports are not finite has to be looked at before: it may have diverged.
        """
        return next_question(self.config, trial.steps[:2].tolist(), trial.horizon, records)

    def answer(self, question: Question, study: StudyView) -> Decision:
        """Judge a trial among the others; never raises because of a study."""
        if question.asked_at_n_ended is not None and study.n_ended <= question.asked_at_n_ended:
            if not question.is_silent:
                return last_verdict(question.trial, study, self.config.target)
            question = replace(question, is_due=False)
        try:
            # Values near the limits of float64 overflow on the way; probabilities are checked.
            with np.errstate(all="ignore"):
                study = self._bounds.filter(study)
                audit = Audit.of_study(study, self.config)
                decision, evidence = self._decide(question, study, audit)
                if decision.stop:
                    decision = self._suppress(decision, question.trial, study, diverged=evidence is None)
        except Exception as error:
            return self.fail_open(error, question.trial.cutoff)
        if evidence is None and not decision.diverged:
            return decision
        return self._in_words(decision, evidence, question.trial, study)

    def audit(self, study: StudyView) -> Audit:
        """What has become of the audited trials."""
        return Audit.of_study(self._bounds.filter(study), self.config)

    def convergence_due(self, step: float, asked_at: float) -> bool:
        """Whether :meth:`converged` is due: at most once in each interval of ``interval_steps``.

        Args:
            step: Last step of the trial.
            asked_at: Step at which it was due before; 0 if it never was.
        """
        if self.config.min_gain is None or self.config.shadow:
            return False
        return interval_of(self.config, step) > max(interval_of(self.config, asked_at), -1)

    def converged(self, trial: Curve, study: StudyView) -> Decision:
        """Whether ``trial`` should end at its last report as a finished one; never raises because of a study.

        See :func:`lcstop.pruning.convergence.judge_convergence`.
        """
        min_gain = self.config.min_gain
        if min_gain is None or not self.convergence_due(trial.cutoff, 0.0):
            return Decision(False, "no judgement of convergence is due at this step", trial.cutoff)
        if why := not_judged(trial):
            return Decision(False, why, trial.cutoff)
        try:
            with np.errstate(all="ignore"):
                self._bounds.check(trial)
                study = self._bounds.filter(study)
                found = judge_convergence(trial, study, self.config, min_gain, self._models.surrogate)
        except Exception as error:
            return self.fail_open(error, trial.cutoff)
        end, failure = self._end(lambda: predicted_end(found.forecast, found.scale, self.config))
        words = found.reason(trial, min_gain) + values_in_words(end, None) + failure
        return with_end(Decision(found.converged, words, trial.cutoff, converged=found.converged), end)

    def warm_up(self) -> None:
        """Load the networks now rather than inside the first judgement, where a failure is logged."""
        self._models.warm_up()

    def fail_open(self, error: Exception, step: float) -> Decision:
        """Let a trial go on although judging it failed; each distinct cause is logged once."""
        try:
            cause = self.error_log.warn_once("a trial goes on because judging it failed", error)
            return Decision(False, f"goes on, not judged: {cause}", step)
        except MemoryError:
            return NO_MEMORY

    def _decide(self, question: Question, study: StudyView, audit: Audit) -> tuple[Decision, Evidence | None]:
        """The decision without words on what was found, and what was found."""
        config, trial = self.config, question.trial
        known = Decision(False, "", trial.cutoff, audit=audit)
        if question.is_silent:
            words = f"the last {config.diverged_after} reports are not finite"
            if has_diverged(config, trial, study):
                return replace(known, stop=True, reason=f"diverged, {words}", diverged=True), None
            if not question.is_due:
                words += ", maybe between two evaluations"
                return replace(known, reason=words, is_new=False), None
        self._bounds.check(trial)
        incumbent = study.incumbent(config.target)
        known = replace(known, incumbent=incumbent)
        prefixes = question.prefixes
        if why := exemption(config, question, study, incumbent):
            return replace(known, reason=why), None
        self._log_certainty(audit)
        certainty = audit.adjusted_certainty
        if config.policy == "study":
            ranker, forecast = self._models.ranker, partial(self._own_curve, study=study)
            evidence = judge_in_study(config, prefixes, study, incumbent, certainty, ranker, forecast)
            if evidence is None:
                return replace(known, reason="no other trial to compare with"), None
        else:
            assert incumbent is not None  # without one the trial is exempt
            evidence = judge_as_published(
                config, trial, prefixes, study, incumbent, certainty, self._models.surrogate
            )
        ranking = evidence.ranking
        evidence = replace(evidence, says_stop=[*question.said_stop, *evidence.says_stop])
        found = replace(
            known,
            stop=evidence.stops(config.patience),
            says_stop=evidence.says_stop[-1],
            p_beat=evidence.p_beat,
            p_top=None if ranking is None else ranking.p_top,
            p_best=None if ranking is None or config.keep is None else evidence.probability,
            threshold=evidence.threshold,
        )
        return found, evidence

    def _suppress(self, decision: Decision, trial: Curve, study: StudyView, *, diverged: bool) -> Decision:
        """The stop, or that the trial goes on all the same."""
        decision = replace(decision, to_beat=study.to_beat(trial, self.config.target))
        by = suppressed_by(self.config, study, diverged=diverged)
        if by is None:
            return decision
        return replace(decision, stop=False, suppressed_by=by)

    def _in_words(
        self, decision: Decision, evidence: Evidence | None, trial: Curve, study: StudyView
    ) -> Decision:
        """The decision with its reason, and with the forecast that the reason names."""
        config, audit, by = self.config, decision.audit, decision.suppressed_by
        words = decision.reason
        if evidence is not None:
            end, failure = None, ""
            if config.policy == "published" or decision.would_stop:
                end, failure = self._end(lambda: self._predicted_end(decision, evidence, trial, study))
            decision = with_end(decision, end)
            words = chance(decision) + values_in_words(end, decision.incumbent)
            words += qualifications(config, evidence) + failure
            if audit is not None and audit.adjusted_certainty != audit.certainty:
                words += f"; at {self._dial} {audit.adjusted_certainty:.6g}, since {audit}"
        if by is not None:
            words += _SUPPRESSED[by]
        return replace(decision, reason=f"{outcome(decision, trial.horizon)}: {words}")

    def _end(self, predict: Callable[[], PredictedEnd]) -> tuple[PredictedEnd | None, str]:
        """The forecast of a trial's end; if it fails, None and why. The decision stands in any case."""
        try:
            with np.errstate(all="ignore"):
                return predict(), ""
        except Exception as error:
            cause = self.error_log.warn_once(_NO_FORECAST, error)
            return None, f"; no forecast: {cause}"

    def _predicted_end(
        self, decision: Decision, evidence: Evidence, trial: Curve, study: StudyView
    ) -> PredictedEnd:
        """The forecast of the trial's end, by the surrogate that the options name."""
        own_curve, models = evidence.own_curve, self._models
        if own_curve is not None and self.config.policy == "published":
            return predicted_end(*own_curve, self.config)
        if own_curve is None or models.surrogate is not models.forecaster:
            own_curve = forecast_own_curve(trial, study, models.surrogate)
        to_beat = decision.incumbent, evidence.p_beat
        return tilted_end(own_curve, trial, study.direction, self.config, *to_beat)

    def _own_curve(self, trial: Curve, study: StudyView) -> OwnCurve | None:
        """The forecast that takes part in a decision; None if it fails. Ranks then decide alone."""
        try:
            return forecast_own_curve(trial, study, self._models.forecaster)
        except Exception as error:
            self.error_log.warn_once(_NO_FORECAST, error)
            return None

    def _log_certainty(self, audit: Audit) -> None:
        certainty = audit.adjusted_certainty
        if certainty != audit.certainty and certainty not in self._logged_certainties:
            self._logged_certainties.add(certainty)
            logger.warning(
                "from now on judged at %s %.6g instead of %g: %s",
                self._dial,
                certainty,
                audit.certainty,
                audit,
            )

    @property
    def _dial(self) -> str:
        """Name of the option that says how certain a stop has to be."""
        return "confidence" if self.config.keep is None else "keep"

    def __reduce__(self) -> tuple[type[PrunerCore], tuple[PrunerConfig, Surrogate | None]]:
        # Weights are cheaper to load again than to send.
        return type(self), (self.config, self._models.given_surrogate)
