"""One search of the demo: an Optuna study of networks for handwritten digits, timed."""

from __future__ import annotations

import time

import optuna
from optuna.trial import FrozenTrial
from rich.progress import Progress

from lcstop.demo.digits import DigitsConfig, train


class TimedSearch:
    """Runs a study and measures its time.

    Args:
        study: An Optuna study of this demo, empty or with enqueued trials.
        n_trials: Number of trials to run.
        n_epochs: Epochs of a full trial.

    Attributes:
        seconds: Wall time of :meth:`run`.
        decision_seconds: Seconds that the pruner took at each report.
    """

    def __init__(self, study: optuna.Study, n_trials: int, n_epochs: int) -> None:
        self.study = study
        self.n_trials = n_trials
        self.n_epochs = n_epochs
        self.seconds = 0.0
        self.decision_seconds: list[float] = []

    @property
    def trials(self) -> list[FrozenTrial]:
        """The study's trials, by number."""
        return self.study.get_trials(deepcopy=False)

    def run(self, progress: Progress, title: str) -> None:
        """Run every trial, shown as the line ``title`` of ``progress``."""
        self._progress, self._epochs = progress, 0
        self._task = progress.add_task(title, total=self.n_trials, best=0.0, epochs=0, saved=0)
        start = time.perf_counter()
        self.study.optimize(self._objective, self.n_trials, callbacks=[self._count])
        self.seconds = time.perf_counter() - start

    def _objective(self, trial: optuna.Trial) -> float:
        """The best validation accuracy of all epochs, because the pruner has ``target="best"``."""
        best = 0.0
        for epoch, accuracy in enumerate(train(suggest(trial), self.n_epochs), start=1):
            trial.report(accuracy, epoch)
            best = max(best, accuracy)
            self._progress.update(self._task, epochs=self._epochs + epoch)
            start = time.perf_counter()
            stop = trial.should_prune()
            self.decision_seconds.append(time.perf_counter() - start)
            if stop:
                raise optuna.TrialPruned
        return best

    def _count(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._epochs += len(trial.intermediate_values)
        saved = (trial.number + 1) * self.n_epochs - self._epochs
        self._progress.update(self._task, advance=1, best=study.best_value, saved=saved)


def suggest(trial: optuna.Trial) -> DigitsConfig:
    """Suggest hyperparameters. The ranges extend beyond the values that usually work."""
    return DigitsConfig(
        learning_rate=trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True),
        width=trial.suggest_int("width", 16, 256, log=True),
        depth=trial.suggest_int("depth", 1, 3),
        dropout=trial.suggest_float("dropout", 0.0, 0.5),
        weight_decay=trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        batch_size=trial.suggest_int("batch_size", 16, 256, log=True),
    )
