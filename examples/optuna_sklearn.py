"""scikit-learn with Optuna: models with ``partial_fit`` or ``warm_start`` can be stopped early.

``horizon`` counts epochs here. An epoch is one call of ``partial_fit`` on the whole training set. With
``warm_start`` (forests, boosting), ``horizon`` is the ``n_estimators`` or ``max_iter`` of the last ``fit``,
and the step to report is the present one.

    pip install "lcstop[optuna]" scikit-learn
"""

import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from lcstop_optuna import LCPFNPruner

EPOCHS, TRIALS = 30, 40
X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X / 16, y, random_state=0)


def objective(trial: optuna.Trial) -> float:
    """The best validation accuracy of one configuration."""
    model = SGDClassifier(
        loss=trial.suggest_categorical("loss", ["hinge", "log_loss", "modified_huber"]),
        alpha=trial.suggest_float("alpha", 1e-6, 1, log=True),
        learning_rate="constant",
        eta0=trial.suggest_float("eta0", 1e-5, 1, log=True),
        average=trial.suggest_categorical("average", [False, True]),
        random_state=0,
    )
    accuracies = []
    for epoch in range(EPOCHS):
        model.partial_fit(X_train, y_train, classes=range(10))
        accuracies.append(model.score(X_valid, y_valid))
        trial.report(accuracies[-1], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return max(accuracies)


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
