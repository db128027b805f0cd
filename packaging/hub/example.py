"""Thirty configurations of a small network on handwritten digits, the poor ones stopped early."""

import optuna
import optunahub
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

EPOCHS = 30

X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, random_state=0)


def objective(trial: optuna.Trial) -> float:
    """The validation accuracy after the last epoch."""
    model = MLPClassifier(
        hidden_layer_sizes=(trial.suggest_int("width", 8, 128, log=True),),
        learning_rate_init=trial.suggest_float("lr", 1e-5, 1e-1, log=True),
        random_state=0,
    )
    for epoch in range(EPOCHS):
        model.partial_fit(X_train, y_train, classes=range(10))
        trial.report(model.score(X_valid, y_valid), epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return float(model.score(X_valid, y_valid))


if __name__ == "__main__":
    module = optunahub.load_module(package="pruners/lcpfn")
    pruner = module.LCPFNPruner(horizon=EPOCHS, target="final", lower=0, upper=1)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    study.optimize(objective, n_trials=30)
    for trial in study.trials:
        print(trial.number, trial.state.name, trial.value, trial.user_attrs.get("lcstop_reason", ""))
