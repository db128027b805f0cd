"""A search whose trials wait and go on from a file: ``python pausing_worker.py FOLDER SEED N_TRIALS``.

``KILL_AT=N``: the process kills itself in its N-th epoch. Tests of pausing also import this.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna

from lcstop_optuna import LCPFNPruner, PauseResume, resume_from

H = 25
STUDY = "pausing"
EPOCH = 0.002
"""Seconds of an epoch."""


def value_at(top: float, rate: float, epoch: int) -> float:
    return top * (1 - rate ** (epoch + 1))


def objective_in(
    folder: Path, on_epoch: Callable[[], None] = lambda: None
) -> Callable[[optuna.Trial], float]:
    """An objective that saves its checkpoints in a folder, and a line for each trained epoch."""

    def objective(trial: optuna.Trial) -> float:
        before, first = resume_from(trial), 0
        top, rate = trial.suggest_float("top", 0.1, 0.9), trial.suggest_float("rate", 0.7, 0.95)
        if before is not None:
            first = json.loads((folder / f"{before.number}.json").read_text())
        for epoch in range(first, H):
            on_epoch()
            with (folder / "epochs.log").open("a") as log:
                log.write(f"{top!r} {epoch}\n")
            trial.report(value_at(top, rate, epoch), epoch)
            if trial.should_prune():
                (folder / f"{trial.number}.json").write_text(str(epoch + 1))
                raise optuna.TrialPruned
        return value_at(top, rate, H - 1)

    return objective


def trained(folder: Path) -> list[str]:
    """A line for each epoch that was trained."""
    return (folder / "epochs.log").read_text().splitlines()


def new_study(
    storage: optuna.storages.BaseStorage | str | None = None, seed: int = 0, **options
) -> optuna.Study:
    return optuna.create_study(
        study_name=STUDY,
        storage=storage,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=seed),
        pruner=LCPFNPruner(horizon=H, **{"pause": True, **options}),
    )


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder, seed, n_trials = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    kill_at, epochs = int(os.environ.get("KILL_AT", "-1")), 0

    def on_epoch() -> None:
        nonlocal epochs
        epochs += 1
        if epochs == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(EPOCH)

    storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
    study = new_study(storage, seed)
    study.optimize(objective_in(folder, on_epoch), callbacks=[PauseResume(n_trials=n_trials)])


if __name__ == "__main__":
    main()
