"""Reference policies: no stopping, a clairvoyant one, patience, and promotion by values."""

from __future__ import annotations

import math

from lcstop.benchmark.promotion import Promotion
from lcstop.benchmark.settings import LIMITS, RuleSource, Setting, to_steps
from lcstop.simulation.loop import Action, Policy, SequentialPolicy
from lcstop.simulation.task import ReplayStudy, Task

SETTINGS = (
    Setting(LIMITS, "none", default=True),
    Setting(LIMITS, "clairvoyant", default=True, by_target=True),
    *(Setting(LIMITS, "patience", {"epochs": epochs}) for epochs in ("5%", "10%", "20%")),
    Setting(LIMITS, "promotion", {"first": 0.08, "reduction_factor": 4}),
)


def build(setting: Setting, study: ReplayStudy) -> Policy:
    """A policy for one replay.

    Raises:
        ValueError: If the rule or one of its options is unknown.
    """
    if setting.rule == "patience" and set(setting.options) == {"epochs"}:
        return Patience(study.task, to_steps(setting.options["epochs"], study.task.horizon))
    if setting.rule == "promotion" and set(setting.options) == {"first", "reduction_factor"}:
        return Promotion(
            study.task, float(setting.options["first"]), float(setting.options["reduction_factor"])
        )
    if setting.rule == "none" and not setting.options:
        return NoStopping(study.task.n_trials)
    if setting.rule == "clairvoyant" and not setting.options:
        return Clairvoyant(study)
    raise ValueError(
        "limits are none, clairvoyant, patience:epochs=... and promotion:first=...:"
        f"reduction_factor=..., got {setting.name!r}"
    )


def fingerprint(setting: Setting) -> str:
    """Everything that decisions depend on: the name."""
    return setting.name


RULES = RuleSource(LIMITS, SETTINGS, build, fingerprint)


class NoStopping(SequentialPolicy):
    """Every trial runs to its end."""

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        return Action.GO


class Clairvoyant(SequentialPolicy):
    """Stops a trial, after its first report, if it will not improve on the best value so far.

    It uses the future values of the trial, so it is an upper bound for other policies.
    """

    def __init__(self, study: ReplayStudy) -> None:
        super().__init__(study.task.n_trials)
        self._task, self._order = study.task, study.order
        self._final = study.target == "final"
        self._best = -math.inf

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        task, row = self._task, self._order[trial]
        if self._final:
            will_win = task.final_gains[row] > self._best
        else:
            self._best = max(self._best, task.gains[row, step - 1])
            will_win = task.later_best[row, step] > self._best
        return Action.GO if will_win else Action.STOP

    def end(self, trial: int) -> None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        if self._final:
            self._best = max(self._best, self._task.final_gains[self._order[trial]])


class Patience(SequentialPolicy):
    """Stops a trial that has not improved on its own best value for ``epochs`` epochs."""

    def __init__(self, task: Task, epochs: int) -> None:
        super().__init__(task.n_trials)
        self._epochs = epochs
        self._sign = 1.0 if task.direction == "maximize" else -1.0
        self._best: dict[int, tuple[float, int]] = {}

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        best, since = self._best.get(trial, (-math.inf, 0))
        if math.isfinite(value) and self._sign * value > best:
            best, since = self._sign * value, step
        self._best[trial] = best, since
        return Action.STOP if step - since >= self._epochs else Action.GO
