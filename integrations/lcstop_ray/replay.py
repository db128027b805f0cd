"""Ray Tune's own schedulers in a replay: the real classes, with a light controller and light trials.

The controller calls a scheduler as Ray's does. It adds up to 16 pending trials, as Tune does for a random
search, lets the scheduler choose the trial for a free worker, and passes every result and every end. One
thing is simpler: the chosen trial runs at once, while Ray's queue of actors may delay it.

Left out are schedulers that change a trial instead of stopping it (population based training, resources),
BOHB, which draws new configurations and so cannot be replayed, and ASHA with several brackets, which it
draws from numpy's global random state.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from typing import Any

import ray
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from lcstop.benchmark.settings import RuleSource, Setting, to_steps
from lcstop.simulation.loop import Action, Policy
from lcstop.simulation.task import ReplayStudy, Task

_STEPS = ("grace_period", "max_t", "min_time_slice")
"""Options that count steps."""

_MAX_PENDING = 16
"""Pending trials that Tune adds in a random search before they can run, at least, for any cluster."""

_ACTIONS = {
    TrialScheduler.CONTINUE: Action.GO,
    TrialScheduler.STOP: Action.STOP,
    TrialScheduler.PAUSE: Action.PAUSE,
}

SETTINGS = (
    Setting("ray", "asha", default=True),
    *(
        Setting("ray", "asha", {"reduction_factor": factor, "grace_period": grace})
        for factor in (2, 3, 4)
        for grace in (1, "4%", "8%", "16%")
        if (factor, grace) != (4, 1)  # the defaults
    ),
    Setting("ray", "hyperband", default=True),
    *(Setting("ray", "hyperband", {"reduction_factor": factor}) for factor in (2, 4)),
    # The default grace period is 60, for a time in seconds. In epochs, users must choose one.
    Setting("ray", "median", {"grace_period": "10%"}, default=True),
    Setting("ray", "median", {"grace_period": "25%"}),
)


def build(setting: Setting, study: ReplayStudy) -> Policy:
    """The policy of one replay.

    Raises:
        ValueError: If the rule or one of its options is unknown.
    """
    trials = (LightTrial(number) for number in range(study.task.n_trials))
    return RayPolicy(scheduler_of(setting, study.task), trials)


def scheduler_of(setting: Setting, task: Task) -> TrialScheduler:
    """A scheduler of Ray Tune for a task. ``max_t`` is the horizon.

    Raises:
        ValueError: If the rule or one of its options is unknown.
    """
    horizon, mode = task.horizon, "max" if task.direction == "maximize" else "min"
    options = {
        name: to_steps(value, horizon) if name in _STEPS else value for name, value in setting.options.items()
    }
    kinds: dict[str, type[Any]] = {
        "asha": AsyncHyperBandScheduler,
        "hyperband": HyperBandScheduler,
        "median": MedianStoppingRule,
    }
    if setting.rule != "median":
        options.setdefault("max_t", horizon)
    # HyperBand logs a line for every bracket that does not fit the task.
    logging.getLogger("ray.tune.schedulers.hyperband").setLevel(logging.WARNING)
    try:
        scheduler: TrialScheduler = kinds[setting.rule](
            time_attr="training_iteration", metric="metric", mode=mode, **options
        )
    except (TypeError, KeyError, AssertionError) as error:
        raise ValueError(f"{setting.name!r} is not a setting of a Ray scheduler: {error}") from error
    return scheduler


def fingerprint(setting: Setting) -> str:
    """Identifies the decisions of a setting: its name and the version of Ray."""
    return f"{setting.name} {ray.__version__}"


RULES = RuleSource("ray", SETTINGS, build, fingerprint)


class RayPolicy:
    """A scheduler with a controller and trials that stand in for Ray's.

    Args:
        scheduler: The scheduler.
        new_trials: The trials, in the order in which they are added.
        max_pending: Number of pending trials up to which trials are added before they can run.
    """

    def __init__(
        self, scheduler: TrialScheduler, new_trials: Iterator[Any], max_pending: int = _MAX_PENDING
    ) -> None:
        self.dropped: list[int] = []
        self._scheduler = scheduler
        self._new_trials, self._max_pending = new_trials, max_pending
        self._trials: dict[int, Any] = {}
        self._results: dict[int, dict[str, Any]] = {}

    def next(self) -> int | None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        n_pending = sum(trial.status == Trial.PENDING for trial in self._trials.values())
        for trial in itertools.islice(self._new_trials, self._max_pending - n_pending):
            self._trials[trial.number] = trial
            self._scheduler.on_trial_add(self, trial)  # type: ignore[arg-type]
        chosen: Any = self._scheduler.choose_trial_to_run(self)  # type: ignore[arg-type]
        if chosen is None:
            # Ray starts every pending trial for which there are resources, chosen or not.
            chosen = next((t for t in self._trials.values() if t.status == Trial.PENDING), None)
        if chosen is None:
            return None
        chosen.status = Trial.RUNNING
        number: int = chosen.number
        return number

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        result = {"training_iteration": step, "metric": value}
        self._results[trial] = result
        light: Any = self._trials[trial]
        action = _ACTIONS[self._scheduler.on_trial_result(self, light, result)]  # type: ignore[arg-type]
        if action is Action.STOP:
            self._complete(light)
        elif action is Action.PAUSE:
            light.status = Trial.PAUSED
        return action

    def end(self, trial: int) -> None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        if trial in self._trials:
            self._complete(self._trials[trial])

    def fail(self, trial: int) -> None:
        """End a trial that has raised an error."""
        failed = self._trials[trial]
        self._scheduler.on_trial_error(self, failed)  # type: ignore[arg-type]
        self._forget(failed)

    def _complete(self, trial: Any) -> None:
        self._scheduler.on_trial_complete(self, trial, self._results[trial.number])  # type: ignore[arg-type]
        self._forget(trial)

    def _forget(self, trial: Any) -> None:
        trial.status = Trial.TERMINATED
        del self._trials[trial.number]
        self._results.pop(trial.number, None)

    # The methods of Ray's controller that schedulers call.

    def get_trials(self) -> list[Any]:
        """The trials that have not ended, in the order in which they were added."""
        return list(self._trials.values())

    def get_live_trials(self) -> list[Any]:
        """The same trials: schedulers only look for those that can run."""
        return self.get_trials()

    def stop_trial(self, trial: Any) -> None:
        """Stop a paused or pending trial."""
        if trial.number in self._trials:
            self._scheduler.on_trial_remove(self, trial)  # type: ignore[arg-type]
            self.dropped.append(trial.number)
            self._forget(trial)


class LightTrial:
    """The attributes of a trial that schedulers read. Real trials take a hundred times as long to create."""

    __slots__ = ("is_saving", "number", "status", "trial_id")

    def __init__(self, number: int) -> None:
        self.number = number
        self.trial_id = f"{number:08x}"
        self.status = Trial.PENDING
        self.is_saving = False
