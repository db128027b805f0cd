"""Optuna's own pruners in a replay: the real classes, on a real study whose storage is a list.

Two pruners are left out. ``WilcoxonPruner`` treats reports as samples of problem instances, not as a curve.
``ThresholdPruner`` needs bounds in the metric's units, which a user would have to choose before the study.
``PatientPruner`` is included alone and around the median rule.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Container
from typing import Any

import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lcstop.benchmark.settings import RuleSource, Setting, interval, to_steps
from lcstop.simulation.loop import Action, Policy, SequentialPolicy
from lcstop.simulation.task import ReplayStudy

_STEPS = ("n_warmup_steps", "min_resource", "max_resource", "interval_steps", "patience")
"""Options that count steps."""

SETTINGS = (
    Setting("optuna", "median", default=True),
    *(
        Setting("optuna", "median", {"n_startup_trials": startup, "n_warmup_steps": warmup})
        for startup, warmup in ((1, "5%"), (5, "10%"), (5, "25%"))
    ),
    *(
        Setting("optuna", "percentile", {"percentile": float(percentile), "n_warmup_steps": warmup})
        for percentile, warmup in ((10, "10%"), (25, "5%"), (25, "10%"), (25, "25%"), (75, "5%"))
    ),
    Setting("optuna", "sha", default=True),
    *(
        Setting("optuna", "sha", {"reduction_factor": factor, "min_resource": first})
        for factor in (2, 3, 4)
        for first in (1, "4%", "8%", "16%")
    ),
    Setting("optuna", "hyperband", default=True),
    *(
        Setting(
            "optuna",
            "hyperband",
            {"reduction_factor": factor, "min_resource": first, "max_resource": "100%"},
        )
        for factor, first in ((2, 1), (2, "8%"), (3, "8%"), (4, 1))
    ),
    *(Setting("optuna", "patient", {"patience": patience}) for patience in ("5%", "10%", "20%")),
    Setting("optuna", "patient-median", {"patience": "5%"}),
)


def build(setting: Setting, study: ReplayStudy) -> Policy:
    """The policy of one replay.

    Raises:
        ValueError: If the rule or one of its options is unknown.
    """
    return OptunaPolicy(pruner_of(setting, study.task.horizon), study)


def pruner_of(setting: Setting, horizon: int) -> BasePruner:
    """The pruner of a setting, for trials of ``horizon`` steps.

    Raises:
        ValueError: If the rule or one of its options is unknown.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return _pruner(setting, horizon)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{setting.name!r} is not a setting of an Optuna pruner: {error}") from error


def fingerprint(setting: Setting) -> str:
    """Identifies the decisions of a setting: its name and the version of Optuna."""
    return f"{setting.name} {optuna.__version__}"


RULES = RuleSource("optuna", SETTINGS, build, fingerprint)


def _pruner(setting: Setting, horizon: int) -> BasePruner:
    options = {
        name: to_steps(value, horizon) if name in _STEPS else value for name, value in setting.options.items()
    }
    if setting.options and setting.rule in ("median", "percentile"):
        options.setdefault("interval_steps", interval(horizon))
    if setting.rule == "patient":
        return PatientPruner(None, **options)
    if setting.rule == "patient-median":
        return PatientPruner(MedianPruner(), **options)
    kinds: dict[str, type[Any]] = {
        "median": MedianPruner,
        "percentile": PercentilePruner,
        "sha": SuccessiveHalvingPruner,
        "hyperband": HyperbandPruner,
    }
    pruner: BasePruner = kinds[setting.rule](**options)
    return pruner


class OptunaPolicy(SequentialPolicy):
    """A pruner in a study. It is called as ``Trial.should_prune`` calls it. Steps are counted from 1."""

    def __init__(self, pruner: BasePruner, study: ReplayStudy) -> None:
        super().__init__(study.task.n_trials)
        maximize = study.task.direction == "maximize"
        self._storage = ListStorage(StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE)
        self._pruner = pruner
        self._study = optuna.study.Study(
            study.name,
            self._storage,  # type: ignore[arg-type]
            optuna.samplers.RandomSampler(seed=0),
            pruner,
        )

    def next(self) -> int | None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        trial = super().next()
        if trial is not None:
            self._storage.start(trial)
        return trial

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        frozen = self._storage.trials[trial]
        frozen.intermediate_values[step] = value
        if not self._pruner.prune(self._study, frozen):
            return Action.GO
        self._storage.end(trial, TrialState.PRUNED)
        return Action.STOP

    def end(self, trial: int) -> None:
        """End a trial as if its objective had returned the last value. NaN fails it, as in Optuna."""
        frozen = self._storage.trials[trial]
        if frozen.state == TrialState.RUNNING:
            value = frozen.intermediate_values[max(frozen.intermediate_values)]
            self._storage.end(trial, TrialState.FAIL if math.isnan(value) else TrialState.COMPLETE, value)


class ListStorage:
    """The part of a storage that pruners use, without its locks, checks and copies, which are slow.

    A pruner may keep a list of trials while it sets an attribute of one of them. As in Optuna's storages,
    the list then still holds the trial without the new attribute.
    """

    def __init__(self, direction: StudyDirection) -> None:
        self.trials: list[FrozenTrial] = []
        self._complete: list[FrozenTrial] = []
        self._direction = direction

    def start(self, number: int) -> None:
        """Add a running trial. Numbers must come in order."""
        self.trials.append(
            FrozenTrial(
                number=number,
                state=TrialState.RUNNING,
                value=None,
                datetime_start=None,
                datetime_complete=None,
                params={},
                distributions={},
                user_attrs={},
                system_attrs={},
                intermediate_values={},
                trial_id=number,
            )
        )

    def end(self, number: int, state: TrialState, value: float | None = None) -> None:
        """End a trial."""
        trial = self.trials[number]
        trial.state = state
        if state == TrialState.COMPLETE:
            trial.values = [value]
            self._complete.append(trial)
            self._complete.sort(key=lambda complete: complete.number)

    def get_study_id_from_name(self, study_name: str) -> int:
        """As Optuna's storages."""
        return 0

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """As Optuna's storages."""
        return [self._direction]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """As Optuna's storages, but the list is not copied: no pruner of this module changes it."""
        if states == (TrialState.COMPLETE,):
            return self._complete
        if states is None:
            return list(self.trials)
        return [trial for trial in self.trials if trial.state in states]

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """As Optuna's storages."""
        trial = copy.copy(self.trials[trial_id])
        trial.system_attrs = {**trial.system_attrs, key: value}
        self.trials[trial_id] = trial
