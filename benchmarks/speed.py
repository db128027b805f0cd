"""Speed of the prior and time of a decision, each compared with a reference in the same run.

python benchmarks/speed.py
"""

from __future__ import annotations

import itertools
import logging
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from rich.console import Console
from rich.table import Table

from lcstop.priors.lcpfn import sample_curves
from lcstop.pruning.due import NextQuestion
from lcstop_optuna import LCPFNPruner
from lcstop_optuna.recent_trials import RecentTrial
from lcstop_optuna.trials import to_curve

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.priors.test_lcpfn import numpy_curve  # an independent implementation, for one curve

H, REPETITIONS = 50, 1000
JUDGED_AT = 27
"""Number of reports of the judged trial. The default judges at this step."""


def machine() -> str:
    """The machine and the versions, in one line."""
    return f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"


def prior_table() -> Table:
    """Accepted curves per second: of lcstop in batches of 4,096, and of the reference one by one."""
    torch.set_num_threads(2)
    generator, rng, t = torch.Generator().manual_seed(0), np.random.default_rng(0), np.arange(1, 101.0)
    ours, theirs = [], []
    for _ in range(10):  # interleaved
        start = time.perf_counter()
        sample_curves(4096, generator=generator)
        ours.append(4096 / (time.perf_counter() - start))
        start, kept = time.perf_counter(), 0
        for _ in range(500):
            curve = numpy_curve(rng, t)["sum"]
            kept += int(curve.min() >= 0 and curve.max() <= 1 and curve[0] < curve[-1])
        theirs.append(kept / (time.perf_counter() - start))
    table = Table(title="Prior, kept curves of 100 points a second, 2 threads, median of 10")
    for title in ("lcstop", "curve by curve in numpy", "ratio"):
        table.add_column(title, justify="right")
    a, b = float(np.median(ours)), float(np.median(theirs))
    table.add_row(f"{a:,.0f}", f"{b:,.0f}", f"{a / b:,.0f}")
    return table


SPACE = {
    "lr": FloatDistribution(1e-5, 1e-1, log=True),
    "weight_decay": FloatDistribution(1e-6, 1e-1, log=True),
    "dropout": FloatDistribution(0, 0.6),
    "momentum": FloatDistribution(0.5, 0.99),
    "width": IntDistribution(8, 512, log=True),
    "optimizer": CategoricalDistribution(["sgd", "adam", "lion"]),
}


def trial_of(
    pruner: optuna.pruners.BasePruner, n_trials: int, top: float = 0.89, stopped: float = 0.0
) -> optuna.Trial:
    """A running trial of a study with ``n_trials`` ended trials and six hyperparameters without effect.

    Args:
        pruner: The study's pruner.
        n_trials: Number of ended trials.
        top: Limit of the running trial's curve. It has ``JUDGED_AT`` reports.
        stopped: Share of the ended trials that were stopped; the others have finished.
    """
    rng = np.random.default_rng(0)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(direction="maximize", pruner=pruner, sampler=sampler)
    epochs = np.arange(1, H + 1)
    for end in rng.uniform(0.5, 0.9, n_trials):
        values = end * (1 - np.exp(-epochs / 8)) + rng.normal(0, 0.005, H)
        is_stopped = rng.random() < stopped
        n = int(rng.integers(3, 40)) if is_stopped else H
        reports = dict(enumerate(values[:n].tolist()))
        params = {
            "lr": float(np.exp(rng.uniform(-11.5, -2.4))),
            "weight_decay": float(np.exp(rng.uniform(-13.8, -2.4))),
            "dropout": rng.uniform(0, 0.6),
            "momentum": rng.uniform(0.5, 0.99),
            "width": int(rng.integers(8, 513)),
            "optimizer": str(rng.choice(["sgd", "adam", "lion"])),
        }
        content: Any = {"params": params, "distributions": SPACE, "intermediate_values": reports}
        state = TrialState.PRUNED if is_stopped else TrialState.COMPLETE
        study.add_trial(create_trial(state=state, value=reports[n - 1], **content))
    trial = study.ask(SPACE)
    for epoch in range(JUDGED_AT):
        trial.report(top * (1 - np.exp(-(epoch + 1) / 8)) + rng.normal(0, 0.005), epoch)
    return trial


def as_before_the_question(trial: optuna.Trial) -> None:
    """Forget the judgement at the last report. Asked again, the trial would be given its last answer."""
    storage: Any = trial.storage
    pruner: Any = trial.study.pruner
    stored = storage._get_trial(trial._trial_id)
    stored.system_attrs, stored.user_attrs = {}, {}
    known = pruner._recent.of(trial.study, stored)
    vars(known).update(vars(RecentTrial(next=NextQuestion(JUDGED_AT), horizon=H)))


