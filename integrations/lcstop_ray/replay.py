"""Ray Tune's own schedulers in a replay: the real classes, between a light controller and light trials.

The controller does what Ray's does with them: it announces up to 16 trials ahead, as Tune does for a random
search, lets the scheduler choose what a free worker runs, and tells it of every result and every end. One
thing is simpler: what the scheduler chooses runs at once, where Ray's queue of actors may delay it.

Left out: schedulers that change a trial instead of stopping it (population based training, resources), the
pair of HyperBand and BOHB, which draws new configurations and so cannot be replayed, and several brackets of
ASHA, which it draws from numpy's global random state.
"""

from __future__ import annotations

import itertools
import logging
from typing import Any

import ray
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    TrialScheduler,
)

from lcstop.benchmark.settings import RuleSource, Setting, share
from lcstop.simulation.loop import Action, Policy
from lcstop.simulation.task import ReplayStudy

_STEPS = ("grace_period", "max_t", "min_time_slice")
"""Options that count steps."""

_AHEAD = 16
"""Trials that Tune announces before they can run, at least, whatever the size of the cluster."""

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
    # Its grace period is 60 by default, which is meant for seconds; in epochs a user has to choose one.
    Setting("ray", "median", {"grace_period": "10%"}, default=True),
    Setting("ray", "median", {"grace_period": "25%"}),
)


def build(setting: Setting, study: ReplayStudy) -> Policy:
    """A policy for one replay; ``max_t`` is the horizon, as any user has to set it.

    Raises:
        ValueError: If the rule or one of its options is unknown.
    """
    horizon, mode = study.task.horizon, "max" if study.task.direction == "maximize" else "min"
    options = {
        name: share(value, horizon) if name in _STEPS else value for name, value in setting.options.items()
    }
    kinds: dict[str, type[Any]] = {
        "asha": AsyncHyperBandScheduler,
        "hyperband": HyperBandScheduler,
        "median": MedianStoppingRule,
    }
    if setting.rule != "median":
        options.setdefault("max_t", horizon)
    # It tells of every bracket that is too small for a task; the search goes on without it.
    logging.getLogger("ray.tune.schedulers.hyperband").setLevel(logging.WARNING)
    try:
        scheduler = kinds[setting.rule](time_attr="training_iteration", metric="metric", mode=mode, **options)
    except (TypeError, KeyError, AssertionError) as error:
        raise ValueError(f"{setting.name!r} is no setting of a Ray scheduler: {error}") from error
    return RayPolicy(scheduler, study.task.n_trials)


def fingerprint(setting: Setting) -> str:
    """What decisions depend on."""
    return f"{setting.name} {ray.__version__}"


RULES = RuleSource("ray", SETTINGS, build, fingerprint)


class RayPolicy:
    """A scheduler between a controller and trials that only look like Ray's to it."""

    def __init__(self, scheduler: TrialScheduler, n_trials: int) -> None:
        self.dropped: list[int] = []
        self._scheduler = scheduler
        self._announced = iter([LightTrial(number) for number in range(n_trials)])
        self._trials: dict[int, LightTrial] = {}
        self._results: dict[int, dict[str, Any]] = {}

    def next(self) -> int | None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        waiting = sum(trial.status == Trial.PENDING for trial in self._trials.values())
        for trial in itertools.islice(self._announced, _AHEAD - waiting):
            self._trials[trial.number] = trial
            self._scheduler.on_trial_add(self, trial)  # type: ignore[arg-type]
        chosen: Any = self._scheduler.choose_trial_to_run(self)  # type: ignore[arg-type]
        if chosen is None:
            # Ray starts every pending trial for which there is room, chosen or not.
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

    def _complete(self, trial: Any) -> None:
        self._scheduler.on_trial_complete(self, trial, self._results[trial.number])  # type: ignore[arg-type]
        self._forget(trial)

    def _forget(self, trial: LightTrial) -> None:
        trial.status = Trial.TERMINATED
        del self._trials[trial.number]
        self._results.pop(trial.number, None)

    # What schedulers ask of Ray's controller.

    def get_trials(self) -> list[LightTrial]:
        """The trials that are not over, in the order in which they were announced."""
        return list(self._trials.values())

    def get_live_trials(self) -> list[LightTrial]:
        """The same: schedulers only look for trials that could run."""
        return self.get_trials()

    def stop_trial(self, trial: Any) -> None:
        """Stop a trial that waits."""
        if trial.number in self._trials:
            self._scheduler.on_trial_remove(self, trial)  # type: ignore[arg-type]
            self.dropped.append(trial.number)
            self._forget(trial)


class LightTrial:
    """What schedulers read of a trial; a real one takes a hundred times as long to make."""

    __slots__ = ("is_saving", "number", "status", "trial_id")

    def __init__(self, number: int) -> None:
        self.number = number
        self.trial_id = f"{number:08x}"
        self.status = Trial.PENDING
        self.is_saving = False
