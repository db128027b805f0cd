"""Optuna's pruners in a replay decide as they do in a real study."""

import math

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from lcstop.benchmark.settings import Setting
from lcstop.simulation.loop import Action, SequentialPolicy, replay
from lcstop.simulation.task import ReplayStudy
from lcstop_optuna.replay import SETTINGS, OptunaPolicy, _pruner
from tests.benchmark.rule_sources import build, parse
from tests.simulation.replay_tasks import random_task

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Recorder:
    """Wraps a policy and records its actions."""

    def __init__(self, policy):
        self.policy, self.dropped, self.said = policy, policy.dropped, []
        self.next, self.end = policy.next, policy.end

    def report(self, trial, step, value):
        action = self.policy.report(trial, step, value)
        self.said.append((trial, step, action))
        return action


class RealStudy(SequentialPolicy):
    """A pruner in a real Optuna study, through the public interface."""

    def __init__(self, pruner, study):
        super().__init__(study.task.n_trials)
        self.study = optuna.create_study(study_name=study.name, direction=study.task.direction, pruner=pruner)
        self.trials = {}

    def next(self):
        number = super().next()
        if number is not None:
            self.trials[number] = self.study.ask()
        return number

    def report(self, trial, step, value):
        live = self.trials[trial]
        live.report(value, step)
        if not live.should_prune():
            return Action.GO
        self.study.tell(live, state=TrialState.PRUNED)
        return Action.STOP

    def end(self, trial):
        live = self.trials[trial]
        if self.study.trials[trial].state != TrialState.RUNNING:
            return
        value = self.study.trials[trial].intermediate_values[self.study.trials[trial].last_step]
        if math.isnan(value):
            self.study.tell(live, state=TrialState.FAIL)
        else:
            self.study.tell(live, value)


def with_nan(task):
    values = task.values.copy()
    values[3, 4:] = values[7, 0] = values[11, 2:6] = np.nan
    return type(task)(task.family, task.name, task.direction, values, task.lengths)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_every_setting_decides_as_in_a_real_study(setting):
    for seed, direction, workers in ((0, "maximize", 1), (1, "minimize", 3)):
        task = with_nan(random_task(n_trials=30, n_steps=10, seed=seed, direction=direction))
        study = ReplayStudy(task, task.order(0).tolist(), "best", f"study {seed}")
        light = Recorder(OptunaPolicy(_pruner(setting, task.horizon), study))
        real = Recorder(RealStudy(_pruner(setting, task.horizon), study))
        outcomes = [replay(task, 0, 0, policy, workers, 200) for policy in (light, real)]
        assert light.said == real.said
        assert outcomes[0].best == outcomes[1].best
        assert outcomes[0].killed == outcomes[1].killed


def test_the_settings_do_stop_trials():
    task = random_task(n_trials=60, n_steps=20)
    study = ReplayStudy(task, task.order(0).tolist(), "best", "study")
    killed = {s.name: replay(task, 0, 0, build(s, study), 1, 400).killed for s in SETTINGS}
    assert [name for name, n in killed.items() if n == 0] in ([], ["optuna.patient-median:patience=5%"])


def test_hyperband_assigns_brackets_by_the_name_of_the_study():
    task = random_task(n_trials=60, n_steps=20)
    (setting,) = (s for s in SETTINGS if s.rule == "hyperband" and s.default)
    said = []
    for name in ("a", "a", "b"):
        policy = Recorder(build(setting, ReplayStudy(task, task.order(0).tolist(), "best", name)))
        replay(task, 0, 0, policy, 1, 400)
        said.append(policy.said)
    assert said[0] == said[1] != said[2]


def test_defaults_are_optunas_own():
    assert {s.name for s in parse(["optuna"], grid=False)} == {
        "optuna.median", "optuna.sha", "optuna.hyperband"
    }  # fmt: skip
    pruner = _pruner(Setting("optuna", "median"), 400)
    assert (pruner._n_startup_trials, pruner._n_warmup_steps, pruner._interval_steps) == (5, 0, 1)


def test_steps_are_shares_of_the_horizon_and_judgements_about_40():
    pruner = _pruner(Setting("optuna", "median", {"n_warmup_steps": "10%"}), 400)
    assert (pruner._n_warmup_steps, pruner._interval_steps) == (40, 10)


@pytest.mark.parametrize(
    "setting", [Setting("optuna", "sha", {"eta": 3}), Setting("optuna", "wilcoxon")], ids=lambda s: s.name
)
def test_an_unknown_rule_or_option_says_so(setting):
    task = random_task()
    with pytest.raises(ValueError, match="is not a setting of an Optuna pruner"):
        build(setting, ReplayStudy(task, task.order(0).tolist(), "best", "study"))
