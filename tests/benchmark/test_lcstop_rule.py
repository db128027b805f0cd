"""The policy of ``lcstop`` in a replay decides as the adapters do in live studies."""

import json
import math

import numpy as np
import optuna
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore
from lcstop.benchmark import lcstop_rule as ours
from lcstop.benchmark.lcstop_rule import build, fingerprint
from lcstop.benchmark.settings import Setting
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import Action, replay
from lcstop.simulation.task import ReplayStudy, Task
from lcstop_optuna import LCPFNPruner
from tests.benchmark.rule_sources import parse
from tests.lcstop_optuna.test_replay import RealStudy, Recorder, with_nan
from tests.simulation.replay_tasks import given, random_task

optuna.logging.set_verbosity(optuna.logging.ERROR)


def study_of(task, target="best") -> ReplayStudy:
    return ReplayStudy(task, task.order(0).tolist(), target, "study")


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("rule", ["study", "published"])
def test_it_decides_as_the_pruner_does_in_a_real_study(surrogate, workers, direction, rule):
    task = with_nan(random_task(n_trials=30, n_steps=10, direction=direction))
    dial = {"keep": 0.8} if rule == "study" else {"confidence": 0.9}
    config = PrunerConfig(horizon=10, policy=rule, **dial)
    pruner = LCPFNPruner(horizon=10, policy=rule, **dial)
    pruner._core = PrunerCore(config, surrogate)
    policies = [
        Recorder(CorePolicy(PrunerCore(config, surrogate), study_of(task))),
        Recorder(RealStudy(pruner, study_of(task))),
    ]
    outcomes = [replay(task, 0, 0, policy, workers, 200) for policy in policies]
    assert policies[0].said == policies[1].said
    assert outcomes[0].killed > 5


class Spy(PrunerCore):
    def __init__(self, config):
        super().__init__(config)
        self.seen = []

    def answer(self, question, study):
        self.seen.append((question.trial, study))
        return super().answer(question, study)


def test_it_hands_over_curves_and_hyperparameters():
    task = given(
        [[0.1, 0.2, 0.3], [0.4, 0.5, math.nan], [0.2, 0.2, 0.2]],
        lengths=[3, 3, 3],
        params=({"lr": 1}, {"lr": 2}, {"lr": 3}),
    )
    core = Spy(PrunerConfig(horizon=3, n_startup_trials=99))
    replay(task, 0, 0, CorePolicy(core, study_of(task)), 1, 9)
    trial, study = core.seen[-1]
    assert isinstance(trial, Curve)
    assert (trial.steps.tolist(), trial.values.tolist()) == ([1, 2], [0.2, 0.2])  # at 3 nothing is due
    assert (trial.horizon, trial.params) == (3, {"lr": 3})
    # The second trial ended with NaN. It has failed and is left out, as in Optuna.
    assert [curve.params for curve in study.finished] == [{"lr": 1}]
    assert list(study.unfinished) == []


def test_trials_that_run_or_were_stopped_are_unfinished():
    task = random_task(n_trials=9, n_steps=6)
    core = Spy(PrunerConfig(horizon=6, n_startup_trials=99, diverged_after=1))
    task.values[task.order(0)[1]] = np.nan
    replay(task, 0, 0, CorePolicy(core, study_of(task)), 3, 99)
    _, study = core.seen[-1]
    assert len(study.finished) + len(study.unfinished) == 8
    assert sorted(len(curve) for curve in study.unfinished)[0] == 2  # min_steps


def test_a_trial_of_a_planned_length_is_told_it(surrogate, monkeypatch):
    monkeypatch.setattr(ours, "loaded", lambda spec: surrogate)
    values = np.array(
        [[0.1, 0.2, 0.3, 0.4], [0.4, 0.5, math.nan, math.nan], [0.2, math.nan, math.nan, math.nan]]
    )
    task = Task("tests", "planned", "maximize", values, np.array([4, 2, 2]), None, np.array([4.0, 2.0, 3.0]))
    horizons = {}
    for word in ("lcstop", "lcstop:horizon=longest"):
        (setting,) = parse([word], grid=False)
        policy = build(setting, study_of(task))
        replay(task, 0, 0, policy, 1, 99)
        horizons[word] = sorted(curve.horizon for curve in policy._ended.values())
    assert horizons == {"lcstop": [2, 3, 4], "lcstop:horizon=longest": [4, 4, 4]}
    with pytest.raises(ValueError, match="horizon must be 'longest' or left out, got 50"):
        build(Setting("lcstop", "", {"horizon": 50}), study_of(task))
    assert fingerprint(Setting("lcstop")) != fingerprint(Setting("lcstop", "", {"horizon": "longest"}))


def test_options_come_from_words_and_files(tmp_path, surrogate, monkeypatch):
    monkeypatch.setattr(ours, "loaded", lambda spec: surrogate)
    path = tmp_path / "pruner.yaml"
    path.write_text("horizon: 99\nkeep: 0.8\npatience: 2\n")
    task = random_task(n_steps=200)
    (setting,) = parse([f"lcstop:config={path}:patience=3"], grid=True)
    config = build(setting, study_of(task, "final"))._core.config
    assert (config.horizon, config.target) == (200, "final")  # from the study, not from the file
    assert (config.keep, config.patience, config.interval_steps) == (0.8, 3, 5)
    config = build(Setting("lcstop", "", {"interval_steps": 2}), study_of(task))._core.config
    assert config.interval_steps == 2


def test_the_fingerprint_knows_options_and_contents(tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "surrogate_print", lambda spec: spec)
    path = tmp_path / "pruner.yaml"
    setting = Setting("lcstop", "", {"config": str(path)})
    path.write_text("horizon: 99\nkeep: 0.8\n")
    before = fingerprint(setting)
    path.write_text("horizon: 99\nkeep: 0.9\n")
    assert fingerprint(setting) != before
    assert "lcpfn:w.safetensors" in fingerprint(Setting("lcstop", "", {"weights": "w.safetensors"}))


def test_the_fingerprint_knows_the_code_that_decides(monkeypatch):
    setting = Setting("lcstop", "", {"surrogate": "last_value"})
    before = json.loads(fingerprint(setting))
    assert any("lcpfn" in part for part in before if isinstance(part, str))  # it decides in any case
    monkeypatch.setattr(ours, "_decider_print", lambda: "other code")
    assert json.loads(fingerprint(setting)) != before


@pytest.mark.parametrize("options", [{"confidance": 0.9}, {"confidence": 2}])
def test_an_option_that_is_not_allowed_says_so(options, surrogate, monkeypatch):
    monkeypatch.setattr(ours, "loaded", lambda spec: surrogate)
    with pytest.raises(ValueError, match="confid"):
        build(Setting("lcstop", "", options), study_of(random_task()))


def test_a_better_trial_is_never_stopped_by_a_definite_forecast(surrogate):
    task = given([[0.5] * 6, [0.4] * 6, [0.9] * 6])
    policy = CorePolicy(PrunerCore(PrunerConfig(horizon=6, policy="published"), surrogate), study_of(task))
    recorder = Recorder(policy)
    outcome = replay(task, 0, 0, recorder, 1, 99)
    assert (outcome.killed, outcome.wrong_best) == (1, 0)
    assert [(trial, step) for trial, step, action in recorder.said if action is Action.STOP] == [(1, 2)]
