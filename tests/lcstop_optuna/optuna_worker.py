"""One worker process: ``python optuna_worker.py STORAGE SEED N_TRIALS``. Tests of storages also import this.

A storage is an Optuna URL, ``journal:PATH`` or ``grpc:PORT``. Environment variables:

- ``UNTIL``: run until N_TRIALS trials of the study have ended, those of other workers included. Failed calls
  of Optuna are retried, since the test restarts the database. ``should_prune`` is never retried.
- ``BEGIN``: file to wait for before the first trial.
- ``LOG``: file for a line per decision.
- ``KILL_AT=TRIAL:EPOCH``: where the process kills itself.
"""

import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TextIO, TypeVar

import optuna
from optuna.storages import BaseStorage, GrpcStorageProxy, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from lcstop import Curve, Decision, StudyView
from lcstop.pruning.due import Question
from lcstop_optuna import LCPFNPruner

H = 12
STUDY = "shared"
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)

T = TypeVar("T")


def value_at(top: float, epoch: int) -> float:
    return top * (1 - 0.5 ** (epoch + 1))


def open_storage(url: str) -> BaseStorage | str:
    kind, _, place = url.partition(":")
    if kind == "journal":
        return JournalStorage(JournalFileBackend(place))
    if kind == "grpc":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return GrpcStorageProxy(host="127.0.0.1", port=int(place))
    return url


def open_study(url: str, seed: int = 0) -> optuna.Study:
    return optuna.create_study(
        study_name=STUDY,
        storage=open_storage(url),
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=seed),
        pruner=LCPFNPruner(horizon=H, lower=0, upper=1, audit=0),
        load_if_exists=True,
    )


EPOCH = 0.01
"""Seconds of an epoch. Trials must last long enough for the test to interrupt them."""


def objective(trial: optuna.Trial) -> float:
    top = persist(lambda: trial.suggest_float("top", 0.1, 0.9))
    value = 0.0
    for epoch in range(H):
        if os.environ.get("KILL_AT") == f"{trial.number}:{epoch}":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(EPOCH)
        value = value_at(top, epoch)
        persist(lambda value=value, epoch=epoch: trial.report(value, epoch))
        if trial.should_prune():
            raise optuna.TrialPruned
    return value


def persist(call: Callable[[], T], seconds: float = 120.0) -> T:
    """The result of ``call``, which is retried while the storage is down."""
    end = time.monotonic() + seconds
    while True:
        try:
            return call()
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def run_until(study: optuna.Study, n: int, log: TextIO) -> None:
    while len(persist(lambda: study.get_trials(deepcopy=False, states=ENDED))) < n:
        trial = persist(study.ask)
        try:
            value, state = objective(trial), TrialState.COMPLETE
        except optuna.TrialPruned:
            value, state = None, TrialState.PRUNED
        # A call whose answer was lost is repeated, and the trial has already finished then.
        tell = partial(study.tell, trial, value, state, skip_if_finished=True)
        persist(tell)
        write(log, {"ended": trial.number})


def write(log: TextIO, row: dict) -> None:
    log.write(json.dumps(row) + "\n")
    log.flush()


def log_decisions(pruner: LCPFNPruner, file: TextIO) -> None:
    """Log each decision with its input: every curve by its configuration and number of reports."""
    answer = pruner._core.answer

    def key(curve: Curve) -> tuple[float | None, int]:
        return (curve.params or {}).get("top"), len(curve)

    def logged(question: Question, study: StudyView) -> Decision:
        decision = answer(question, study)
        seen = {
            "worker": os.getpid(),
            "trial": key(question.trial),
            "finished": [key(curve) for curve in study.finished],
            "unfinished": [key(curve) for curve in study.unfinished if len(curve)],
            "judgements": [record.to_json() for record in study.judgements or ()],
            "n_ended": study.n_ended,
            "spent": study.spent,
            "stop": decision.stop,
            "reason": decision.reason,
        }
        write(file, seen)
        return decision

    pruner._core.answer = logged


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, seed, n_trials = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    study = persist(lambda: open_study(url, seed))
    with Path(os.environ.get("LOG", os.devnull)).open("w", encoding="utf-8") as log:
        log_decisions(study.pruner, log)
        study.pruner._core.warm_up()  # all workers must start their trials at the same time
        write(log, {"ready": os.getpid()})
        while "BEGIN" in os.environ and not Path(os.environ["BEGIN"]).exists():
            time.sleep(0.01)
        if "UNTIL" in os.environ:
            run_until(study, n_trials, log)
        else:
            study.optimize(objective, n_trials=n_trials)


if __name__ == "__main__":
    main()
