"""PrunerCore: whether a trial should go on. Pure: no clock, no random numbers, no framework."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.curve_list import CurveList
from lcstop.pruning.audit import Audit, is_audited
from lcstop.pruning.convergence import judge_convergence
from lcstop.pruning.decision import Decision, Kind, StudyView, better
from lcstop.pruning.error_log import Faults
from lcstop.pruning.rules import Case, stop_as_published, stop_in_study
from lcstop.pruning.schedule import is_due, is_first
from lcstop.surrogates import Surrogate, load_surrogate

if TYPE_CHECKING:
    from lcstop.ranking.ranker import StudyPolicy

logger = logging.getLogger("lcstop")

_SLACK = 1e-6
"""How far rounding may carry a value past a bound."""

_GOES_ON: dict[Kind, str] = {"audit": "audited, so it goes on", "shadow": "in shadow mode, so it goes on"}


class PrunerCore:
    """Stops a trial once it will hardly end among the best of its study.

    With ``policy="published"``, once it will hardly beat the incumbent (arXiv 2310.20447, section 5). The
    same data give the same decision in any process. Whatever goes wrong inside a forecast, the trial goes
    on, and each distinct cause is logged once as a warning.

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
        self._given = surrogate
        self._loaded = surrogate
        self._policy: StudyPolicy | None = None
        self.faults = Faults()
        self._told: set[float] = set()

    def decide(self, trial: Curve, study: StudyView) -> Decision:
        """Judge ``trial`` if a decision is due at its last report; never raises because of a study.

        To save time hyperparameters are left out where they cannot change that the trial goes on. The
        probabilities of such a decision are then the lower ones, those without hyperparameters.
        """
        if not self.due(trial):
            return Decision(False, "no decision is due at this step", trial.cutoff)
        return self._judge(trial, study, quick=True)

    def judge(self, trial: Curve, study: StudyView) -> Decision:
        """Judge ``trial`` at its last report, due or not; never raises because of a study."""
        return self._judge(trial, study, quick=False)

    def _judge(self, trial: Curve, study: StudyView, *, quick: bool) -> Decision:
        try:
            study = self._believable(study)
            # Values near the limits of float64 overflow on the way; the check of the forecast catches it.
            with np.errstate(all="ignore"):
                decision = self._found(trial, study, quick)
            return self._spare(decision, trial, study) if decision.stop else decision
        except Exception as error:
            return self.fail_open(error, trial.cutoff)

    def audit(self, study: StudyView) -> Audit:
        """What has come of the trials that would have been stopped and went on.

        One that was stopped after all because it had diverged counts, since nothing was to come of it.
        """
        config = self.config
        believed = [one for one in study.spared if self._possible(one.curve)]
        ended = [one for one in believed if one.finished or self._diverged(one.curve)]
        won = sum(one.won(study.direction, config.target) for one in ended)
        return Audit(len(ended), won, config.confidence)

    def due(self, trial: Curve) -> bool:
        """Whether the last report of ``trial`` calls for a decision; needs no other trial."""
        return bool(len(trial)) and (is_due(self.config, trial, len(trial) - 1) or self._diverged(trial))

    def convergence_due(self, trial: Curve) -> bool:
        """Whether the last report of ``trial`` calls for :meth:`converged`; needs no other trial."""
        if self.config.min_gain is None or self.config.shadow or not len(trial):
            return False
        return is_first(self.config, trial, len(trial) - 1)

    def converged(self, trial: Curve, study: StudyView) -> Decision:
        """Whether ``trial`` should end at its last report as a finished one; never raises because of a study.

        See :func:`lcstop.pruning.convergence.judge_convergence`.
        """
        min_gain = self.config.min_gain
        if min_gain is None or not self.convergence_due(trial):
            return Decision(False, "no judgement of convergence is due at this step", trial.cutoff)
        try:
            with np.errstate(all="ignore"):
                self._check_bounds(trial)
                study = self._believable(study)
                return judge_convergence(trial, study, self.config, min_gain, self._surrogate())
        except Exception as error:
            return self.fail_open(error, trial.cutoff)

    def _diverged(self, trial: Curve) -> bool:
        n = self.config.diverged_after
        return len(trial) >= n and not np.isfinite(trial.values[-n:]).any()

    def warm_up(self) -> None:
        """Load the surrogate now rather than inside the first judgement; a failure is logged, as there."""
        try:
            self._surrogate()
            if self.config.policy == "study":
                self._study_policy()
        except Exception as error:
            self.fail_open(error, 0)

    def fail_open(self, error: Exception, step: float) -> Decision:
        """Let a trial go on although judging it failed; each distinct cause is logged once."""
        cause = self.faults.tell("a trial goes on because judging it failed", error)
        return Decision(False, f"goes on, not judged: {cause}", step)

    def _spare(self, decision: Decision, trial: Curve, study: StudyView) -> Decision:
        """The decision to stop, unless the trial is to go on; one that has diverged is not audited."""
        kind: Kind
        if self.config.shadow:
            kind = "shadow"
        elif is_audited(study, self.config.audit) and not self._diverged(trial):
            kind = "audit"
        else:
            return decision
        reason, to_beat = f"{decision.reason}; {_GOES_ON[kind]}", study.to_beat(trial, self.config.target)
        return replace(decision, stop=False, reason=reason, spared=kind, to_beat=to_beat)

    def _careful(self, study: StudyView) -> tuple[float, str]:
        """The confidence to decide with, and what the reason says where it is not the one asked for."""
        audit = self.audit(study)
        if audit.careful == self.config.confidence:
            return audit.careful, ""
        if audit.careful not in self._told:
            self._told.add(audit.careful)
            logger.warning(
                "from now on judged at confidence %.6g instead of %g: %s",
                audit.careful,
                self.config.confidence,
                audit,
            )
        return audit.careful, f"; at confidence {audit.careful:.6g}, since {audit}"

    def _found(self, trial: Curve, study: StudyView, quick: bool) -> Decision:
        config, cutoff = self.config, trial.cutoff
        if self._diverged(trial):
            reason = f"diverged: the last {config.diverged_after} reports are not finite"
            return Decision(True, reason, cutoff)
        self._check_bounds(trial)
        n_started = CurveList.known(study.finished).n_finite
        if config.policy == "study" and n_started < config.n_startup_trials:
            n_started += int((CurveList.known(study.unfinished).share >= trial.share).sum())
        if n_started < config.n_startup_trials:
            reason = f"{n_started} of {config.n_startup_trials} startup trials finished"
            return Decision(False, reason, cutoff)
        incumbent = study.incumbent(config.target)
        if incumbent is None and config.policy == "published":
            return Decision(False, "no finished trial ended with a finite value", cutoff)
        own = trial.best(study.direction)
        if own is None:
            return Decision(False, "no finite report yet", cutoff, incumbent=incumbent)
        if incumbent is not None and config.target == "best" and not better(incumbent, own, study.direction):
            return Decision(False, "holds the incumbent itself", cutoff, incumbent=incumbent)
        if cutoff >= trial.horizon:
            return Decision(False, "has reached the horizon", cutoff, incumbent=incumbent)
        prefixes = self._prefixes(trial)
        if not prefixes:
            return Decision(False, "too few finite reports", cutoff, incumbent=incumbent)
        case = Case(config, trial, prefixes, study, *self._careful(study), quick)
        if config.policy == "study":
            return stop_in_study(case, incumbent, self._study_policy(), self._surrogate)
        assert incumbent is not None  # without one, ``published`` has returned
        return stop_as_published(case, incumbent, self._surrogate())

    def _prefixes(self, trial: Curve) -> list[Curve]:
        """The curve as it was at its last judgements, ``patience`` of them or fewer, oldest first."""
        found: list[Curve] = []
        for i in reversed(range(len(trial))):
            if len(found) == self.config.patience:
                break
            if i == len(trial) - 1 or is_due(self.config, trial, i):
                prefix = (trial if i == len(trial) - 1 else trial.first(i + 1)).finite()
                # A diverged point adds no evidence, and so no vote.
                grown = not found or len(prefix) < len(found[-1])
                if grown and len(prefix) >= (1 if self.config.min_steps == 1 else 2):
                    found.append(prefix)
        return found[::-1]

    def _check_bounds(self, trial: Curve) -> None:
        if not self._possible(trial):
            bounds = self.config.lower, self.config.upper
            raise ValueError(f"a trial reported a value outside the bounds {list(bounds)}")

    def _believable(self, study: StudyView) -> StudyView:
        """The study without trials that have reported an impossible value, in lists that are made once."""
        return replace(
            study,
            finished=self._within_bounds(study.finished),
            unfinished=self._within_bounds(study.unfinished),
            spared=[one for one in study.spared if self._possible(one.curve)],
        )

    def _within_bounds(self, curves: Sequence[Curve]) -> CurveList:
        """Those whose every finite value is possible."""
        known, (low, high) = CurveList.known(curves), self._bounds
        if known.least < low or known.greatest > high:
            return known.where(~((known.low < low) | (known.high > high)))
        return known

    def _possible(self, curve: Curve) -> bool:
        """Whether every finite value of one is possible; a percentage among fractions is a mistake."""
        low, high = self._bounds
        return curve.extent is None or (low <= curve.extent.low and curve.extent.high <= high)

    @property
    def _bounds(self) -> tuple[float, float]:
        lower, upper = self.config.lower, self.config.upper
        return -math.inf if lower is None else lower - _SLACK, math.inf if upper is None else upper + _SLACK

    # Threads that come here together each load the weights, and one of them is kept: a lock would be left
    # locked for ever in a process that is forked meanwhile.

    def _study_policy(self) -> StudyPolicy:
        if self._policy is None:
            from lcstop.ranking.ranker import StudyPolicy  # for the policy `study` alone

            self._policy = StudyPolicy()
        return self._policy

    def _surrogate(self) -> Surrogate:
        if self._loaded is None:
            self._loaded = load_surrogate(self.config.surrogate)
        return self._loaded

    def __reduce__(self) -> tuple[type[PrunerCore], tuple[PrunerConfig, Surrogate | None]]:
        # Weights are cheaper to load again than to send.
        return type(self), (self.config, self._given)
