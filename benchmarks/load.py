"""Time of a decision and memory, as a study grows to 10,000 trials of 100 steps.

    python benchmarks/load.py memory|journal|ray [live]

Trials are inserted into the study with their reports; a fifth of them have finished. After every thousand,
new trials are run and judged through the framework. The time is the CPU time of this process, so that other
processes do not matter. The memory is the resident memory of this process. With Optuna, the same trials are
also judged by its MedianPruner. With ``live``, every trial is run and judged instead of being inserted, which
takes some minutes.
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState, create_trial
from ray.tune.experiment import Trial

from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler
from lcstop_ray.history import History

STEPS, TRIALS, EVERY = 100, 10_000, 1000
JUDGED_AT = 14
"""Number of reports of the trials that are judged."""

NO_CONTROLLER: Any = None
"""Stands for Ray's controller, which the scheduler does not use here."""

Curve = list[float]


def curves(seed: int = 0) -> Iterator[tuple[Curve, bool]]:
    """An endless series of trials: the values, and whether the trial has finished."""
    rng, steps = np.random.default_rng(seed), np.arange(1, STEPS + 1)
    while True:
        values = rng.uniform(0.1, 0.9) * (1 - 0.95**steps) + rng.normal(0, 0.003, STEPS)
        finished = bool(rng.random() < 0.2)
        yield values[: STEPS if finished else int(rng.integers(3, 60))].clip(0, 1).tolist(), finished


Times = tuple[list[float], list[float]]
"""Seconds of each decision on a trial: of lcstop, and of MedianPruner (NaN with Ray)."""


def in_optuna(storage: optuna.storages.BaseStorage) -> tuple[Callable[..., None], Callable[..., Times]]:
    """Functions that insert a trial into an Optuna study, and that run a trial."""
    pruner = LCPFNPruner(horizon=STEPS, lower=0, upper=1, audit=0)
    peer = optuna.pruners.MedianPruner()
    study = optuna.create_study(
        direction="maximize", storage=storage, pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0)
    )

    def add(values: Curve, finished: bool) -> None:
        state = TrialState.COMPLETE if finished else TrialState.PRUNED
        reports = dict(enumerate(values))
        value = values[-1] if finished else None
        study.add_trial(create_trial(state=state, value=value, intermediate_values=reports))

    def train(values: Curve, with_peer: bool = True) -> Times:
        trial, seconds, peers, stopped = study.ask(), list[float](), list[float](), False
        for step, value in enumerate(values):
            trial.report(value, step)
            if with_peer:
                study.pruner = peer
                start = time.process_time()
                trial.should_prune()
                peers.append(time.process_time() - start)
                study.pruner = pruner
            start = time.process_time()
            stopped = trial.should_prune()
            seconds.append(time.process_time() - start)
            if stopped:
                break
        study.tell(trial, None if stopped else value, TrialState.PRUNED if stopped else None)
        return seconds, peers

    return add, train


def in_ray() -> tuple[Callable[..., None], Callable[..., Times]]:
    """The same functions for Ray, through the hooks of the scheduler."""
    scheduler = LCPFNScheduler(metric="accuracy", mode="max", horizon=STEPS, lower=0, upper=1, audit=0)
    search = scheduler._search_state()

    def add(values: Curve, finished: bool) -> None:
        history = search.histories.setdefault(f"trial {len(search.histories)}", History(STEPS))
        history.extend(enumerate(values, 1))
        history.state = "finished" if finished else "stopped"

    def train(values: Curve, with_peer: bool = True) -> Times:
        trial, seconds = Trial("trainable", stub=True), list[float]()
        scheduler.on_trial_add(NO_CONTROLLER, trial)
        for step, value in enumerate(values, 1):
            result = {"training_iteration": step, "accuracy": value}
            start = time.process_time()
            answer = scheduler.on_trial_result(NO_CONTROLLER, trial, result)
            seconds.append(time.process_time() - start)
            if answer == "STOP":
                break
        scheduler.on_trial_complete(NO_CONTROLLER, trial, result)
        return seconds, [float("nan")]

    return add, train


def megabytes() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def inserted(add: Callable[..., None], train: Callable[..., Times]) -> None:
    """Print the table of a study into which trials are inserted."""
    poor = [0.3 * (1 - 0.95**step) for step in range(1, JUDGED_AT + 1)]
    source = curves()
    print("trials  ms a decision  MedianPruner  MB")
    for n in range(100, TRIALS + 1, 100):
        for _ in range(100):
            add(*next(source))
        if n == 100 or n % EVERY == 0:
            times = [[max(seconds) for seconds in train(poor)] for _ in range(20)]
            ours, peers = (1e3 * statistics.median(which) for which in zip(*times, strict=True))
            print(f"{n:6d}  {ours:13.1f}  {peers:12.1f}  {megabytes():.0f}", flush=True)


def live(train: Callable[..., Times], seed: int = 0) -> None:
    """Print the table of a study in which every trial is run."""
    rng, steps, seconds = np.random.default_rng(seed), np.arange(1, STEPS + 1), list[float]()
    print("trials  reports of the last  ms a decision, mean  p99  MB")
    for n in range(1, TRIALS + 1):
        values = rng.uniform(0.1, 0.9) * (1 - 0.95**steps) + rng.normal(0, 0.003, STEPS)
        seconds += train(values.clip(0, 1).tolist(), with_peer=False)[0]
        if n == 100 or n % EVERY == 0:
            mean, p99 = 1e3 * statistics.mean(seconds), 1e3 * float(np.quantile(seconds, 0.99))
            print(f"{n:6d}  {len(seconds):19,d}  {mean:19.2f}  {p99:.1f}  {megabytes():.0f}", flush=True)
            seconds.clear()


def main(where: str, folder: Path, how: str = "") -> None:
    """Print the table for a storage or framework; ``how`` may be ``live``."""
    if where == "ray":
        add, train = in_ray()
    elif where == "journal":
        backend = optuna.storages.journal.JournalFileBackend(str(folder / "study.log"))
        add, train = in_optuna(optuna.storages.JournalStorage(backend))
    else:
        add, train = in_optuna(optuna.storages.InMemoryStorage())
    if how == "live":
        live(train)
    else:
        inserted(add, train)


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1], Path(folder), *sys.argv[2:])
