"""LCPFNPruner: the adapter between an Optuna study and :class:`lcstop.PrunerCore`."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial
from typing_extensions import Unpack

from lcstop import Curve, Decision, PrunerConfig, PrunerCore
from lcstop.config.keywords import options_as_text, takes_options
from lcstop.config.pruner_options import PrunerOptions
from lcstop.curves.curve import better
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop_optuna.chains import chain_of, find, links_of
from lcstop_optuna.judgements import record_decision, went_on_in_words
from lcstop_optuna.other_trials import OtherTrials, StudyBesides, direction_of
from lcstop_optuna.recent_trials import RecentTrial, RecentTrials
from lcstop_optuna.study_pausing import StudyPausing
from lcstop_optuna.study_warnings import StudyWarnings
from lcstop_optuna.summary import LastLine, stops_log
from lcstop_optuna.trials import (
    CONFIG_ATTR,
    CONVERGED_ATTR,
    REASON_ATTR,
    check_single_objective,
    store_in_study,
    to_curve,
)

logger = logging.getLogger("lcstop_optuna")


class LCPFNPruner(optuna.pruners.BasePruner):
    """Pruner that stops a trial when its chance of becoming the best falls below a threshold.

    ``policy="study"``, the default: a network pre-trained on artificial studies compares the trial with the
    other trials. The trial is pruned when the probability that it becomes the best of the study is small
    enough. Each stop spends that probability, and all stops together may spend 1 - ``keep``. For a search
    with a fixed number of trials pass it as ``n_trials``, since a pruner cannot see the ``n_trials`` of
    ``study.optimize``. ``policy="published"``: LC-PFN forecasts the trial's own curve. The trial is pruned
    when it beats the incumbent with probability at most ``1 - confidence``.

    Decisions depend only on the study's storage, so they are the same in every thread and process and after
    a restart. If a decision fails, the trial goes on and the cause is logged once.

    Every field of :class:`lcstop.PrunerConfig` is a keyword. ``help()`` shows their types and defaults, and
    ``docs/options.md`` describes them.

    Example:
        >>> import optuna
        >>> from lcstop_optuna import LCPFNPruner
        >>> def objective(trial):
        ...     best = trial.suggest_float("best", 0.1, 0.9)
        ...     for epoch in range(20):
        ...         trial.report(best * (1 - 0.7**epoch), epoch)
        ...         if trial.should_prune():
        ...             raise optuna.TrialPruned()
        ...     return best
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> sampler = optuna.samplers.RandomSampler(seed=0)
        >>> study = optuna.create_study(
        ...     direction="maximize", sampler=sampler, pruner=LCPFNPruner(horizon=20)
        ... )
        >>> study.optimize(objective, n_trials=10)
        >>> any(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
        True

    Args:
        horizon: Number of steps of a full trial, whether steps are counted from 0 or from 1. If trials have
            different lengths: the name of the hyperparameter or user attribute that holds the length.
        verbose: Whether each stop is logged in Optuna's log, and a summary of the study when the process
            ends. See :class:`lcstop_optuna.Summary` and :func:`lcstop_optuna.summary` for other ways.

    Raises:
        TypeError: If a keyword is not an option.
        ValueError: If an option's value is not allowed.
    """

    @takes_options
    def __init__(
        self, horizon: float | str, *, verbose: bool = False, **options: Unpack[PrunerOptions]
    ) -> None:
        config = PrunerConfig(horizon=horizon, **options)
        self._verbose = verbose
        self._last_line = LastLine(self) if verbose else None
        self._stops_log = stops_log if verbose else logger
        self._core = PrunerCore(config)
        self._recent = RecentTrials()
        self._study_warnings = StudyWarnings(config)
        self._read_anew()

    @classmethod
    def from_yaml(cls, path: str | Path, *, verbose: bool = False) -> LCPFNPruner:
        """Create a pruner with the options of a YAML file.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If a key or value in the file is not allowed.
        """
        return cls(verbose=verbose, **PrunerConfig.from_yaml(path).model_dump())

    def __repr__(self) -> str:
        verbose = ", verbose=True" if self._verbose else ""
        return f"LCPFNPruner({options_as_text(self.config)}{verbose})"

    @property
    def config(self) -> PrunerConfig:
        """The validated options."""
        return self._core.config

    def prune(self, study: optuna.study.Study, trial: FrozenTrial) -> bool:
        """Whether to prune ``trial`` at its last report. ``trial.should_prune()`` calls this.

        Between two judgements the last one is repeated, without a look at the storage.

        Raises:
            ValueError: If the study has more than one objective.
        """
        self._study_warnings.look(study, trial)
        known = self._recent.of(study, trial)
        if known.next is None:
            check_single_objective(study)
        try:
            trial = known.whole(study, trial)
            if known.is_duplicate or not self._may_ask(study, trial, known):
                return known.is_duplicate or known.told_to_stop
            self._core.warm_up()  # before the clock: loading the network is not part of a decision
            self._store_options(study)
            start = time.perf_counter()
            besides = self._others.look(study, trial.number)
            view = besides.view
            # Which step it is at is known only now, from its study.
            curve = self._curve(trial)
            pausing = self.pausing if self.pausing and self.pausing.is_on else None
            if pausing:
                decision = pausing.decide(study, trial.number, curve, besides)
            else:
                decision = self._core.decide(curve, view)
            self._core.error_log.warn_if_slow(time.perf_counter() - start)
            known.records = view.judgements or ()
            if decision.is_new:
                record = decision.record(view.n_ended)
                known.records = [*known.records, record]
                self._record(study, trial, decision, record, curve, besides)
            known.is_read, known.horizon = True, curve.horizon
            # After one report it is not known yet from where its moments are counted.
            known.told_to_stop = decision.stop or decision.waits
            known.next = (
                (pausing or self._core).next_question(curve, known.records) if len(curve) > 1 else None
            )
        except Exception as error:
            # An error in the pruner must not end the user's training.
            return self._core.fail_open(error, trial.last_step or 0).stop
        return known.told_to_stop

    def _may_ask(self, study: optuna.study.Study, trial: FrozenTrial, known: RecentTrial) -> bool:
        """Whether the trial may be judged now, at the same cost at any length.

        Steps below the one that is known to be next are answered without a look at the curve or the storage.
        """
        reports = trial.intermediate_values
        if not reports:
            return False
        last = next(reversed(reports))
        if known.next is None or (last > known.horizon and not self._study_warnings.warned_past_horizon):
            # Only its study tells whether its steps count from 0 or from 1.
            from_1, from_0 = (to_curve(trial, self.config.horizon, from_0=count) for count in (False, True))
            self._study_warnings.past_horizon(trial, from_1)
            if known.next is None:
                # At its horizon there is no question, but another process may have told it to stop.
                at_horizon = from_0.cutoff >= from_0.horizon and not known.is_read
                if at_horizon or any(self._core.question(c, known.records) for c in (from_1, from_0)):
                    return True
                if len(from_0) < 2:
                    return False
                known.horizon = from_0.horizon
                known.next = min(self._core.next_question(curve, ()) for curve in (from_1, from_0))
        if not math.isfinite(reports[last]):
            return True
        if known.told_to_stop:
            return self._beats_stop(study, trial, known)
        if last + 1 >= known.next.step:
            return True
        return known.next.n_ended is not None and self._others.n_ended(study) > known.next.n_ended

    def _beats_stop(self, study: optuna.study.Study, trial: FrozenTrial, known: RecentTrial) -> bool:
        """Whether a trial that went on after a stop has just beaten what it had to beat."""
        stop = known.records[-1]
        last = next(reversed(trial.intermediate_values))
        if last + self._from_0(trial) <= stop.step:
            return False
        if not known.went_on:
            known.went_on = True
            self._study_warnings.went_on(trial, stop.step)
            study._storage.set_trial_user_attr(trial._trial_id, REASON_ATTR, went_on_in_words(stop))
        value = trial.intermediate_values[last]
        return stop.to_beat is None or better(value, stop.to_beat, direction_of(study))

    def converged(self, trial: optuna.trial.BaseTrial) -> bool:
        """Whether ``trial`` has converged. :func:`lcstop_optuna.converged` calls this."""
        if not isinstance(trial, optuna.Trial):
            return False  # a FixedTrial or FrozenTrial is no part of a search
        study, storage = trial.study, trial.study._storage
        check_single_objective(study)
        if self.config.min_gain is None:
            return False
        try:
            frozen = storage.get_trial(trial._trial_id)
            known = self._recent.of(study, frozen)
            frozen = known.whole(study, frozen)
            last_step = self._curve(frozen).cutoff
            if not self._core.convergence_due(last_step, known.convergence_asked_at):
                return False
            view = self._others.view(study, trial.number)
            decision = self._core.converged(self._curve(frozen), view)
            known.convergence_asked_at = last_step
            if decision.stop:
                self._stops_log.info("Trial %d %s", trial.number, decision.reason)
                storage.set_trial_user_attr(trial._trial_id, CONVERGED_ATTR, decision.reason)
        except Exception as error:
            return self._core.fail_open(error, 0).stop
        return decision.stop

    def explain(self, study: optuna.study.Study, trial: FrozenTrial | optuna.Trial | int) -> Decision:
        """The decision that this pruner would make on ``trial`` at its last report, with the study as it is.

        Args:
            study: A study with one objective.
            trial: A trial of the study, in any state, or its number. With the trials that continue it.

        Raises:
            TypeError: If ``trial`` is neither.
            ValueError: If the study has more than one objective, or no trial with that number.
        """
        check_single_objective(study)
        number = trial if isinstance(trial, int) else getattr(trial, "number", None)
        if not isinstance(number, int):
            raise TypeError(f"trial must be a trial of the study or its number, got {trial!r}")
        trials = study.get_trials(deepcopy=False)
        if find(trials, number) is None:
            raise ValueError(f"study {study.study_name!r} has no trial {number}")
        known = chain_of(trials, links_of(study, trials), number).trial
        view = self._others.view(study, known.number)
        return self._core.judge(self._curve(known), view)

    def _curve(self, trial: FrozenTrial) -> Curve:
        """The curve of a trial among the other trials as they were last read."""
        return to_curve(trial, self.config.horizon, self._from_0(trial))

    def _from_0(self, trial: FrozenTrial) -> bool:
        """Whether steps are counted from 0, as far as is known."""
        return self._others.from_0 or 0 in trial.intermediate_values

    def _read_anew(self) -> None:
        """Forget the trials, which can be read from the storage again."""
        self._others = OtherTrials(self.config.horizon, pause=self.config.pause)
        self.pausing = StudyPausing(self._core, self._others) if self.config.pause else None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_others": None, "pausing": None, "_last_line": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # An earlier version pickled neither of the two.
        self.__dict__.update({"_verbose": False, "_stops_log": logger, **state})
        self._last_line = LastLine(self) if self._verbose else None
        self._read_anew()

    def _record(
        self,
        study: optuna.study.Study,
        trial: FrozenTrial,
        decision: Decision,
        record: JudgementRecord,
        curve: Curve,
        besides: StudyBesides,
    ) -> None:
        from_0, log = self._from_0(trial), self._stops_log
        try:
            earlier = besides.view.judgements or ()
            certificate = besides.certificate(curve, record).as_dict() if decision.stop else None
            record_decision(study, trial, decision, record, earlier, certificate, from_0=from_0, log=log)
        except Exception as error:
            self._core.error_log.warn_once("the decision on trial %d was not stored", error, trial.number)

    def _store_options(self, study: optuna.study.Study) -> None:
        """Store the options with the study before its first question in this process."""
        if self._recent.has_options(study):
            return
        if self._last_line is not None:
            self._last_line.of(study)
        try:
            store_in_study(study, CONFIG_ATTR, self.config.model_dump())
        except Exception as error:
            self._core.error_log.warn_once("the options were not stored in the study", error)
