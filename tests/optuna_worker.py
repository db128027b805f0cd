"""One worker process of test_optuna_processes.py: ``python optuna_worker.py STORAGE SEED N_TRIALS``."""

import os
import signal
import sys

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from lcstop_optuna import LCPFNPruner

H = 12
STUDY = "shared"


def open_storage(url: str) -> BaseStorage | str:
    return (
        JournalStorage(JournalFileBackend(url.removeprefix("journal:")))
        if url.startswith("journal:")
        else url
    )


def open_study(url: str, seed: int = 0) -> optuna.Study:
    return optuna.create_study(
        study_name=STUDY,
        storage=open_storage(url),
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=seed),
        pruner=LCPFNPruner(horizon=H, lower=0, upper=1),
        load_if_exists=True,
    )


def objective(trial: optuna.Trial) -> float:
    top = trial.suggest_float("top", 0.1, 0.9)
    value = 0.0
    for epoch in range(H):
        if os.environ.get("KILL_AT") == f"{trial.number}:{epoch}":
            os.kill(os.getpid(), signal.SIGKILL)
        value = top * (1 - 0.5 ** (epoch + 1))
        trial.report(value, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return value


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, seed, n_trials = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    open_study(url, seed).optimize(objective, n_trials=n_trials)
