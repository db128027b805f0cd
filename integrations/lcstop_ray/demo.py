"""The demo with Ray Tune: the same search for a network for handwritten digits, with and without pruning."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.schedulers import TrialScheduler
from ray.tune.search.basic_variant import BasicVariantGenerator
from rich.console import Console
from rich.progress import Progress

from lcstop import PrunerConfig
from lcstop._utils.progress import search_progress
from lcstop.demo.digits import DigitsConfig, train
from lcstop.demo.result import DemoResult, compare
from lcstop.review.recorded_trial import RecordedTrial
from lcstop_ray.folder import read_folder
from lcstop_ray.replay import RULES, build
from lcstop_ray.scheduler import LCPFNScheduler

SPACE = {
    "learning_rate": tune.loguniform(1e-5, 1e-1),
    "width": tune.lograndint(16, 257),
    "depth": tune.randint(1, 4),
    "dropout": tune.uniform(0.0, 0.5),
    "weight_decay": tune.loguniform(1e-6, 1e-1),
    "batch_size": tune.lograndint(16, 257),
}


_NAMES = {"median": "median rule", "asha": "ASHA"}
"""Rules that the demo shows beside lcstop."""


class DigitsTrainable(tune.Trainable):
    """Trains one epoch per step. Actors are reused, which saves the start of a process per trial."""

    def setup(self, config: dict[str, Any]) -> None:
        """Start the training of a configuration."""
        torch.set_num_threads(1)  # one CPU a trial
        self._curve = train(DigitsConfig(**{name: config[name] for name in SPACE}), config["n_epochs"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start the training of another configuration in the same process."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, float]:
        """Train one epoch."""
        return {"accuracy": next(self._curve)}


class TimedScheduler(LCPFNScheduler):
    """A scheduler that measures the time of each result."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """See :meth:`LCPFNScheduler.on_trial_result`."""
        start = time.perf_counter()
        decision = super().on_trial_result(tune_controller, trial, result)
        self.result_seconds.append(time.perf_counter() - start)
        return decision

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.result_seconds: list[float] = []


class DemoProgress(tune.Callback):
    """Updates one line of the progress display."""

    def __init__(self, progress: Progress, title: str, n_trials: int, n_epochs: int) -> None:
        self._progress, self._n_epochs = progress, n_epochs
        self._epochs = self._planned = 0
        self._best = 0.0
        self._task = progress.add_task(title, total=n_trials, best=0.0, epochs=0, saved=0)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Ray pickles callbacks, and a progress display cannot be pickled

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
        """Count an epoch."""
        self._epochs += 1
        self._best = max(self._best, result["accuracy"])
        self._progress.update(self._task, epochs=self._epochs, best=self._best)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Count a trial that was stopped or has finished."""
        self._planned += self._n_epochs - trial.last_result["training_iteration"]
        self._progress.update(self._task, advance=1, saved=self._planned)


def run_demo(storage: str | None, out: Path, n_trials: int, n_epochs: int, console: Console) -> DemoResult:
    """Run a random search with pruning, then the same configurations without, and compare.

    Args:
        storage: Folder for Ray's results. None: a temporary folder.
        out: Folder for ``curves.png`` and ``report.html``. It is created if missing.
        n_trials: Number of trials.
        n_epochs: Epochs of a full trial.
        console: Where progress is shown.

    Raises:
        OSError: If ``out`` or ``storage`` cannot be written.
        ValueError: If a trial failed before its first epoch.
    """
    out.mkdir(parents=True, exist_ok=True)  # fails before the search, not after it
    name = f"lcstop-demo-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    names = (name, f"{name}-without-pruning")
    config = PrunerConfig(horizon=n_epochs, n_trials=n_trials)
    scheduler = TimedScheduler(**config.model_dump())
    with _folder(storage) as folder, _cluster(), search_progress(console) as progress:
        seconds = []
        for title, study, chosen in zip(("pruned", "whole"), names, (scheduler, None), strict=True):
            callback = DemoProgress(progress, title, n_trials, n_epochs)
            start = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):  # Ray prints a header even with verbose=0
                _tuner(chosen, callback, folder, study, n_trials, n_epochs).fit()
            seconds.append(time.perf_counter() - start)
        pruned, whole = (
            read_folder(Path(folder, study), "accuracy", "max", horizon=n_epochs) for study in names
        )
    full_curves = {_configuration(trial): trial.curve for trial in whole.trials}
    compared = [replace(trial, full_curve=full_curves[_configuration(trial)]) for trial in pruned.trials]
    return compare(
        replace(pruned, trials=compared, metric="validation accuracy", step="epoch"),
        config,
        seconds=(seconds[0], seconds[1]),
        studies=names,
        decision_ms=1000 * statistics.median(scheduler.result_seconds),
        out=out,
        rules={
            _NAMES[setting.rule]: partial(build, setting)
            for setting in RULES.settings
            if setting.default and setting.rule in _NAMES
        },
    )


def _configuration(trial: RecordedTrial) -> str:
    """Number of the configuration of a trial: the end of its id. Trials start only in about that order."""
    return trial.name.rpartition("_")[2]


def _tuner(
    scheduler: TrialScheduler | None,
    callback: DemoProgress,
    folder: str,
    name: str,
    n_trials: int,
    n_epochs: int,
) -> tune.Tuner:
    return tune.Tuner(
        tune.with_resources(DigitsTrainable, {"cpu": 1}),
        param_space={**SPACE, "n_epochs": n_epochs},
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=n_trials,
            scheduler=scheduler,
            search_alg=BasicVariantGenerator(random_state=0),  # the same configurations both times
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=folder,
            stop={"training_iteration": n_epochs},
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            callbacks=[callback],
            verbose=0,
        ),
    )


@contextlib.contextmanager
def _folder(storage: str | None) -> Iterator[str]:
    if storage is not None:
        yield str(Path(storage).absolute())
        return
    with tempfile.TemporaryDirectory(prefix="lcstop-demo-", ignore_cleanup_errors=True) as folder:
        yield folder


@contextlib.contextmanager
def _cluster() -> Iterator[None]:
    """Use the running Ray, or start a local cluster of two CPUs and shut it down at the end."""
    if ray.is_initialized():
        yield
        return
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()
