"""The demo: the same search for a network for handwritten digits, with and without pruning."""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import torch
from rich.console import Console

from lcstop._utils.progress import search_progress
from lcstop.demo.digits import load_data
from lcstop.demo.result import DemoResult, compare
from lcstop_optuna.demo.timed_search import TimedSearch
from lcstop_optuna.pruner import LCPFNPruner
from lcstop_optuna.records import read_study
from lcstop_optuna.replay import OptunaPolicy
from lcstop_optuna.trials import to_curve

__all__ = ["run_demo"]


def run_demo(storage: str | None, out: Path, n_trials: int, n_epochs: int, console: Console) -> DemoResult:
    """Search hyperparameters with pruning, train the same configurations without, and compare.

    The value of a trial is its best epoch: in the objective, in the figures, and for the pruner
    (``target="best"``). Both searches use the same objective and storage. Only the pruner differs.

    Args:
        storage: Optuna storage URL, where the two new studies are kept. None: a temporary SQLite file.
        out: Folder for ``curves.png`` and ``report.html``. It is created if missing.
        n_trials: Number of trials.
        n_epochs: Epochs of a full trial, at least 2.
        console: Where progress is shown.

    Raises:
        OSError: If ``out`` cannot be written.
        ValueError: If ``n_epochs`` is too small, or the storage URL is not allowed.
    """
    out.mkdir(parents=True, exist_ok=True)  # fails before the search, not after it
    pruner = LCPFNPruner(horizon=n_epochs, n_trials=n_trials)
    load_data()  # before either search is timed
    name = f"lcstop-demo-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    with _quiet_optuna(), _one_thread(), _opened(storage) as place:
        sampler = optuna.samplers.TPESampler(seed=0)
        pruned = TimedSearch(_study(place, name, pruner, sampler), n_trials, n_epochs)
        whole = TimedSearch(_study(place, f"{name}-without-pruning"), n_trials, n_epochs)
        if storage is not None:
            console.print(f"studies: {pruned.study.study_name}, {whole.study.study_name}", highlight=False)
        with search_progress(console) as progress:
            pruned.run(progress, "pruned")
            for trial in pruned.trials:
                whole.study.enqueue_trial(trial.params)
            whole.run(progress, "whole")
        recorded = read_study(pruned.study, n_epochs)
        compared = [
            replace(trial, full_curve=to_curve(whole.trials[trial.number], n_epochs), attrs={})
            for trial in recorded.trials
        ]
        return compare(
            replace(recorded, trials=compared, metric="validation accuracy", step="epoch"),
            pruner.config,
            seconds=(pruned.seconds, whole.seconds),
            studies=(pruned.study.study_name, whole.study.study_name),
            decision_ms=1000 * statistics.median(pruned.decision_seconds),
            out=out,
            rules={
                "median rule": lambda study: OptunaPolicy(optuna.pruners.MedianPruner(), study),
                "halving": lambda study: OptunaPolicy(optuna.pruners.SuccessiveHalvingPruner(), study),
            },
        )


def _study(
    place: optuna.storages.BaseStorage | str,
    name: str,
    pruner: optuna.pruners.BasePruner | None = None,
    sampler: optuna.samplers.BaseSampler | None = None,
) -> optuna.Study:
    try:
        return optuna.create_study(
            storage=place,
            study_name=name,
            direction="maximize",
            pruner=pruner or optuna.pruners.NopPruner(),
            sampler=sampler,
        )
    except Exception as error:
        # Drivers raise many types of errors. The user can only change the URL.
        raise ValueError(f"cannot use the storage {place}: {error}") from error


@contextlib.contextmanager
def _opened(storage: str | None) -> Iterator[str | optuna.storages.BaseStorage]:
    """The user's storage, or a temporary SQLite file that is deleted in any case."""
    if storage is not None:
        yield storage
        return
    with tempfile.TemporaryDirectory(prefix="lcstop-demo-", ignore_cleanup_errors=True) as folder:
        opened = optuna.storages.RDBStorage(f"sqlite:///{Path(folder, 'study.db').as_posix()}")
        try:
            yield opened
        finally:
            opened.remove_session()
            opened.engine.dispose()  # an open file cannot be deleted on Windows


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Silence Optuna's log of each trial: the progress display shows the same."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Limit torch to one thread, which is fastest for these small matrices."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
