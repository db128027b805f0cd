"""LCPFNScheduler in real Ray Tune searches, some of which are killed and restored."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import ray
from optuna.trial import TrialState
from ray import tune
from ray.tune.result import DEFAULT_METRIC
from ray.tune.schedulers import ResourceChangingScheduler
from ray.tune.search.optuna import OptunaSearch

from lcstop_ray import LCPFNScheduler, Summary, read_folder, summary
from lcstop_ray.trial_files import read_record
from tests.lcstop_ray import ray_worker
from tests.lcstop_ray.ray_worker import TOPS, H


def best_possible(top: float) -> float:
    return ray_worker.accuracy(top, H)


# --- searches that run to their end, on one small cluster -------------------------------------------------


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(
            "local", num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False
        )
        yield
        ray.shutdown()


def anonymous(config) -> None:
    for epoch in range(1, H + 1):
        tune.report({DEFAULT_METRIC: ray_worker.accuracy(config["top"], epoch)})


def failing(config) -> None:
    """Fails once, at epoch 5 of the best trial, which restarts at 1 because there is no checkpoint."""
    for epoch in range(1, H + 1):
        if epoch == 5 and config["top"] == 0.92 and not (once := Path(config["folder"], "failed")).exists():
            once.touch()
            raise RuntimeError("once")
        tune.report({"accuracy": ray_worker.accuracy(config["top"], epoch)})


def fit(trainable, scheduler, folder, **tune_config) -> tune.ResultGrid:
    tuner = tune.Tuner(
        trainable,
        param_space={"top": tune.grid_search(TOPS[:5]), "folder": str(folder)},
        tune_config=tune.TuneConfig(scheduler=scheduler, max_concurrent_trials=1, **tune_config),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(folder),
            stop={"training_iteration": H},
            failure_config=tune.FailureConfig(max_failures=1),
        ),
    )
    return tuner.fit()


@pytest.mark.parametrize(
    ("trainable", "tune_config", "metric"),
    [
        (ray_worker.function, {"metric": "accuracy", "mode": "max", "reuse_actors": True}, "accuracy"),
        (ray_worker.Class, {"metric": "accuracy", "mode": "max"}, "accuracy"),
        (anonymous, {"mode": "max", "reuse_actors": True}, DEFAULT_METRIC),
    ],
)
def test_a_search_stops_what_cannot_win(
    cluster, surrogate, tmp_path, monkeypatch, trainable, tune_config, metric
):
    monkeypatch.setattr("lcstop.pruning.models.load_surrogate", lambda name: surrogate)
    scheduler = LCPFNScheduler(lower=0, upper=1, min_steps=3, keep=0.1)
    results = fit(trainable, scheduler, tmp_path, **tune_config)
    assert scheduler.config.n_trials == 5
    steps = {result.config["top"]: result.metrics["training_iteration"] for result in results}
    assert steps == {0.9: H, 0.1: 3, 0.5: 3, 0.92: H, 0.3: 3}
    assert scheduler.metric == metric
    assert scheduler._search.incumbent() == best_possible(0.92)
    for result in results:
        last = steps[result.config["top"]]
        assert read_record(Path(result.path)).state_at(last) == ("stopped" if last < H else "finished")
    assert "3 of 5 trials stopped, 15 steps of training_iteration saved" in scheduler.debug_string()
    recorded = read_folder(tmp_path / "search")
    assert not recorded.notes
    assert {trial.curve.params["top"]: trial.curve.cutoff for trial in recorded.trials} == steps
    reasons = {trial.name: trial.reason for trial in recorded.trials if trial.state == "stopped"}
    assert reasons == {name: decision.reason for name, decision in scheduler.stops.items()}
    assert {trial.state for trial in recorded.trials} == {"finished", "stopped"}
    assert recorded.options == scheduler.config.model_dump()


def fail_after_seconds(config) -> None:
    """One trial fails after four seconds; the other takes far longer."""
    for epoch in range(1, 1000):
        time.sleep(0.5 if config["fails"] else 0.1)
        if config["fails"] and epoch == 8:
            raise RuntimeError("at epoch 8")
        tune.report({"accuracy": 1 - 1 / epoch})


@pytest.mark.slow
def test_a_trial_that_ray_cuts_off_has_not_finished(cluster, tmp_path):
    """With fail_fast one failure ends all, without a call of the scheduler; so does a time budget."""
    scheduler = LCPFNScheduler(horizon=1000)
    tuner = tune.Tuner(
        fail_after_seconds,
        param_space={"fails": tune.grid_search([False, True])},
        tune_config=tune.TuneConfig(metric="accuracy", mode="max", scheduler=scheduler),
        run_config=tune.RunConfig(
            name="search", storage_path=str(tmp_path), failure_config=tune.FailureConfig(fail_fast=True)
        ),
    )
    tuner.fit()
    study = read_folder(tmp_path / "search")
    states = {trial.curve.params["fails"]: trial.state for trial in study.trials}
    assert states == {False: "running", True: "failed"}
    assert study.best("best") is None
    assert study.notes[0].startswith("1 of 2 trials were cut off")
    restored = tune.Tuner.restore(str(tmp_path / "search"), fail_after_seconds)
    restored.fit()
    search = restored._local_tuner._tune_config.scheduler._search
    assert {history.state for history in search.histories.values()} == {"cut off", "failed"}
    assert search.incumbent() is None


@pytest.mark.slow
def test_optuna_search_takes_stopped_trials_for_finished_ones(cluster, surrogate, tmp_path, monkeypatch):
    """As examples/ray_optuna_search.py says: Optuna counts them as COMPLETE, with their last report."""
    monkeypatch.setattr("lcstop.pruning.models.load_surrogate", lambda name: surrogate)
    scheduler = LCPFNScheduler(policy="published", lower=0, upper=1, min_steps=3)
    search = OptunaSearch(points_to_evaluate=[{"top": top} for top in TOPS[:5]])
    tuner = tune.Tuner(
        ray_worker.function,
        param_space={"top": tune.uniform(0.05, 0.95)},
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=5,
            max_concurrent_trials=1,
            search_alg=search,
            scheduler=scheduler,
        ),
        run_config=tune.RunConfig(storage_path=str(tmp_path), stop={"training_iteration": H}),
    )
    tuner.fit()
    steps = {0.9: H, 0.1: 3, 0.5: 3, 0.92: H, 0.3: 3}
    assert len(scheduler.stops) == 3
    seen = search._ot_study.trials
    # Ray passes the last report only as the trial's value.
    assert {trial.params["top"]: len(trial.intermediate_values) + 1 for trial in seen} == steps
    assert {trial.state for trial in seen} == {TrialState.COMPLETE}
    for trial in seen:
        top = trial.params["top"]
        assert trial.value == ray_worker.accuracy(top, steps[top])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["failing", "resource_changing"])
def test_trials_that_start_again(cluster, surrogate, tmp_path, monkeypatch, kind):
    """A trial restarts at the first step after an error, and from a checkpoint with other resources."""
    monkeypatch.setattr("lcstop.pruning.models.load_surrogate", lambda name: surrogate)
    base = LCPFNScheduler(lower=0, upper=1, min_steps=3)
    if kind == "failing":
        results = fit(failing, base, tmp_path, metric="accuracy", mode="max")
    else:
        scheduler = ResourceChangingScheduler(base)
        results = fit(ray_worker.function_with_checkpoint, scheduler, tmp_path, metric="accuracy", mode="max")
    assert results.num_errors == 0
    steps = {result.config["top"]: result.metrics["training_iteration"] for result in results}
    assert steps == {0.9: H, 0.1: 3, 0.5: 3, 0.92: H, 0.3: 3}
    for history in base._search.histories.values():
        assert history.curve.steps.tolist() == list(range(1, len(history.curve) + 1))
    assert base._search.incumbent() == best_possible(0.92)
    assert "3 of 5 trials stopped" in base.debug_string()


# --- a driver that is killed ------------------------------------------------------------------------------


def drive(folder: Path, kind: str, action: str, **environment: str) -> int:
    command = [sys.executable, "-m", "tests.lcstop_ray.ray_worker", str(folder), kind, action]
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[2], timeout=250, check=False)  # noqa: S603
    return done.returncode


def judged(folder: Path, action: str) -> list[dict]:
    return [json.loads(line) for line in (folder / f"judged_{action}.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ray_worker.KINDS)
def test_killed_and_restored(kind, tmp_path):
    assert drive(tmp_path, kind, "fit", KILL_AT="0.92:5", PAUSE="0.3") == -signal.SIGKILL
    assert drive(tmp_path, kind, "restore") == 0
    before, after = judged(tmp_path, "fit"), judged(tmp_path, "restore")
    outcome = json.loads((tmp_path / "outcome.json").read_text())

    # All trials that had ended are known at the first result, and so is the incumbent.
    ended = {trial: state for trial, state in after[0]["known"].items() if state != "running"}
    assert ended.items() <= before[-1]["known"].items()
    assert {"finished", "stopped"} == set(ended.values())
    tops = {line["trial"]: line["top"] for line in before}
    assert after[0]["incumbent"] == max(best_possible(tops[t]) for t in ended if ended[t] == "finished")

    # No result is judged twice. Ended trials are not judged again. Others restart from their checkpoints:
    # the class has one at every second epoch, one function at every epoch, the other function none.
    assert not ended.keys() & {line["trial"] for line in after}
    pairs = [(line["trial"], line["step"]) for line in after]
    assert len(pairs) == len(set(pairs))
    assert all(line["curve"] == list(range(1, line["step"] + 1)) for line in after)
    first = {line["trial"]: line["step"] for line in reversed(after)}
    last = {line["trial"]: line["step"] for line in before}
    restarts = {first[trial] for trial in last.keys() & first.keys()}
    assert restarts
    assert all(first[trial] <= last[trial] + 1 for trial in last.keys() & first.keys())
    if kind == "function":
        assert restarts == {1}
    else:  # timing decides which checkpoints Ray had stored when the driver was killed
        every = 2 if kind == "class" else 1
        assert restarts != {1}  # a trial without a stored checkpoint restarts at 1
        assert all((step - 1) % every == 0 for step in restarts)

    # No trial is counted twice: there are n_trials trials at the end, each in one state.
    assert outcome["errors"] == 0
    assert len(outcome["states"]) == len(TOPS)
    assert set(outcome["states"]) == {"finished", "stopped"}
    stopped = {line["trial"] for line in before + after if line["stop"]}
    assert outcome["states"].count("stopped") == len(stopped)
    assert f"{len(stopped)} of {len(TOPS)} trials stopped" in outcome["line"]
    assert [outcome["steps"][str(top)] for top in (0.9, 0.92, 0.94)] == [H] * 3


def test_the_callback_shows_stops_and_savings_and_the_summary_says_the_same(
    cluster, tmp_path, monkeypatch, capsys
):
    scheduler = LCPFNScheduler(lower=0, upper=1)
    tuner = tune.Tuner(
        ray_worker.function,
        param_space={"top": tune.grid_search(TOPS)},
        tune_config=tune.TuneConfig(
            metric="accuracy", mode="max", scheduler=scheduler, max_concurrent_trials=1
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(tmp_path),
            stop={"training_iteration": H},
            callbacks=[Summary()],
            verbose=0,
        ),
    )
    results = tuner.fit()
    stops = [f"Trial {name} {decision.reason}" for name, decision in scheduler.stops.items()]
    assert stops
    shown = [line for line in capsys.readouterr().out.splitlines() if "stopped" in line]
    assert shown[:-1] == stops
    found = summary(results)
    said = capsys.readouterr().out.splitlines()
    assert (shown[-1], sorted(said[:-1])) == (said[-1], sorted(stops))
    assert found.certificate.n_stopped == len(stops)
    table = results.get_dataframe()
    reasons = dict(zip(table["trial_id"], table["lcstop_reason"], strict=True))
    assert {name: reason for name, reason in reasons.items() if reason} == {
        name: decision.reason for name, decision in scheduler.stops.items()
    }
    assert table["lcstop_stopped"].sum() == len(stops)
    assert "metric='accuracy', mode='max', horizon=" in repr(scheduler)
