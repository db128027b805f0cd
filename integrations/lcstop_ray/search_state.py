"""SearchState: the trials of a running Ray Tune search and the decisions on them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.result import DONE
from ray.tune.utils import flatten_dict

from lcstop import Decision, PrunerCore, StudyView
from lcstop.config.horizon import horizon_of
from lcstop.curves.first_step import StepCounting
from lcstop.pruning.audit import Audit
from lcstop.pruning.certificate import Certificate
from lcstop.pruning.last_verdict import last_judgement
from lcstop_ray.earlier_run import name_of, read_earlier_run
from lcstop_ray.history import History
from lcstop_ray.records import restart_step
from lcstop_ray.result_warnings import ResultWarnings
from lcstop_ray.results import DIRECTIONS, UnusableResultError, to_point
from lcstop_ray.search_table import SearchTable
from lcstop_ray.trial_log import TrialLog

logger = logging.getLogger("lcstop_ray")


class SearchState:
    """The trials of a running search and the decisions on them.

    Args:
        core: Makes the decisions.
        time_attr: Name of the result that counts the steps.
        metric: Name of the result to optimise.
        mode: ``min`` or ``max``.

    Attributes:
        histories: The trials, by trial id.
        stops: Decisions that have ended a trial, by trial id.
        warnings: Warnings of results that cannot be used.

    Example:
        >>> from lcstop import PrunerConfig
        >>> search = SearchState(PrunerCore(PrunerConfig(horizon=3)), "epoch", "loss", "min")
        >>> trial = Trial("trainable", stub=True)
        >>> search.add(trial)
        >>> [search.judge(trial, {"epoch": i, "loss": 1 / i}) for i in (1, 2, 3)]
        [False, False, False]
        >>> search.finish(trial, {"epoch": 3, "loss": 1 / 3})
        >>> round(search.incumbent(), 3)
        0.333
    """

    def __init__(self, core: PrunerCore, time_attr: str, metric: str, mode: str) -> None:
        self.core = core
        self.time_attr = time_attr
        self.metric = metric
        self.mode = mode
        self.histories: dict[str, History] = {}
        self.stops: dict[str, Decision] = {}
        self.warnings = ResultWarnings(time_attr, metric, mode, core.config)
        self.counting = StepCounting()
        self._from_0 = False  # of the histories
        self._log = TrialLog(core, time_attr, metric, mode)
        self._added: set[str] = set()  # ids of trials whose results this process has got
        self._table = SearchTable(self.histories, DIRECTIONS[mode])

    def add(self, trial: Trial) -> None:
        """Add a trial: a new one, a retried one, or one of an earlier run."""
        retried = trial.trial_id in self.histories
        history = self._history(trial)
        if history is None:
            return
        self.stops.pop(trial.trial_id, None)
        if retried:
            self.warnings.retry(trial.trial_id)
        is_old = trial.trial_id not in self._added
        if is_old:
            self._added.add(trial.trial_id)
            statistic = "last" if self.core.config.target == "final" else self.mode
            steps = read_earlier_run(trial, history, self._log, self.time_attr, self.metric, statistic)
            self._count_steps(steps)
        if trial.status in (Trial.TERMINATED, Trial.ERROR):
            return
        restart = restart_step(trial, self.time_attr)
        if history.all_steps:
            self._log.start_again(trial)
        if restart > -math.inf:
            history.keep_until(restart)
        else:
            history.start_again()
        last = last_judgement(history.judgements)
        waits = is_old and self.core.config.pause and last is not None and last.verdict == "wait"
        history.state = "waiting" if waits else "running"

    def adopt(self, histories: dict[str, History], counting: StepCounting) -> None:
        """Take over the trials of an earlier search, and how it counted steps."""
        self.histories, self.counting = histories, counting
        self._table = SearchTable(histories, DIRECTIONS[self.mode])
        counting.add(step for history in histories.values() for step in history.all_steps)
        self._count_steps(())

    def leave(self, trial: Trial, *, failed: bool) -> None:
        """Leave out a trial that has failed, unless it is added again, or one that is cut off."""
        history = self._history(trial)
        if self.core.config.pause and not failed and history is not None and history.state == "stopped":
            return  # it waited, and was stopped
        if history is not None:
            history.state = "failed" if failed else "cut off"
            self._log.end(trial, history)
        self.stops.pop(trial.trial_id, None)

    def judge(
        self,
        trial: Trial,
        result: Mapping[str, Any],
        decide: Callable[[Trial, History], Decision | None] | None = None,
    ) -> bool:
        """Record a result of a running trial and decide on it.

        Args:
            trial: The trial.
            result: The result, by name.
            decide: Decides in place of :meth:`decide`.

        Returns:
            Whether the trial should stop.
        """
        history = self._history(trial)
        if history is None:
            return False
        try:
            step, value = to_point(result, self.time_attr, self.metric)
        except UnusableResultError as error:
            self.warnings.unusable(trial.trial_id, str(error))
            return history.state in ("stopped", "converged")
        self.warnings.check(trial.trial_id, history, step, value)
        self._report(trial, history, step, value)
        if history.state in ("stopped", "converged"):
            return True  # Ray may pass on buffered results after the one that ended the trial
        if history.state == "waiting":
            return False  # likewise
        decision = (decide or self.decide)(trial, history)
        if decision is None:
            return False
        if decision.waits:
            logger.debug("Trial %s %s", trial.trial_id, decision.reason)
            return False
        if stop := decision.suppressed_stop:
            if history.suppressed_stop is None:
                logger.info("Trial %s %s", trial.trial_id, decision.reason)
                history.suppressed_stop = stop
            return False
        history.state = "converged" if decision.converged else "stopped"
        self.stops[trial.trial_id] = decision
        logger.info("Trial %s %s", trial.trial_id, decision.reason)
        if decision.converged:
            self._log.end(trial, history, decision.reason)
        return True

    def waits(self, trial: Trial) -> bool:
        """Whether a trial waits, with ``pause`` only."""
        history = self.histories.get(trial.trial_id)
        return history is not None and history.state == "waiting"

    def stop(self, trial: Trial, history: History, decision: Decision) -> None:
        """Stop a trial that waits, by a decision that is on record."""
        history.state = "stopped"
        self.stops[trial.trial_id] = decision
        logger.info("Trial %s %s", trial.trial_id, decision.reason)
        self._log.end(trial, history)

    def record(self, trial: Trial, history: History, decision: Decision, n_ended: int) -> None:
        """Put a judgement on record."""
        record = decision.record(n_ended)
        history.add_judgement(record)
        self._log.judgement(trial, history, record, decision)

    def decide(self, trial: Trial, history: History) -> Decision | None:
        """The decision to end the trial or to suppress its stop; None if it goes on."""
        if not self.may_ask(history):
            return None
        curve = history.curve
        view = self.view(judged=trial.trial_id)
        decision = self.core.decide(curve, view)
        if decision.is_new:
            self.record(trial, history, decision, view.n_ended)
        # After one report it is not known yet from where its moments are counted.
        history.next = self.core.next_question(curve, history.judgements) if len(curve) > 1 else None
        return decision if decision.would_stop else self.converged(history, view)

    def converged(self, history: History, view: StudyView) -> Decision | None:
        """The decision to end a trial that has converged; None if it goes on."""
        curve = history.curve
        if not self.core.convergence_due(curve.cutoff, history.convergence_asked_at):
            return None
        history.convergence_asked_at = curve.cutoff
        decision = self.core.converged(curve, view)
        return decision if decision.stop else None

    def may_ask(self, history: History) -> bool:
        """Whether the trial may be judged at its last result, at the same cost at any length."""
        if history.next is None or history.last_report is None:
            return True
        step, value = history.last_report
        if not math.isfinite(value):
            return True
        # Steps may count from 0.
        if step + 1 >= history.next.step or self.core.convergence_due(step + 1, history.convergence_asked_at):
            return True
        if history.next.n_ended is None:
            return False
        return self._table.n_ended > history.next.n_ended

    def finish(self, trial: Trial, result: Mapping[str, Any] | None) -> None:
        """Record the last result of a trial that has ended.

        It has finished unless it was stopped, or Ray says that it is not done: somebody then asked for its
        end. A time budget, ``fail_fast`` and Ctrl-C end trials without a call of the scheduler.
        """
        history = self._history(trial)
        if history is None:
            return
        result = result or {}
        try:
            step, value = to_point(result, self.time_attr, self.metric)
        except UnusableResultError:
            step, value = None, math.nan
        if history.state == "stopped":
            self._log.end(trial, history, step=step)  # there may be a buffered result after the stop
            return
        if step is not None and not np.array_equal((step, value), history.last_report or (), equal_nan=True):
            self._report(trial, history, step, value)
        if history.state != "converged":
            history.state = "cut off" if result.get(DONE) is False else "finished"
            self.warnings.look(self.histories)
        self._log.end(trial, history)

    def view(self, judged: str | None = None) -> StudyView:
        """Every trial but the one with the id ``judged``. Failed trials have no result and are left out."""
        return self._table.view(judged)

    def certificate(self) -> Certificate:
        """What the stops so far may have lost, and what they have saved."""
        return self._table.certificate()

    def audit(self) -> Audit:
        """Outcome of the audited trials."""
        return self.core.audit(self.view())

    def incumbent(self) -> float | None:
        """Best value of the finished trials; None if no trial has finished."""
        return self.view().incumbent(self.core.config.target)

    def _history(self, trial: Trial) -> History | None:
        """The history of a trial. None if its horizon is unknown; the trial is then never judged."""
        if trial.trial_id not in self.histories:
            horizon = self.core.config.horizon
            try:
                if isinstance(horizon, str):
                    horizon = horizon_of(horizon, trial.config, flatten_dict(trial.config))
            except Exception as error:  # objects in the user's configuration may raise any error
                self.warnings.warn_once(f"a trial goes on, not judged: {error}")
                return None
            history = self.histories[trial.trial_id] = History(
                horizon, trial.evaluated_params, name_of(trial)
            )
            history.from_0 = self.counting.from_0
        self._table.changed.add(trial.trial_id)
        return self.histories[trial.trial_id]

    def _report(self, trial: Trial, history: History, step: float, value: float) -> None:
        self._log.report(trial, history, step, value)
        self._count_steps([step])

    def _count_steps(self, steps: Iterable[float]) -> None:
        """Learn from steps whether the trials count from 0."""
        self.counting.add(steps)
        if self.counting.from_0 != self._from_0:
            self._from_0 = self.counting.from_0
            for trial_id, history in self.histories.items():
                history.from_0 = self._from_0
                self._table.changed.add(trial_id)
