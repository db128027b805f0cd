"""A replay calls Ray's schedulers as Ray Tune does."""

import os
import warnings

import numpy as np
import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler

import lcstop_ray.replay as ray_replay
from lcstop.benchmark.settings import Setting
from lcstop.simulation.loop import Action, replay
from lcstop.simulation.task import ReplayStudy
from lcstop_ray.replay import SETTINGS, LightTrial
from tests.benchmark.rule_sources import build, parse
from tests.lcstop_optuna.test_replay import Recorder, with_nan
from tests.simulation.replay_tasks import given, random_task


def study_of(task) -> ReplayStudy:
    return ReplayStudy(task, task.order(0).tolist(), "best", "study")


class RealTrial(Trial):
    """A real trial of Ray, in place of a light one."""

    def __init__(self, number):
        super().__init__("trainable", trial_id=f"{number:08x}", stub=True)
        self.number = number


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_light_trials_are_treated_like_real_ones(setting, monkeypatch):
    for seed, direction, workers in ((0, "maximize", 1), (1, "minimize", 3)):
        task = with_nan(random_task(n_trials=30, n_steps=10, seed=seed, direction=direction))
        said = []
        for kind in (LightTrial, RealTrial):
            monkeypatch.setattr(ray_replay, "LightTrial", kind)
            policy = Recorder(build(setting, study_of(task)))
            outcome = replay(task, 0, 0, policy, workers, 200)
            said.append((policy.said, outcome.best, outcome.killed))
        assert said[0] == said[1]


def test_hyperband_pauses_trials_and_ends_each_bracket():
    task = random_task(n_trials=40, n_steps=27)
    policy = Recorder(build(Setting("ray", "hyperband"), study_of(task)))
    outcome = replay(task, 0, 0, policy, 1, 100_000)
    paused = {trial for trial, _, action in policy.said if action is Action.PAUSE}
    assert len(paused) > 10
    ran = {}
    for trial, step, _ in policy.said:
        ran[trial] = ran.get(trial, 0) + 1
        assert step == ran[trial]  # a paused trial resumes at its next step
    # max_t = 27, eta = 3: the 4 trials of the first bracket run to 27; the next has 6, of which 2 pass 9.
    assert [ran[trial] for trial in range(4)] == [27] * 4
    assert sorted(ran[trial] for trial in range(4, 10)) == [9, 9, 9, 9, 27, 27]
    assert outcome.killed == sum(n < 27 for n in ran.values())


def test_the_median_rule_yields_while_it_has_too_few_trials():
    task = random_task(n_trials=30, n_steps=10)
    policy = Recorder(build(Setting("ray", "median", {"grace_period": 3}), study_of(task)))
    replay(task, 0, 0, policy, 1, 200)
    assert (0, 3, Action.PAUSE) in policy.said


def test_asha_stops_nothing_that_reports_nan():
    task = given([[0.5, 0.6, 0.7]] * 3 + [[np.nan] * 3] + [[0.1, 0.2, 0.3]], lengths=[3] * 5)
    outcome = replay(task, 0, 0, build(Setting("ray", "asha"), study_of(task)), 1, 100)
    assert (outcome.epochs, outcome.killed) == (3 * 4 + 1, 1)


def test_defaults_have_the_horizon_of_the_task():
    assert [s.name for s in parse(["ray"], grid=False)] == [
        "ray.asha", "ray.hyperband", "ray.median:grace_period=10%"
    ]  # fmt: skip
    policy = build(Setting("ray", "asha"), study_of(random_task(n_steps=50)))
    assert policy._scheduler._max_t == 50


@pytest.mark.parametrize(
    "setting",
    [Setting("ray", "asha", {"eta": 3}), Setting("ray", "pbt"), Setting("ray", "asha", {"grace_period": 99})],
    ids=lambda s: s.name,
)
def test_an_unknown_rule_or_option_says_so(setting):
    with pytest.raises(ValueError, match="is not a setting of a Ray scheduler"):
        build(setting, study_of(random_task()))


def trainable(config):
    from ray import tune

    for value in config["values"]:
        tune.report({"metric": value})


@pytest.mark.slow
def test_a_real_search_ends_its_trials_where_the_replay_does(tmp_path):
    import ray
    from ray import tune

    task = random_task(n_trials=24, n_steps=16)
    order = task.order(0).tolist()
    policy = Recorder(build(Setting("ray", "asha"), study_of(task)))
    replay(task, 0, 0, policy, 1, 100_000)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init("local", num_cpus=1, include_dashboard=False, object_store_memory=100_000_000)
        try:
            tuner = tune.Tuner(
                trainable,
                param_space={"values": tune.grid_search([task.values[row].tolist() for row in order])},
                tune_config=tune.TuneConfig(
                    scheduler=ASHAScheduler(max_t=16), metric="metric", mode="max", reuse_actors=True
                ),
                run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
            )
            ran = [result.metrics["training_iteration"] for result in tuner.fit()]
        finally:
            ray.shutdown()
    assert ran == [max(step for trial, step, _ in policy.said if trial == i) for i in range(24)]
