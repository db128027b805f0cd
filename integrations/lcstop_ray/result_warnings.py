"""ResultWarnings: warnings of results that a search cannot use, or whose steps are counted otherwise."""

from __future__ import annotations

import logging
import math

from lcstop_ray.history import History

logger = logging.getLogger("lcstop_ray")


class ResultWarnings:
    """Each warning is logged once in a search.

    Args:
        time_attr: Name of the result that counts the steps.
        metric: Name of the result to optimise.
        min_steps: The option.

    Attributes:
        n_unusable: Number of results without a finite value.
    """

    def __init__(self, time_attr: str, metric: str, min_steps: float) -> None:
        self.n_unusable = 0
        self._time_attr, self._metric, self._min_steps = time_attr, metric, min_steps
        self._logged: set[str] = set()
        self._tried_again: set[str] = set()

    def retry(self, trial_id: str) -> None:
        """A trial is tried again: that its steps start again, once, is no reason for a warning."""
        self._tried_again.add(trial_id)

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
        first, last, horizon = history.first_step, history.last_step, history.horizon
        if first is not None and last is not None and step <= first < last:
            if trial_id in self._tried_again:
                self._tried_again.discard(trial_id)
                return
            self.warn_once(
                f"steps of {self._time_attr!r} start again in one trial, and only reports since then count. "
                "If these are folds, count on (fold * epochs + epoch) and report the mean so far"
            )
        if last is not None and step > last >= horizon:
            self.warn_once(
                f"results come past horizon={horizon:g}, where no trial is stopped: "
                f"does horizon count steps of {self._time_attr!r}?"
            )
        if not step.is_integer() and self._min_steps >= horizon:
            self.warn_once(
                f"{self._time_attr!r} counts in fractions up to {horizon:g}, and no trial is stopped before "
                f"min_steps={self._min_steps:g}: pass min_steps and interval_steps as fractions, too"
            )
