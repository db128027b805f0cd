"""skorch with Optuna: a callback reports each epoch.

``horizon`` counts epochs, the ``max_epochs`` of the net. ``monitor`` is a column of ``net.history``, here
``valid_acc``. A second ``partial_fit`` continues the count, so ``horizon`` is then the sum of both.

    pip install "lcstop[optuna]" optuna-integration skorch scikit-learn
"""

import optuna
import torch
from optuna_integration import SkorchPruningCallback
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from skorch.dataset import Dataset
from skorch.helper import predefined_split

from lcstop_optuna import LCPFNPruner

EPOCHS, TRIALS = 20, 30
X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split((X / 16).astype("float32"), y, random_state=0)


def objective(trial: optuna.Trial) -> float:
    """The best validation accuracy of one configuration."""
    torch.manual_seed(0)
    width = trial.suggest_int("width", 8, 128, log=True)
    dropout = trial.suggest_float("dropout", 0, 0.7)
    net = NeuralNetClassifier(
        torch.nn.Sequential(
            torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(width, 10)
        ),
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        lr=trial.suggest_float("lr", 1e-5, 1, log=True),
        batch_size=64,
        max_epochs=EPOCHS,
        train_split=predefined_split(Dataset(X_valid, y_valid)),
        callbacks=[SkorchPruningCallback(trial, monitor="valid_acc")],
        verbose=0,
    )
    net.fit(X_train, y_train)
    return max(net.history[:, "valid_acc"])


if __name__ == "__main__":
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=EPOCHS, n_trials=TRIALS, lower=0, upper=1),  # the one line
    )
    study.optimize(objective, n_trials=TRIALS)
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(EPOCHS - len(trial.intermediate_values) for trial in stopped)
    print(f"saved {saved} of {TRIALS * EPOCHS} epochs, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best accuracy {study.best_value:.4f}")
