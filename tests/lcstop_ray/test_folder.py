"""A search is read from its results folder without calls of Ray."""

import json
from pathlib import Path

import pytest
from ray.tune.experiment import Trial
from typer.testing import CliRunner

from lcstop import PrunerConfig
from lcstop.commands.app import app
from lcstop_ray import STOPPED_FILE, read_folder

H = 6


class Search:
    """Writes the files of a search as Ray does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trials: list[dict] = []

    def add(self, values, status=Trial.TERMINATED, stop=None, steps=None, failed=False, **config) -> Path:
        number = len(self.trials)
        place = self.folder / f"train_ab_{number:05d}"
        place.mkdir(parents=True)
        steps = steps or range(1, len(values) + 1)
        rows = [
            {
                "accuracy": value,
                "training_iteration": step,
                "timestamp": 100 * number + step,
                "time_this_iter_s": 1.0,
            }
            for step, value in zip(steps, values, strict=True)
        ]
        (place / "result.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (place / "params.json").write_text(json.dumps({**config, "fixed": 1}))
        if stop is not None:
            (place / STOPPED_FILE).write_text(json.dumps(stop))
        if failed:
            (place / "error.txt").write_text("oh no")
        self.trials.append(
            {
                "trial_id": f"ab_{number:05d}",
                "status": status,
                "relative_logdir": place.name,
                "evaluated_params": {name: {"_type": "CLOUDPICKLE_FALLBACK"} for name in config},
            }
        )
        return place

    def finish(self, metric="accuracy") -> Path:
        state = {
            "trial_data": [[json.dumps(trial), "{}"] for trial in self.trials],
            "runner_data": {"_metric": metric},
        }
        (self.folder / "experiment_state-2026-01-01_00-00-00.json").write_text("{}")
        (self.folder / "experiment_state-2026-01-02_00-00-00.json").write_text(json.dumps(state))
        return self.folder


@pytest.fixture
def search(tmp_path) -> Search:
    return Search(tmp_path / "search")


def test_a_folder_of_searches_is_told_with_their_names(search, tmp_path):
    search.add([0.1, 0.2])
    search.finish()
    with pytest.raises(ValueError, match=r"holds searches, not trials: name one of them \(search\)"):
        read_folder(tmp_path, mode="max")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no trial with results"):
        read_folder(tmp_path / "empty", mode="max")


def test_states_curves_and_hyperparameters(search):
    search.add([0.1 * i for i in range(1, H + 1)], lr=0.1, opt="sgd")
    options = PrunerConfig(horizon=H).model_dump()
    search.add([0.1, 0.1], stop={"step": 2.0, "reason": "poor", "config": options}, lr=0.2, opt="adam")
    search.add([0.1, 0.2], Trial.ERROR, failed=True, lr=0.3, opt="sgd")
    search.add([0.3], Trial.RUNNING, lr=0.4, opt="sgd")
    search.add([0.1, 0.2, 0.3], lr=0.5, opt="sgd")  # ended by itself: it has no file of the scheduler
    found = read_folder(search.finish(), mode="max")
    assert (found.name, found.engine, found.metric, found.direction) == (
        "search",
        "Ray Tune",
        "accuracy",
        "maximize",
    )
    states = ["finished", "stopped", "failed", "running", "finished"]
    assert [trial.state for trial in found.trials] == states
    assert found.trials[1].reason == "poor"
    assert found.trials[0].curve.params == {"lr": 0.1, "opt": "sgd"}
    assert found.trials[1].name == "ab_00001"
    assert (found.trials[1].start, found.trials[1].end) == (100, 102)
    assert found.options == options
    assert found.horizon == H


def test_without_a_note_a_trial_that_ended_early_was_stopped_by_another_rule(search):
    search.add([0.5] * H)
    search.add([0.1, 0.1])
    assert [t.state for t in read_folder(search.finish(), mode="max").trials] == ["finished", "stopped"]


def test_a_note_of_an_earlier_stop_does_not_count_for_a_trial_that_has_gone_on(search):
    search.add([0.5] * H, stop={"step": 2.0, "reason": "poor"})
    (trial,) = read_folder(search.finish(), mode="max").trials
    assert (trial.state, trial.reason) == ("finished", None)


def test_training_that_started_again_replaces_its_reports(search):
    search.add([0.1, 0.2, 0.3, 0.25, 0.35], steps=[1, 2, 3, 2, 3])
    (trial,) = read_folder(search.finish(), mode="max").trials
    assert trial.curve.values.tolist() == [0.1, 0.25, 0.35]


def test_without_the_state_of_the_search_the_trials_speak_for_themselves(search, tmp_path):
    place = search.add([0.1, 0.2])
    with (place / "result.json").open("a") as file:
        file.write(json.dumps({"accuracy": 0.3, "training_iteration": 3, "done": True}) + "\n")
        file.write('{"accuracy": 0.4, "train')  # cut off when the driver died
    search.add([0.1, 0.2])
    found = read_folder(search.folder, "accuracy", "max")
    assert [trial.state for trial in found.trials] == ["finished", "running"]
    assert len(found.trials[0].curve) == 3


def test_what_is_missing_is_said(search):
    search.add([0.1, 0.2])
    folder = search.finish(metric=None)
    with pytest.raises(ValueError, match="mode must be min or max"):
        read_folder(folder)
    with pytest.raises(ValueError, match="name it with --metric"):
        read_folder(folder, mode="max")
    with pytest.raises(ValueError, match="has reported 'loss' at a 'training_iteration'"):
        read_folder(folder, "loss", "max")
    with pytest.raises(ValueError, match="there is no folder"):
        read_folder(folder / "missing", "loss", "max")


def test_a_report_of_a_results_folder(search, tmp_path):
    search.add([0.5 + 0.01 * i for i in range(H)])
    search.add([0.1, 0.1], stop={"step": 2.0, "reason": "far too poor"})
    out = tmp_path / "report.html"
    arguments = ["report", "--results", str(search.finish()), "--mode", "max", "-o", str(out)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "search: stopped 1 of 2 trials, 33 % of the epochs saved" in result.stdout
    assert "far too poor" in out.read_text(encoding="utf-8")
