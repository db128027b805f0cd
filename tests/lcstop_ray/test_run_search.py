"""``lcstop run`` with Ray Tune: its result, and resuming after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lcstop.commands.app import main
from lcstop.config.search_config import SearchConfig
from lcstop.config.yaml_file import read_yaml
from lcstop_ray.run_search import _restored_tuner

ROOT = Path(__file__).parents[2]


def write(folder: Path, **changes) -> Path:
    content = {
        "objective": "tests.objectives:curve",
        "engine": "ray",
        "study": "s",
        "storage": str(folder / "runs"),
        "metric": "accuracy",
        "direction": "maximize",
        "n_trials": 4,
        "sampler": "random",
        "seed": 1,
        "space": {
            "level": {"type": "float", "low": 0.1, "high": 0.9},
            "kind": {"type": "choice", "choices": ["a", "b"]},
        },
        "pruner": {"horizon": 12, "lower": 0, "upper": 1},
    } | changes
    path = folder / "search.yaml"
    path.write_text(json.dumps(content))
    return path


def command(path: Path) -> list[str]:
    return [sys.executable, "-m", "lcstop.commands.app", "run", str(path), "--json"]


ENV = os.environ | {
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "0",  # Ray stores the state of the search after every event
}


def lengths(folder: Path) -> dict[str, int]:
    """Number of reports of each started trial, by the trial's number."""
    tables = (folder / "runs" / "s").glob("run_*/result.json")
    return {table.parent.name.split("_")[2]: len(table.read_text().splitlines()) for table in tables}


def test_a_killed_search_goes_on_to_the_full_number_with_the_same_configuration(tmp_path):
    path = write(tmp_path, arguments={"pause": 0.2})
    with subprocess.Popen(command(path), cwd=ROOT, env=ENV, stdout=subprocess.DEVNULL) as first:  # noqa: S603
        deadline = time.monotonic() + 120
        while len(lengths(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(1)
        first.send_signal(signal.SIGKILL)
    before = lengths(tmp_path)
    stored = (tmp_path / "runs" / "s" / "lcstop_search.json").read_text()
    assert 2 <= len(before) < 4
    done = subprocess.run(command(path), cwd=ROOT, env=ENV, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["n_trials"], found["n_failed"]) == (4, 0)
    assert len(lengths(tmp_path)) == 4
    assert (tmp_path / "runs" / "s" / "lcstop_search.json").read_text() == stored
    assert 0.1 < found["best"] <= 0.91
    assert set(found["best_params"]) == {"level", "kind"}
    records = (tmp_path / "runs" / "s").glob("*/lcstop_trial.jsonl")
    assert found["n_stopped"] == sum('"state": "stopped"' in path.read_text() for path in records)
    write(tmp_path, n_trials=5)
    refused = subprocess.run(command(path), cwd=ROOT, env=ENV, capture_output=True, text=True, check=False)  # noqa: S603
    assert refused.returncode == 2
    assert "n_trials was 4, is 5" in refused.stderr


@pytest.mark.slow
def test_an_interrupted_search_says_that_it_goes_on(tmp_path):
    path = write(tmp_path, arguments={"pause": 0.2})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command(path), cwd=ROOT, env=ENV, **pipes) as process:  # noqa: S603
        deadline = time.monotonic() + 120
        while not lengths(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    # From Python 3.12 on, a thread of Ray may print an error at the shutdown of the interpreter after it.
    assert "\nlcstop: interrupted; run the same command again to resume\n" in err


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"storage": "sqlite:///a.db"}, "storage: must be a folder for engine: ray, got 'sqlite:///a.db'"),
        ({"objective": "tests.objectives:curv"}, "no function 'curv'; did you mean 'curve'?"),
        ({"storage": str(ROOT), "study": "tests"}, "was not started by `lcstop run`"),
    ],
)
def test_mistakes_are_told_before_ray_starts(changes, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended:
        main(["run", str(write(tmp_path, **changes))])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert line in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["lcstop_ray.a_module_of_then Shown", "lcstop_ray.run_search ShownThen"])
def test_a_search_that_another_version_has_begun_is_refused_in_one_line(name, tmp_path):
    config = read_yaml(write(tmp_path), SearchConfig)
    module, _, attribute = name.partition(" ")
    (tmp_path / "tuner.pkl").write_bytes(f"c{module}\n{attribute}\n.".encode())
    with pytest.raises(ValueError, match=r"started by another version of lcstop: .*; use that version"):
        _restored_tuner(config, tmp_path, None)


@pytest.mark.slow
def test_an_objective_that_fails_in_every_trial_is_told(tmp_path):
    path = write(tmp_path, objective="tests.objectives:fails_at_first", n_trials=2, sampler="tpe")
    done = subprocess.run(command(path), cwd=ROOT, env=ENV, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("a trial failed: ") == 2
    assert done.stderr.count("error.txt)") == 2
    assert "the objective failed in every trial" in done.stderr
    assert "Traceback" not in done.stderr
