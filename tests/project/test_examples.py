"""The examples: each one runs, and its output is correct."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.project.tracker_readers import READERS

FOLDER = Path(__file__).parents[2] / "examples"
SAID = re.compile(
    r"^saved (?P<saved>\d+) of (?P<planned>\d+) \w+, stopped (?P<stopped>\d+) of (?P<trials>\d+) trials\n"
    r"best (?P<metric>accuracy|loss) (?P<best>[\d.]+)$",
    re.MULTILINE,
)
NEEDED = {  # modules beside the development dependencies
    "optuna_sklearn": "nothing",
    "optuna_xgboost": "xgboost",
    "optuna_lightgbm": "lightgbm",
    "optuna_catboost": "catboost",
    "optuna_lightning": "lightning",
    "optuna_skorch": "skorch",
    "optuna_pytorch": "nothing",
    "optuna_keras": "keras",
    "optuna_mlflow": "mlflow",
    "optuna_wandb": "wandb",
    "optuna_tensorboard": "tensorboard",
    "transformers_optuna": "transformers",
    "transformers_ray": "transformers",
    "ray_xgboost": "xgboost",
    "ray_lightning": "lightning",
    "ray_optuna_search": "nothing",
    "ray_resources": "xgboost",
    "ray_loggers": "mlflow, wandb, tensorboard",
}
WRITES = {"optuna_mlflow": {"mlflow.db"}, "optuna_wandb": {"wandb"}, "optuna_tensorboard": {"runs"}}
"""What examples leave in the working directory."""
WRITES["ray_loggers"] = WRITES["optuna_mlflow"]
MARKS = {name: pytest.mark.slow if NEEDED[name] == "nothing" else pytest.mark.examples for name in NEEDED}
SETTINGS = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "WANDB_MODE": "offline"}


class Outcome(NamedTuple):
    """Output of an example, and the reports of every trial, which end with its result."""

    saved: int
    planned: int
    n_trials: int
    metric: str
    best: float
    stopped: list[list[float]]
    finished: list[list[float]]


def run(name: str, folder: Path, *how: str) -> Outcome:
    here, out = folder / "here", folder / "out.json"
    here.mkdir()
    done = subprocess.run(  # noqa: S603
        [
            sys.executable,
            str(Path(__file__).with_name("example_run.py")),
            str(FOLDER / f"{name}.py"),
            out,
            *how,
        ],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | SETTINGS | {"HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in here.iterdir()} == WRITES.get(name, set())
    said = SAID.search(done.stdout)
    assert said, done.stdout
    print(f"{name}: {said[0]}")
    trials = json.loads(out.read_text())
    assert trials["warnings"] == []
    assert int(said["stopped"]) == len(trials["stopped"])
    assert int(said["trials"]) == len(trials["stopped"]) + len(trials["finished"])
    numbers = int(said["saved"]), int(said["planned"]), int(said["trials"])
    return Outcome(*numbers, said["metric"], float(said["best"]), trials["stopped"], trials["finished"])


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS[name]) for name in NEEDED])
def test_saves_epochs_and_keeps_the_best_trial(name, tmp_path):
    said = run(name, tmp_path)
    sign = 1 if said.metric == "accuracy" else -1
    assert said.stopped
    assert said.finished
    # The best trial has finished: no stopped one had reported as good a result when it was stopped.
    best = max(sign * value for reports in said.finished for value in reports)
    assert max(sign * reports[-1] for reports in said.stopped) < best
    assert sign * said.best <= best + 1e-4
    # The saved steps are those that the stopped trials have not run.
    horizon = said.planned / said.n_trials
    reports_of_a_whole_trial = {"transformers_optuna": 12}.get(name, horizon)
    left = sum(1 - len(reports) / reports_of_a_whole_trial for reports in said.stopped) * horizon
    assert said.saved == pytest.approx(left)
    assert 0.2 * said.planned < said.saved < said.planned
    # Each tracker has the reason of each stop.
    for read in READERS.get(name, []):
        reasons = read(tmp_path)
        assert len(reasons) == len(said.stopped)
        assert all(re.match(r"stopped at step \d+ of 30: .+ chance", reason) for reason in reasons)


@pytest.mark.slow
def test_trials_that_wait_go_on_from_a_file(tmp_path):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", str(FOLDER / "optuna_resume.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
    )
    said = re.search(
        r"^stopped (\d+) of 40 trials, (\d+) % .* of them went on\nbest accuracy ([\d.]+)$", done.stdout, re.M
    )
    assert said, done.stdout
    assert int(said[2]) >= 20
    assert float(said[3]) >= 0.95
    assert "WARNING" not in done.stderr.upper()


def test_every_example_is_listed_and_says_its_horizon():
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    elsewhere = {"ray_search", "sample_size", "optuna_resume"}  # other tests run these
    paths = {path.stem: path for path in FOLDER.glob("*.py") if path.stem not in elsewhere}
    assert paths.keys() == NEEDED.keys()
    for name, path in paths.items():
        assert f"[{name}.py]({name}.py)" in table
        docstring = path.read_text(encoding="utf-8").split('"""')[1]
        assert "``horizon`` counts " in docstring
        assert "pip install " in docstring
