"""Trials that wait in real Ray Tune searches, with checkpoints."""

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import ray
from ray.tune.schedulers import ResourceChangingScheduler

from lcstop_ray import LCPFNScheduler, Summary, read_folder, summary
from tests.lcstop_ray.pausing_worker import TOPS, Class, H, epochs_of, function, tuner_of


@pytest.fixture(scope="module")
def cluster():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            "local", num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False
        )
        yield
        ray.shutdown()


@pytest.mark.parametrize(
    ("trainable", "options"),
    [
        (function, {}),
        pytest.param(function, {"reuse_actors": True}, marks=pytest.mark.slow),
        pytest.param(Class, {}, marks=pytest.mark.slow),
        pytest.param(function, {"max_concurrent_trials": 3}, marks=pytest.mark.slow),
    ],
)
def test_trials_wait_and_go_on_and_nothing_is_trained_twice(cluster, tmp_path, capsys, trainable, options):
    scheduler = LCPFNScheduler(pause=True, keep=0.7)
    tuner = tuner_of(trainable, scheduler, tmp_path, **options)
    tuner._local_tuner._run_config.callbacks = [Summary()]
    results = tuner.fit()
    assert results.num_errors == 0
    assert set(epochs_of(tmp_path).values()) == {1}
    best = results.get_best_result()
    assert (best.config["top"], best.metrics["training_iteration"]) == (0.92, H)
    states = [history.state for history in scheduler._search.histories.values()]
    assert len(states) == len(TOPS)
    assert set(states) == {"finished", "stopped"}
    found = summary(results)
    assert found.n_waited >= 4
    assert 1 <= found.n_resumed <= found.n_waited
    study = read_folder(tmp_path / "search")
    assert not study.notes
    assert [trial.state for trial in study.trials].count("stopped") == states.count("stopped")
    assert states.count("stopped") == len(scheduler.stops)
    shown = capsys.readouterr().out
    assert all(decision.reason in shown for decision in scheduler.stops.values())


@pytest.mark.slow
def test_a_trial_that_is_given_other_resources_goes_on(cluster, tmp_path):
    base = LCPFNScheduler(pause=True)
    results = tuner_of(function, ResourceChangingScheduler(base), tmp_path).fit()
    assert results.num_errors == 0
    assert set(epochs_of(tmp_path).values()) == {1}
    assert {history.state for history in base._search.histories.values()} == {"finished", "stopped"}


@pytest.mark.slow
@pytest.mark.timeout(2500)
@pytest.mark.parametrize(("kill_at", "repeats"), [("4", "1"), ("30", "6")])
def test_a_driver_that_is_killed_while_trials_wait(tmp_path, kill_at, repeats):
    def drive(action: str, **environment: str) -> int:
        command = [sys.executable, "-m", "tests.lcstop_ray.pausing_worker", str(tmp_path), action]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "REPEATS": repeats} | environment
        done = subprocess.run(  # noqa: S603
            command, env=environment, cwd=Path(__file__).parents[2], timeout=1200, check=False
        )
        return done.returncode

    assert drive("fit", KILL_AT=kill_at) == -signal.SIGKILL
    before = epochs_of(tmp_path)
    assert drive("restore") == 0
    outcome = json.loads((tmp_path / "outcome.json").read_text())
    assert outcome["errors"] == 0
    assert len(outcome["states"]) == len(TOPS) * int(repeats)
    assert set(outcome["states"].values()) == {"finished", "stopped"}
    assert (outcome["best"], outcome["steps"]) == (0.92, H)
    # Two trials were running: each may train the epochs since its last stored checkpoint again.
    again = [epoch for epoch, n in epochs_of(tmp_path).items() if n > 1]
    assert len({epoch.split()[0] for epoch in again}) <= 2
    assert set(again) <= set(before)
