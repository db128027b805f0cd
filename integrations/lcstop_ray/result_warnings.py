"""ResultWarnings: warnings of results that a search cannot use, or whose steps are counted otherwise."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from lcstop import PrunerConfig
from lcstop.pruning.study_checks import StudyChecks, WatchedTrial
from lcstop_ray.history import History
from lcstop_ray.results import DIRECTIONS

logger = logging.getLogger("lcstop_ray")


class ResultWarnings:
    """Each warning is logged once in a search.

    Args:
        time_attr: Name of the result that counts the steps.
        metric: Name of the result to optimise.
        mode: ``min`` or ``max``.
        config: The options.

    Attributes:
        n_unusable: Number of results without a finite value.
    """

    def __init__(self, time_attr: str, metric: str, mode: str, config: PrunerConfig) -> None:
        self.n_unusable = 0
        self._time_attr, self._metric, self._mode, self._config = time_attr, metric, mode, config
        self._checks = StudyChecks(config)
        self._n_results: dict[str, int] = {}
        self._logged: set[str] = set()
        self._tried_again: set[str] = set()

    def retry(self, trial_id: str) -> None:
        """A trial is tried again: that its steps start again, once, is no reason for a warning."""
        self._tried_again.add(trial_id)
        self._checks.restart(trial_id)
        self._n_results.pop(trial_id, None)

    def look(self, histories: Mapping[str, History]) -> None:
        """Look at the trials of a search of which one has finished. It never raises."""
        try:
            n_finished = sum(history.state == "finished" for history in histories.values())
            if not self._checks.due(n_finished):
                return
            trials = (
                WatchedTrial(history.curve, self._n_reports(trial_id, history), history.state == "finished")
                for trial_id, history in histories.items()
            )
            for message in self._checks.find(DIRECTIONS[self._mode], trials):
                logger.warning("%s", message)
        except Exception as error:
            logger.debug("the search was not looked at: %r", error)

    def _n_reports(self, trial_id: str, history: History) -> int:
        """Results of a trial; more than the points of its history where steps do not rise."""
        return max(len(history.steps), self._n_results.get(trial_id, 0))

    def warn_once(self, message: str) -> None:
        """Log a message, unless it was logged before."""
        if message not in self._logged:
            self._logged.add(message)
            logger.warning(message)

    def unusable(self, trial_id: str, cause: str) -> None:
        """A trial has reported no number."""
        self.n_unusable += 1
        if cause not in self._logged:
            self._logged.add(cause)
            logger.warning("trial %s has reported no finite value: %s", trial_id, cause)

    def check(self, trial_id: str, history: History, step: float, value: float) -> None:
        """Look at a result before it becomes part of the history of its trial."""
        if not math.isfinite(value):
            self.unusable(trial_id, f"{self._metric!r} is not finite")
        n = self._n_results[trial_id] = self._n_results.get(trial_id, 0) + 1
        if self._checks.falls(trial_id, n, step):
            logger.warning(
                "steps of %r do not rise in trial %s, so that its results are no learning curve: time_attr "
                "must name a result that counts the training done",
                self._time_attr,
                trial_id,
            )
        first, last, horizon = history.first_step, history.last_step, history.horizon
        if first is not None and last is not None and step <= first < last:
            if trial_id in self._tried_again:
                self._tried_again.discard(trial_id)
                return
            self.warn_once(
                f"steps of {self._time_attr!r} start again in one trial, and only reports since then count. "
                "If these are folds, count on (fold * epochs + epoch) and report the mean so far"
            )
        # One result past the horizon is normal: a loop may overshoot, or report its end twice.
        if last is not None and step > last > horizon:
            self.warn_once(
                f"results come past horizon={horizon:g}, where no trial is stopped: "
                f"does horizon count steps of {self._time_attr!r}?"
            )
        if not step.is_integer() and self._config.min_steps >= horizon:
            self.warn_once(
                f"{self._time_attr!r} counts in fractions up to {horizon:g}, and no trial is stopped before "
                f"min_steps={self._config.min_steps:g}: pass min_steps and interval_steps as fractions, too"
            )
