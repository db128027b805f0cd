"""PrunerCore: whether a trial should go on. Pure: no clock, no random numbers, no framework."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.pruning.audit import Audit
from lcstop.pruning.bounds import Bounds
from lcstop.pruning.convergence import judge_convergence, not_judged
from lcstop.pruning.decision import Decision
from lcstop.pruning.divergence import has_diverged
from lcstop.pruning.due import (
    Question,
    Tail,
    is_first_in_interval,
    may_be_due,
    may_be_first_in_interval,
    question_at,
)
from lcstop.pruning.error_log import ErrorLog
from lcstop.pruning.evidence import Evidence
from lcstop.pruning.exemption import exemption
from lcstop.pruning.published_rule import judge_as_published
from lcstop.pruning.study_rule import judge_in_study
from lcstop.pruning.study_view import StudyView
from lcstop.pruning.suppressed_stop import SuppressedBy
from lcstop.pruning.suppression import suppressed_by
from lcstop.pruning.wording import PredictedEnd, forecast_end, predicted_end, reason
from lcstop.ranking.ranker import Ranker
from lcstop.surrogates import Surrogate, load_surrogate

logger = logging.getLogger("lcstop")

_SUPPRESSED: dict[SuppressedBy, str] = {
    "audit": "; audited, so it goes on",
    "shadow": "; in shadow mode, so it goes on",
}


class PrunerCore:
    """Stops a trial once it will hardly end among the best of its study.

    With ``policy="published"``, once it will hardly beat the incumbent (arXiv 2310.20447, section 5). The
    same data give the same decision in any process. If anything that decides fails, the trial goes on, and
    each distinct cause is logged once as a warning. A forecast that only words a stop may fail: the stop
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
        self._given_surrogate = surrogate
        self._loaded_surrogate = surrogate
        self._loaded_ranker: Ranker | None = None
        self._logged_confidences: set[float] = set()

    def decide(self, trial: Curve, study: StudyView) -> Decision:
        """Judge ``trial`` if its last report calls for it; never raises because of a study."""
        question = self.question(trial)
        if question is None:
            return Decision(False, "no decision is due at this step", trial.cutoff)
        return self.answer(question, study)

    def judge(self, trial: Curve, study: StudyView) -> Decision:
        """Judge ``trial`` at its last report, due or not; never raises because of a study."""
        question = question_at(self.config, trial, always=True)
        assert question is not None
        return self.answer(question, study)

    def question(self, trial: Curve, *, always: bool = False) -> Question | None:
        """What the last report of ``trial`` calls for; None if no judgement is due. Needs no other trial.

        Args:
            trial: What it has reported.
            always: Whether there is a question, due or not.
        """
        return question_at(self.config, trial, always=always)

    @property
    def n_tail(self) -> int:
        """Number of last reports that :meth:`may_be_due` needs."""
        return max(3, self.config.diverged_after)

    def may_be_due(self, tail: Tail) -> bool:
        """Whether the last report may call for a judgement of any kind, from the last reports alone.

        Adapters ask this first, so that a report of a long trial costs no more than one of a short trial.
        False is certain. After True, :meth:`question` and :meth:`convergence_due` need the whole curve.

        Args:
            tail: The last :attr:`n_tail` reports of a trial, at their own steps.
        """
        if may_be_due(self.config, tail):
            return True
        return self.config.min_gain is not None and may_be_first_in_interval(self.config, tail)

    def answer(self, question: Question, study: StudyView) -> Decision:
        """Judge a trial among the others; never raises because of a study."""
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
        if evidence is None:
            return decision
        return self._in_words(decision, evidence, question.trial, study)

    def audit(self, study: StudyView) -> Audit:
        """What has become of the audited trials."""
        return Audit.of_study(self._bounds.filter(study), self.config)

    def convergence_due(self, trial: Curve) -> bool:
        """Whether the last report of ``trial`` calls for :meth:`converged`; needs no other trial."""
        if self.config.min_gain is None or self.config.shadow or not len(trial):
            return False
        return is_first_in_interval(self.config, trial, len(trial) - 1)

    def converged(self, trial: Curve, study: StudyView) -> Decision:
        """Whether ``trial`` should end at its last report as a finished one; never raises because of a study.

        See :func:`lcstop.pruning.convergence.judge_convergence`.
        """
        min_gain = self.config.min_gain
        if min_gain is None or not self.convergence_due(trial):
            return Decision(False, "no judgement of convergence is due at this step", trial.cutoff)
        if why := not_judged(trial):
            return Decision(False, why, trial.cutoff)
        try:
            with np.errstate(all="ignore"):
                self._bounds.check(trial)
                study = self._bounds.filter(study)
                found = judge_convergence(trial, study, self.config, min_gain, self._surrogate())
        except Exception as error:
            return self.fail_open(error, trial.cutoff)
        decision = Decision(
            found.converged, found.reason(trial.horizon, min_gain), trial.cutoff, converged=found.converged
        )
        return self._with_end(decision, lambda: predicted_end(found.forecast, found.scale, self.config))

    def warm_up(self) -> None:
        """Load the networks now rather than inside the first judgement, where a failure is logged."""
        with contextlib.suppress(Exception):
            if self.config.policy == "study":
                self._ranker()
        with contextlib.suppress(Exception):
            self._surrogate()

    def fail_open(self, error: Exception, step: float) -> Decision:
        """Let a trial go on although judging it failed; each distinct cause is logged once."""
        cause = self.error_log.warn_once("a trial goes on because judging it failed", error)
        return Decision(False, f"goes on, not judged: {cause}", step)

    def _decide(self, question: Question, study: StudyView, audit: Audit) -> tuple[Decision, Evidence | None]:
        """The decision without words on what was found, and what was found."""
        config, trial = self.config, question.trial
        known = Decision(False, "", trial.cutoff, audit=audit)
        if question.is_silent:
            words = f"the last {config.diverged_after} reports are not finite"
            if has_diverged(config, trial, study):
                return replace(known, stop=True, reason=f"diverged: {words}"), None
            if not question.is_due:
                return replace(known, reason=f"{words}, maybe between two evaluations"), None
        self._bounds.check(trial)
        incumbent = study.incumbent(config.target)
        known = replace(known, incumbent=incumbent)
        prefixes = question.prefixes
        if why := exemption(config, question, study, incumbent):
            return replace(known, reason=why), None
        self._log_confidence(audit)
        confidence = audit.adjusted_confidence
        if config.policy == "study":
            evidence = judge_in_study(config, prefixes, study, confidence, self._ranker())
            if evidence is None:
                return replace(known, reason="no other trial to compare with"), None
        else:
            assert incumbent is not None  # without one the trial is exempt
            evidence = judge_as_published(
                config, trial, prefixes, study, incumbent, confidence, self._surrogate()
            )
        p_top = evidence.probability if config.policy == "study" else None
        stop = evidence.stops(config.patience)
        return replace(known, stop=stop, p_beat=evidence.p_beat, p_top=p_top), evidence

    def _suppress(self, decision: Decision, trial: Curve, study: StudyView, *, diverged: bool) -> Decision:
        """The stop, or that the trial goes on all the same."""
        by = suppressed_by(self.config, study, diverged=diverged)
        if by is None:
            return decision
        words = decision.reason + _SUPPRESSED[by] if decision.reason else ""
        to_beat = study.to_beat(trial, self.config.target)
        return replace(decision, stop=False, reason=words, suppressed_by=by, to_beat=to_beat)

    def _in_words(self, decision: Decision, evidence: Evidence, trial: Curve, study: StudyView) -> Decision:
        config, audit, by = self.config, decision.audit, decision.suppressed_by
        words = reason(config, trial, evidence, decision.incumbent)
        if audit is not None and audit.adjusted_confidence != config.confidence:
            words += f"; at confidence {audit.adjusted_confidence:.6g}, since {audit}"
        decision = replace(decision, reason=words)
        if evidence.forecast is not None and evidence.scale is not None:
            forecast, scale = evidence.forecast, evidence.scale
            decision = self._with_end(decision, lambda: predicted_end(forecast, scale, config))
        elif decision.would_stop:
            decision = self._with_end(decision, lambda: forecast_end(trial, study, config, self._surrogate()))
        return decision if by is None else replace(decision, reason=decision.reason + _SUPPRESSED[by])

    def _with_end(self, decision: Decision, predict: Callable[[], PredictedEnd]) -> Decision:
        """The decision with the forecast of the trial's end; it stands if there is none."""
        try:
            with np.errstate(all="ignore"):
                end = predict()
        except Exception as error:
            cause = self.error_log.warn_once(
                "a decision is made without a forecast of the trial's end", error
            )
            return replace(decision, reason=f"{decision.reason}; no forecast: {cause}")
        interval = end.low, end.high
        words = f"{decision.reason}; {end}"
        return replace(decision, reason=words, median=end.median, interval=interval, scale=end.scale)

    def _log_confidence(self, audit: Audit) -> None:
        confidence = audit.adjusted_confidence
        if confidence != self.config.confidence and confidence not in self._logged_confidences:
            self._logged_confidences.add(confidence)
            logger.warning(
                "from now on judged at confidence %.6g instead of %g: %s",
                confidence,
                self.config.confidence,
                audit,
            )

    # Threads that come here together each load the weights, and one of them is kept: a lock would be left
    # locked for ever in a process that is forked meanwhile.

    def _ranker(self) -> Ranker:
        if self._loaded_ranker is None:
            self._loaded_ranker = Ranker()
        return self._loaded_ranker

    def _surrogate(self) -> Surrogate:
        if self._loaded_surrogate is None:
            self._loaded_surrogate = load_surrogate(self.config.surrogate)
        return self._loaded_surrogate

    def __reduce__(self) -> tuple[type[PrunerCore], tuple[PrunerConfig, Surrogate | None]]:
        # Weights are cheaper to load again than to send.
        return type(self), (self.config, self._given_surrogate)
