"""Trials that wait and go on later, in Optuna: ``pause=True`` and the callback ``PauseResume``.

Optuna cannot pause a trial. A trial that waits ends as ``PRUNED``, and goes on as a new trial with the same
parameters. The objective loads the checkpoint of the trial that ``resume_from(trial)`` names. ``horizon``
counts epochs here, as in ``optuna_sklearn.py``.

    pip install "lcstop[optuna]" scikit-learn
"""

import pickle
import tempfile
from pathlib import Path

import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from lcstop_optuna import LCPFNPruner, PauseResume, resume_from, summary

EPOCHS, TRIALS = 30, 40
X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X / 16, y, random_state=0)
FOLDER = Path(tempfile.mkdtemp())  # a folder that all workers see


def objective(trial: optuna.Trial) -> float:
    """The best validation accuracy of one configuration."""
    before = resume_from(trial)
    model = SGDClassifier(
        loss=trial.suggest_categorical("loss", ["hinge", "log_loss", "modified_huber"]),
        alpha=trial.suggest_float("alpha", 1e-6, 1, log=True),
        learning_rate="constant",
        eta0=trial.suggest_float("eta0", 1e-5, 1, log=True),
        average=trial.suggest_categorical("average", [False, True]),
        random_state=0,
    )
    accuracies = []
    if before is not None:
        model, accuracies = pickle.loads((FOLDER / f"{before.number}.pickle").read_bytes())  # noqa: S301
    for epoch in range(len(accuracies), EPOCHS):
        model.partial_fit(X_train, y_train, classes=range(10))
        accuracies.append(model.score(X_valid, y_valid))
        trial.report(accuracies[-1], epoch)
        if trial.should_prune():
            (FOLDER / f"{trial.number}.pickle").write_bytes(pickle.dumps((model, accuracies)))
            raise optuna.TrialPruned
    return max(accuracies)


if __name__ == "__main__":
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=EPOCHS, n_trials=TRIALS, lower=0, upper=1, pause=True),
    )
    study.optimize(objective, callbacks=[PauseResume(n_trials=TRIALS)])
    summary(study)
    print(f"best accuracy {study.best_value:.4f}")
