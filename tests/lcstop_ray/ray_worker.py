"""One driver of test_end_to_end.py: ``python -m tests.lcstop_ray.ray_worker FOLDER KIND fit|restore``.

Every result that the scheduler judges is written to ``FOLDER/judged_ACTION.jsonl``, with the states of all
trials at that time. With KILL_AT=TOP:STEP in the environment the driver kills itself at that result.
"""

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "0"  # Ray stores the state of the search after every event

import ray
from ray import tune

import lcstop.pruning.models
from lcstop_ray import LCPFNScheduler
from lcstop_ray.progress_line import progress_line
from lcstop_ray.search_state import SearchState
from tests.conftest import NormalSurrogate

H = 8
TOPS = (0.9, 0.1, 0.5, 0.92, 0.3, 0.94, 0.2, 0.6)
PAUSE = float(os.environ.get("PAUSE", "0.02"))


def accuracy(top: float, epoch: int) -> float:
    return top * (1 - 0.2**epoch)


def function(config) -> None:
    for epoch in range(1, H + 1):
        time.sleep(PAUSE)
        tune.report({"accuracy": accuracy(config["top"], epoch)})


def function_with_checkpoint(config) -> None:
    first = 1
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as directory:
            first += int(Path(directory, "epoch").read_text())
    for epoch in range(first, H + 1):
        time.sleep(PAUSE)
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "epoch").write_text(str(epoch))
            result = {"accuracy": accuracy(config["top"], epoch)}
            tune.report(result, checkpoint=tune.Checkpoint.from_directory(directory))


class Class(tune.Trainable):
    """Has a checkpoint at every second epoch. Only the stop rule ends it."""

    def setup(self, config) -> None:
        self.top = config["top"]

    def step(self) -> dict[str, float]:
        time.sleep(PAUSE)
        return {"accuracy": accuracy(self.top, self.iteration + 1)}

    def save_checkpoint(self, directory: str) -> None:
        Path(directory, "top").write_text(str(self.top))

    def load_checkpoint(self, directory: str) -> None:
        assert float(Path(directory, "top").read_text()) == self.top


KINDS = {"function": function, "checkpoint": function_with_checkpoint, "class": Class}


def log_judgements(path: Path, kill_at: str) -> None:
    judge = SearchState.judge

    def logged(self: SearchState, trial, result) -> bool:
        known = {trial_id: history.state for trial_id, history in self.histories.items()}
        incumbent = self.incumbent()
        stop = judge(self, trial, result)
        line = {
            "trial": trial.trial_id, "top": trial.config["top"], "step": result["training_iteration"],
            "stop": stop, "incumbent": incumbent, "known": known,
            "curve": self.histories[trial.trial_id].curve.steps.tolist(),
        }  # fmt: skip
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if kill_at == f"{line['top']}:{line['step']}":
            time.sleep(1)  # the state is uploaded in a thread
            os.kill(os.getpid(), signal.SIGKILL)
        return stop

    SearchState.judge = logged  # type: ignore[method-assign]


def main(folder: Path, kind: str, action: str) -> None:
    lcstop.pruning.models.load_surrogate = lambda name: NormalSurrogate()
    log_judgements(folder / f"judged_{action}.jsonl", os.environ.get("KILL_AT", ""))
    ray.init(
        "local", num_cpus=2, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False
    )
    if action == "restore":
        tuner = tune.Tuner.restore(str(folder / "search"), KINDS[kind])
    else:
        tuner = tune.Tuner(
            KINDS[kind],
            param_space={"top": tune.grid_search(TOPS)},
            tune_config=tune.TuneConfig(
                metric="accuracy", mode="max", scheduler=LCPFNScheduler(lower=0, upper=1, min_steps=3),
                max_concurrent_trials=2,
            ),
            run_config=tune.RunConfig(
                name="search", storage_path=str(folder), stop={"training_iteration": H}, verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=2 if kind == "class" else 0),
            ),
        )  # fmt: skip
    results = tuner.fit()
    search = tuner._local_tuner._tune_config.scheduler._search
    outcome = {
        "errors": results.num_errors,
        "steps": {r.config["top"]: r.metrics["training_iteration"] for r in results},
        "states": [history.state for history in search.histories.values()],
        "line": progress_line(search),
    }
    (folder / "outcome.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
