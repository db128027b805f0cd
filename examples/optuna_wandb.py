"""Weights & Biases with Optuna: the stop, its reason and the savings of each trial.

``horizon`` counts epochs here, the reports of a full trial. Optuna's ``WeightsAndBiasesCallback`` logs the
hyperparameters and the value of each trial. The step is the number of the trial. The value of a stopped trial
is its last report. The callback does not log user attributes, so ``log_stop`` adds the numbers and the reason
of a stop.

With ``WANDB_MODE=offline`` nothing is sent: the run is in the folder ``wandb``, and ``wandb sync`` sends it.

    pip install "lcstop[optuna]" optuna-integration wandb scikit-learn
"""

import optuna
import wandb
from optuna_integration import WeightsAndBiasesCallback
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from lcstop_optuna import LCPFNPruner, stop_metrics, summary

EPOCHS, TRIALS = 30, 30
X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X / 16, y, random_state=0)


def objective(trial: optuna.Trial) -> float:
    """The best validation accuracy of one configuration."""
    model = SGDClassifier(
        alpha=trial.suggest_float("alpha", 1e-6, 1, log=True),
        learning_rate="constant",
        eta0=trial.suggest_float("eta0", 1e-5, 1, log=True),
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


def log_stop(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Log the stop of a trial, at the same step as its value."""
    reason = trial.user_attrs.get("lcstop_reason", "")
    wandb.log({**stop_metrics(trial), "lcstop_reason": reason}, step=trial.number)


if __name__ == "__main__":
    tracker = WeightsAndBiasesCallback(metric_name="accuracy", wandb_kwargs={"project": "digits"})
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=EPOCHS, n_trials=TRIALS, lower=0, upper=1),  # the one line
    )
    study.optimize(objective, n_trials=TRIALS, callbacks=[tracker, log_stop])
    wandb.summary["lcstop"] = summary(study).as_dict()
    wandb.finish()
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(EPOCHS - len(trial.intermediate_values) for trial in stopped)
    print(f"saved {saved} of {TRIALS * EPOCHS} epochs, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best accuracy {study.best_value:.4f}")
