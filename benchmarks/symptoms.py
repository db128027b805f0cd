"""Reproduces the symptoms of docs/troubleshooting.md in Optuna studies, and their remedies.

    python benchmarks/symptoms.py [NAME ...]

The curves are artificial. The studies, the pruner and the storage are real. All take half a minute.
"""

import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from lcstop_optuna import LCPFNPruner

EPOCHS = 50
TRIALS = 60
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a study.

    Attributes:
        stopped: Number of stopped trials.
        share: Epochs that were run, as a share of all.
        lost: Best value of all curves minus the best value that the study found.
    """

    stopped: int
    share: float
    lost: float

    def __str__(self) -> str:
        return f"{self.stopped} of {TRIALS} stopped, {self.share:.0%} of the epochs, {self.lost:.4f} lost"


def accuracies(seed: int = 0, noise: float = 0.003, late: bool = False) -> Array:
    """Saturating accuracies, ``[TRIALS, EPOCHS]``. With ``late``, the slowest trials end best."""
    rng = np.random.default_rng(seed)
    top = rng.beta(4, 2, (TRIALS, 1)) * 0.9
    speed = rng.uniform(3, 12, (TRIALS, 1))
    if late:
        speed = 3 + 25 * top**2
    epochs = np.arange(1, EPOCHS + 1)
    clean = top * (1 - np.exp(-epochs / speed))
    found: Array = np.clip(clean + noise * rng.standard_normal(clean.shape), 0, 1)
    return found


def run(
    curves: Array,
    pruner: LCPFNPruner,
    report: Callable[[optuna.Trial, Array, int], None] | None = None,
    n_jobs: int = 1,
) -> Outcome:
    """Run a study whose trials follow the curves, one after another or ``n_jobs`` at a time."""

    def objective(trial: optuna.Trial) -> float:
        curve = curves[trial.number]
        for epoch in range(EPOCHS):
            if report is None:
                trial.report(float(curve[epoch]), epoch)
            else:
                report(trial, curve, epoch)
            if trial.should_prune():
                trial.set_user_attr("epochs", epoch + 1)
                raise optuna.TrialPruned
        return float(curve.max())

    study = optuna.create_study(direction="maximize", pruner=pruner)
    study.optimize(objective, n_trials=len(curves), n_jobs=n_jobs)
    stopped = study.get_trials(states=(optuna.trial.TrialState.PRUNED,))
    finished = len(curves) - len(stopped)
    epochs = sum(trial.user_attrs["epochs"] for trial in stopped) + finished * EPOCHS
    return Outcome(len(stopped), epochs / curves.size, float(curves.max()) - study.best_value)


def show(what: str, outcome: object) -> None:
    """Print one line."""
    print(f"  {what:<55} {outcome}")


told = partial(LCPFNPruner, n_trials=TRIALS)
"""A pruner that knows how many trials there will be."""


def too_early() -> None:
    """The best trials learn slowest, so early ranks are the reverse of late ones."""
    curves = accuracies(late=True)
    show("defaults", run(curves, told(EPOCHS)))
    show("keep='safe'", run(curves, told(EPOCHS, keep="safe")))
    show("min_steps=15", run(curves, told(EPOCHS, min_steps=15)))
    show("n_startup_trials=10", run(curves, told(EPOCHS, n_startup_trials=10)))


def never() -> None:
    """The horizon or the bounds are in another unit than the reports."""
    curves = accuracies()
    show("horizon=50, as trained", run(curves, told(EPOCHS)))
    show("horizon=5000, batches instead of epochs", run(curves, told(100 * EPOCHS)))
    show("horizon=5, too short", run(curves, told(5)))
    show("upper=1, but percent are reported", run(100 * curves, told(EPOCHS, upper=1)))


def noisy() -> None:
    """The noise of the values is as large as the differences of the trials."""
    for noise in (0.003, 0.03, 0.1):
        curves = accuracies(noise=noise)
        show(f"noise {noise}", run(curves, told(EPOCHS)))
    show("noise 0.1, patience=2", run(curves, told(EPOCHS, patience=2)))
    show("noise 0.1, keep='safe'", run(curves, told(EPOCHS, keep="safe")))
    mean = np.array([[row[max(0, i - 4) : i + 1].mean() for i in range(EPOCHS)] for row in curves])
    show("noise 0.1, mean of the last 5 reported", run(mean, told(EPOCHS)))


def late_drop() -> None:
    """A drop of the learning rate at 70 % of the epochs improves every trial, poor ones most."""
    rng = np.random.default_rng(1)
    curves = accuracies(seed=1)
    lift = rng.uniform(0.05, 0.3, (TRIALS, 1)) * (1 - curves[:, -1:])
    epochs = np.arange(EPOCHS)
    curves = np.clip(curves + lift * (1 - np.exp(-np.maximum(0, epochs - 0.7 * EPOCHS) / 2)), 0, 1)
    show("defaults", run(curves, told(EPOCHS)))
    show("keep='safe'", run(curves, told(EPOCHS, keep="safe")))
    show("policy='published'", run(curves, LCPFNPruner(EPOCHS, policy="published")))
    show("min_steps=36, after the drop", run(curves, told(EPOCHS, min_steps=36)))


def folds() -> None:
    """Steps start again in each of five folds of ten epochs."""
    curves = accuracies()

    def again(trial: optuna.Trial, curve: Array, epoch: int) -> None:
        trial.report(float(curve[epoch]), epoch % 10)

    def after_each(trial: optuna.Trial, curve: Array, epoch: int) -> None:
        if epoch % 10 == 9:
            trial.report(float(curve[9 : epoch + 1 : 10].mean()), epoch // 10)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        show("epoch of the fold as step, horizon=10", run(curves, told(10), again))
    print(f"  Optuna: {caught[0].message}")
    show("mean of the folds so far, horizon=5", run(curves, told(5), after_each))


def distributed() -> None:
    """With several trials at a time, the incumbent is known later."""
    curves = accuracies()
    for n_jobs in (1, 4, 16):
        show(f"n_jobs={n_jobs}", run(curves, told(EPOCHS), n_jobs=n_jobs))


def resuming() -> None:
    """A new process makes the same decisions from the storage; a killed trial stays in its state."""
    curves = accuracies()
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{Path(folder, 'study.db').as_posix()}"
        study = optuna.create_study(
            storage=storage, study_name="s", direction="maximize", pruner=told(EPOCHS)
        )
        for number in range(20):
            trial = study.ask()
            for epoch in range(EPOCHS):
                trial.report(float(curves[number, epoch]), epoch)
                if trial.should_prune():
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                    break
            else:
                study.tell(trial, float(curves[number].max()))
        killed = study.ask()
        for epoch in range(12):
            killed.report(float(curves[20, epoch]), epoch)
        again = optuna.load_study(storage=storage, study_name="s")
        restored = again.trials[-1]
        show("the killed trial after a restart", f"{restored.state.name} at step {restored.last_step}")
        same = [told(EPOCHS).explain(s, restored).reason for s in (study, again)]
        show("the same decision before and after", same[0] == same[1])
        show("its reason", same[0])


SYMPTOMS = {f.__name__: f for f in (too_early, never, noisy, late_drop, folds, distributed, resuming)}

if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.basicConfig(level=logging.WARNING, format="  %(name)s: %(message)s", stream=sys.stdout)
    for name in sys.argv[1:] or SYMPTOMS:
        print(f"{name}: {SYMPTOMS[name].__doc__}")
        SYMPTOMS[name]()
