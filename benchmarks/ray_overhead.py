"""Time of ``on_trial_result`` in Ray Tune's driver, compared with ASHAScheduler in the same run.

    python benchmarks/ray_overhead.py --trials 10 100 1000 --results 1000

Each scheduler has ten finished trials, and as many running ones as the first column says, at various steps.
The schedulers get their results in turn, so that other load on the machine affects all of them equally. Ray
itself is not started: its own time per result is the same for all schedulers.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from typing import Any

import numpy as np
import torch
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, TrialScheduler
from rich.console import Console
from rich.table import Table

from lcstop.priors.lcpfn import sample_curves
from lcstop_ray import LCPFNScheduler

HORIZON = 50
FINISHED = 10
RAY_WARNS_AFTER = 0.5  # seconds, TUNE_WARN_THRESHOLD_S

NO_CONTROLLER: Any = None
"""Stands for Ray's controller, which the schedulers do not use here."""


class Driver:
    """A scheduler and ``n`` trials that report in turn. A trial that ends is replaced by a new one."""

    def __init__(
        self, scheduler: TrialScheduler, n: int, curves: np.ndarray, rng: np.random.Generator
    ) -> None:
        self.scheduler = scheduler
        self.curves = curves
        self.n_started = 0
        self.running = [self._start() for _ in range(n)]
        # These reports come before any trial has finished, because decisions are then fast.
        for slot in self.running:
            for _ in range(rng.integers(1, HORIZON - 1)):
                scheduler.on_trial_result(NO_CONTROLLER, slot["trial"], self._next(slot))
        for _ in range(FINISHED):
            slot = self._start()
            for _ in range(HORIZON):
                result = self._next(slot)
            scheduler.on_trial_complete(NO_CONTROLLER, slot["trial"], result)

    def report(self, i: int) -> float:
        """Report the next result of trial ``i``; the seconds that the scheduler takes."""
        slot = self.running[i]
        result = self._next(slot)
        start = time.perf_counter()
        decision = self.scheduler.on_trial_result(NO_CONTROLLER, slot["trial"], result)
        seconds = time.perf_counter() - start
        if decision == TrialScheduler.STOP or slot["step"] == HORIZON:
            self.scheduler.on_trial_complete(NO_CONTROLLER, slot["trial"], result)
            self.running[i] = self._start()
        return seconds

    def _start(self) -> dict[str, Any]:
        trial = Trial("trainable", stub=True)
        self.scheduler.on_trial_add(NO_CONTROLLER, trial)
        self.n_started += 1
        return {"trial": trial, "curve": self.curves[self.n_started % len(self.curves)], "step": 0}

    def _next(self, slot: dict[str, Any]) -> dict[str, Any]:
        slot["step"] += 1
        return {"training_iteration": slot["step"], "accuracy": float(slot["curve"][slot["step"] - 1])}


def measure(n: int, n_results: int, curves: np.ndarray) -> dict[str, np.ndarray]:
    """Seconds of each result by scheduler, ``[n_results]``, with ``n`` running trials."""
    common: Any = {"metric": "accuracy", "mode": "max"}
    schedulers = {
        "LCPFNScheduler": LCPFNScheduler(horizon=HORIZON, **common),
        "LCPFNScheduler, interval_steps=5": LCPFNScheduler(horizon=HORIZON, interval_steps=5, **common),
        "ASHAScheduler": ASHAScheduler(max_t=HORIZON, **common),
    }
    for scheduler in schedulers.values():
        scheduler.set_search_properties(None, None)  # as Ray does before a search; loads the network
    drivers = {
        name: Driver(scheduler, n, curves, np.random.default_rng(0)) for name, scheduler in schedulers.items()
    }
    seconds = {name: np.empty(n_results) for name in schedulers}
    for k in range(n_results):
        for name, driver in drivers.items():
            seconds[name][k] = driver.report(k % n)
    for name, driver in drivers.items():
        if name.startswith("LCPFN"):
            print(f"{n} trials, {name}: {driver.scheduler.debug_string()}")
    return seconds


def main() -> None:
    """Print one row for each scheduler and number of trials."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--results", type=int, default=1000)
    args = parser.parse_args()
    curves = sample_curves(2000, generator=torch.Generator().manual_seed(0), length=HORIZON).double().numpy()
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, {torch.get_num_threads()} torch threads"
    table = Table(title=f"on_trial_result, milliseconds; {args.results} results each; {machine}")
    for column in ("trials", "scheduler", "median", "p99", "max", "results/s", f"over {RAY_WARNS_AFTER} s"):
        table.add_column(column, justify="left" if column == "scheduler" else "right")
    for n in args.trials:
        for name, seconds in measure(n, args.results, curves).items():
            row = (1e3 * np.median(seconds), 1e3 * np.percentile(seconds, 99), 1e3 * seconds.max())
            slow = int((seconds > RAY_WARNS_AFTER).sum())
            table.add_row(
                str(n), name, *(f"{value:.3f}" for value in row), f"{1 / seconds.mean():,.0f}", str(slow)
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
