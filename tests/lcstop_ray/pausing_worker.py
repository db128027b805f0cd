"""One driver of test_pausing_end_to_end.py: ``python -m tests.lcstop_ray.pausing_worker FOLDER fit|restore``.

Trials write each epoch that they train to ``FOLDER/epochs``. With KILL_AT=N in the environment the driver
kills itself once N trials wait. With REPEATS=N there are N times as many trials, all a little different.
"""

import json
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0"  # Ray stores the state of the search after every event

import ray
from ray import tune
from ray.tune.experiment import Trial

from lcstop_ray import LCPFNScheduler
from lcstop_ray.search_pausing import SearchPausing

H = 13
TOPS = [
    round(top * 0.99**i, 4)
    for i in range(int(os.environ.get("REPEATS", "1")))
    for top in (0.5, 0.1, 0.92, 0.3, 0.7, 0.2, 0.6, 0.4, 0.15, 0.8)
]


def accuracy(top: float, epoch: int) -> float:
    return top * (1 - 0.7**epoch)


def note(config, epoch: int) -> None:
    with Path(config["folder"], "epochs").open("a") as file:
        file.write(f"{config['top']} {epoch}\n")


def function(config) -> None:
    first = 1
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as directory:
            first += int(Path(directory, "epoch").read_text())
    for epoch in range(first, H + 1):
        note(config, epoch)
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "epoch").write_text(str(epoch))
            result = {"accuracy": accuracy(config["top"], epoch)}
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(directory))


class Class(tune.Trainable):
    """Saves itself when Ray asks for it; Ray is not told to."""

    def setup(self, config) -> None:
        self.epoch, self.own = 0, config

    def step(self) -> dict[str, float]:
        self.epoch += 1
        note(self.own, self.epoch)
        return {"accuracy": accuracy(self.own["top"], self.epoch)}

    def save_checkpoint(self, directory: str) -> None:
        Path(directory, "epoch").write_text(str(self.epoch))

    def load_checkpoint(self, directory: str) -> None:
        self.epoch = int(Path(directory, "epoch").read_text())


def tuner_of(trainable, scheduler, folder: Path, **tune_config) -> tune.Tuner:
    return tune.Tuner(
        trainable,
        param_space={"top": tune.grid_search(TOPS), "folder": str(folder)},
        tune_config=tune.TuneConfig(metric="accuracy", mode="max", scheduler=scheduler, **tune_config),
        run_config=tune.RunConfig(
            name="search", storage_path=str(folder), stop={"training_iteration": H}, verbose=0
        ),
    )


def epochs_of(folder: Path) -> Counter:
    """How often each epoch of each trial was trained."""
    return Counter(Path(folder, "epochs").read_text().splitlines())


def kill_once(folder: Path, n_waiting: int) -> None:
    """Kill the driver once so many trials wait, also by the state that Ray has stored in a thread."""
    choose = SearchPausing.choose

    def watched(self, controller):
        if sum(trial.status == Trial.PAUSED for trial in controller.get_trials()) >= n_waiting:
            states = [file.read_text() for file in (folder / "search").glob("experiment_state-*.json")]
            if any(text.count(Trial.PAUSED) >= n_waiting for text in states):
                os.kill(os.getpid(), signal.SIGKILL)
        return choose(self, controller)

    SearchPausing.choose = watched


def main(folder: Path, action: str) -> None:
    if "KILL_AT" in os.environ:
        kill_once(folder, int(os.environ["KILL_AT"]))
    ray.init(
        "local", num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False
    )
    if action == "restore":
        tuner = tune.Tuner.restore(str(folder / "search"), function)
    else:
        tuner = tuner_of(function, LCPFNScheduler(pause=True), folder)
    results = tuner.fit()
    search = tuner._local_tuner._tune_config.scheduler._search
    outcome = {
        "errors": results.num_errors,
        "states": {trial_id: history.state for trial_id, history in search.histories.items()},
        "best": results.get_best_result().config["top"],
        "steps": results.get_best_result().metrics["training_iteration"],
    }
    (folder / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
