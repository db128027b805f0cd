"""Search: the trials that Ray Tune has told of, and what the core says about them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from ray.tune.experiment import Trial

from lcstop import Decision, PrunerCore, StudyView
from lcstop.audit import Audit
from lcstop.curve import Curve, Direction
from lcstop.decision import Spared
from lcstop_ray.history import History
from lcstop_ray.records import (
    read_mark,
    read_points,
    read_stopped,
    restart_step,
    write_mark,
    write_stopped,
)
from lcstop_ray.results import UnusableResultError, to_point

logger = logging.getLogger("lcstop_ray")

DIRECTIONS: dict[str, Direction] = {"max": "maximize", "min": "minimize"}


class Search:
    """A running search, whose metric, mode and horizon are known.

    Args:
        core: What decides.
        time_attr: Result that counts the steps.
        metric: Result to optimise.
        mode: ``min`` or ``max``.

    Example:
        >>> from lcstop import PrunerConfig
        >>> search = Search(PrunerCore(PrunerConfig(horizon=3)), "epoch", "loss", "min")
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
        self.n_unusable = 0
        self._warned: set[str] = set()

    def add(self, trial: Trial) -> None:
        """Take in a new trial, one that is tried again, or one of an earlier run."""
        known = trial.trial_id in self.histories
        history = self._history(trial)
        stopped_at = history.last_step if history.state == "stopped" else None
        self.stops.pop(trial.trial_id, None)
        if trial.status == Trial.ERROR:
            history.state = "failed"
            return
        ended = trial.status == Trial.TERMINATED
        restart = math.inf if ended else restart_step(trial, self.time_attr)
        history.state = "running"
        if ended or (not known and restart > -math.inf):
            best_known = "last" if self.core.config.target == "final" else self.mode
            history.extend(read_points(trial, self.time_attr, self.metric, best_known))
            history.mark = read_mark(trial) or history.mark
        history.keep_until(restart)
        if ended:
            # What was stopped has gone on since, if the driver died before Ray had stored the trial's end.
            last = history.last_step
            stopped = last is not None and last in (stopped_at, read_stopped(trial))
            history.state = "stopped" if stopped else "finished"

    def fail(self, trial: Trial) -> None:
        """A trial that failed counts no more, unless it is added again."""
        self._history(trial).state = "failed"
        self.stops.pop(trial.trial_id, None)

    def judge(self, trial: Trial, result: Mapping[str, Any]) -> bool:
        """Record a result of a running trial; whether the trial should stop."""
        history = self._history(trial)
        try:
            step, value = to_point(result, self.time_attr, self.metric)
        except UnusableResultError as error:
            self._count_unusable(trial, str(error))
            return history.state == "stopped"
        if not math.isfinite(value):
            self._count_unusable(trial, f"{self.metric!r} is not finite")
        history.report(step, value)
        if history.state == "stopped":
            # Ray may hand over results that it had buffered behind the one that stopped the trial.
            self._write_stopped(trial, step, "stopped at an earlier step")
            return True
        if not self.core.due(history.curve):
            return False
        decision = self.core.decide(history.curve, self.view(judged=history))
        if decision.stop:
            logger.info("trial %s stopped at step %g: %s", trial.trial_id, step, decision.reason)
            history.state = "stopped"
            self.stops[trial.trial_id] = decision
            self._write_stopped(trial, step, decision.reason)
        elif decision.mark and history.mark is None:
            logger.info("trial %s not stopped at step %g: %s", trial.trial_id, step, decision.reason)
            history.mark = decision.mark
            write_mark(trial, decision.mark, self.core.config.model_dump())
        return decision.stop

    def finish(self, trial: Trial, result: Mapping[str, Any]) -> None:
        """Record the last result of a trial that has ended; one that was stopped has not finished."""
        history = self._history(trial)
        try:
            step, value = to_point(result, self.time_attr, self.metric)
        except UnusableResultError:
            step, value = None, math.nan
        if history.state == "stopped":
            if step is not None and step != history.last_step:  # buffered behind the one that stopped it
                self._write_stopped(trial, step, "stopped at an earlier step")
            return
        if step is not None:
            history.report(step, value)
        history.state = "finished"

    def view(self, judged: History | None = None) -> StudyView:
        """The trials other than the judged one; failed ones gave the user no result and are left out."""
        name, n_stopped = None, 0
        finished, unfinished, spared = list[Curve](), list[Curve](), list[Spared]()
        for trial_id, history in self.histories.items():
            if history is judged:
                name = trial_id
            if history is judged or history.last_step is None:
                continue
            n_stopped += history.state == "stopped"
            if history.spared:
                spared.append(history.spared)
            if history.state == "finished":
                finished.append(history.curve)
            elif history.state != "failed":
                unfinished.append(history.curve)
        return StudyView(DIRECTIONS[self.mode], finished, unfinished, name, n_stopped, spared)

    def audit(self) -> Audit:
        """What has come of the trials that would have been stopped and went on."""
        return self.core.audit(self.view())

    def incumbent(self) -> float | None:
        """Best value of the finished trials, None if there is none."""
        return self.view().incumbent(self.core.config.target)

    def __str__(self) -> str:
        stopped = [history for history in self.histories.values() if history.state == "stopped"]
        saved = sum(history.horizon - history.curve.cutoff for history in stopped)
        incumbent, shadow = self.incumbent(), ""
        if self.core.config.shadow:
            marked = sum(history.mark is not None for history in self.histories.values())
            shadow = f"{marked} would have been in shadow mode, "
        return (
            f"{len(stopped)} of {len(self.histories)} trials stopped, {shadow}"
            f"{saved:g} steps of {self.time_attr} saved, "
            f"incumbent {'not known yet' if incumbent is None else f'{incumbent:.4g}'}, "
            f"{self.n_unusable} results without a finite value, {self.audit()}"
        )

    def _history(self, trial: Trial) -> History:
        if trial.trial_id not in self.histories:
            self.histories[trial.trial_id] = History(self.core.config.horizon, trial.evaluated_params)
        return self.histories[trial.trial_id]

    def _write_stopped(self, trial: Trial, step: float, reason: str) -> None:
        write_stopped(trial, step, reason, self.core.config.model_dump())

    def _count_unusable(self, trial: Trial, cause: str) -> None:
        self.n_unusable += 1
        if cause not in self._warned:
            self._warned.add(cause)
            logger.warning("trial %s has reported no finite value: %s", trial.trial_id, cause)