def decision_table() -> Table:
    """Milliseconds of ``trial.should_prune()`` at a step at which a judgement is due, on one thread.

    Other trials change between decisions only in the column "the same, 3 others report".
    """
    torch.set_num_threads(1)
    table = Table(
        title="One decision, ms, median (99 % quantile), 1 thread, in-memory storage, "
        f"{REPETITIONS} repetitions, interleaved"
    )
    titles = "goes on", "the same, 3 others report", "stops", "MedianPruner", "ratio of first and last"
    for title in ("finished trials", *titles):
        table.add_column(title, justify="right")
    for n in (10, 100, 1000, 10_000):
        pruners = [LCPFNPruner(horizon=H, lower=0, upper=1, audit=0) for _ in range(3)]
        goes_on, beside, stops = (
            trial_of(pruner, n, top) for pruner, top in zip(pruners, (0.89, 0.89, 0.6), strict=True)
        )
        theirs = trial_of(optuna.pruners.MedianPruner(), n)
        if goes_on.should_prune() or not stops.should_prune():
            raise RuntimeError("a trial does not go on, or is not stopped, as its column says")
        running = [beside.study.ask(SPACE) for _ in range(3)]

        def prepare(
            i: int,
            running: list[optuna.Trial] = running,
            ours: Sequence[optuna.Trial] = (goes_on, beside, stops),
        ) -> None:
            for other in running:  # the steps repeat, which ``report`` would ignore
                other.storage.set_trial_intermediate_value(other._trial_id, i % JUDGED_AT, 0.5)
            for trial in ours:
                as_before_the_question(trial)

        calls = [trial.should_prune for trial in (goes_on, beside, stops, theirs)]
        found = [
            1e3 * np.quantile(seconds, [0.5, 0.99])
            for seconds in interleaved(calls, REPETITIONS, between=prepare)
        ]
        ratio = found[0][0] / found[-1][0]
        table.add_row(f"{n:,}", *(f"{a:.2f} ({b:.2f})" for a, b in found), f"{ratio:.1f}")
    return table


def search_table() -> Table:
    """Milliseconds of every decision on 100 more trials of such studies, stops included."""
    torch.set_num_threads(1)
    logging.getLogger("lcstop").setLevel(logging.ERROR)
    table = Table(title="The decisions on 100 more trials, ms, median, 1 thread, in-memory storage")
    for title in ("ended trials", "of them stopped", "decisions", "of them stops", "all", "go on", "stop"):
        table.add_column(title, justify="right")
    for n, stopped in itertools.product((10, 100, 1000, 10_000), (0.0, 0.75)):
        pruner = LCPFNPruner(horizon=H, lower=0, upper=1, audit=0)
        study = trial_of(pruner, n, stopped=stopped).study
        rng, seconds, stops = np.random.default_rng(1), [], []
        for end in rng.uniform(0.5, 0.9, 100):
            trial, stop = study.ask(SPACE), False
            for epoch in range(H):
                value = end * (1 - np.exp(-(epoch + 1) / 8)) + rng.normal(0, 0.005)
                trial.report(value, epoch)
                due = pruner._core.question(to_curve(trial.storage.get_trial(trial._trial_id), H))
                start = time.perf_counter()
                stop = trial.should_prune()
                if due:
                    seconds.append(time.perf_counter() - start)
                    stops.append(stop)
                if stop:
                    break
            if stop:
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, value)
        ms, stop_made = 1e3 * np.array(seconds), np.array(stops)
        medians = [np.median(part) for part in (ms, ms[~stop_made], ms[stop_made])]
        shares = f"{stopped:.0%}", str(len(ms)), f"{stop_made.mean():.0%}"
        table.add_row(f"{n:,}", *shares, *(f"{median:.2f}" for median in medians))
    return table


def interleaved(
    calls: Sequence[Callable[[], object]], repetitions: int, between: Callable[[int], object] = lambda _: None
) -> np.ndarray:
    """Seconds of each call, ``[n_calls, repetitions]``, without the time of ``between``."""
    seconds = np.empty((len(calls), repetitions))
    for call in calls:
        call()
    for i in range(repetitions):
        between(i)
        for j, call in enumerate(calls):
            start = time.perf_counter()
            call()
            seconds[j, i] = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    console = Console()
    console.print(machine())
    console.print(prior_table())
    console.print(decision_table())
    console.print(search_table())
