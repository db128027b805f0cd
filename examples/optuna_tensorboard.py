"""TensorBoard with Optuna: the curve, the stop, its reason and the hyperparameters of each trial.

``horizon`` counts epochs here, the reports of a full trial. The ``TensorBoardCallback`` of
optuna-integration is deprecated, needs TensorFlow, and leaves out stopped trials. The callback below writes
each trial as a run: its curve, the numbers of its stop as scalars, the reason as a text, and a row in the
table of hyperparameters. ``tensorboard --logdir runs`` shows them.

    pip install "lcstop[optuna]" tensorboardX tensorboard scikit-learn
"""

import optuna
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from tensorboardX import SummaryWriter

from lcstop_optuna import LCPFNPruner, stop_metrics, summary

EPOCHS, TRIALS, FOLDER = 30, 30, "runs"
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


def log_trial(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Write a trial that has ended."""
    if trial.value is None:  # it failed, or reported nothing
        return
    stop = stop_metrics(trial)
    with SummaryWriter(f"{FOLDER}/{trial.number:03}") as writer:
        for step, accuracy in trial.intermediate_values.items():
            writer.add_scalar("accuracy", accuracy, step)
        for name, number in stop.items():
            writer.add_scalar(name, number, trial.last_step)
        if reason := trial.user_attrs.get("lcstop_reason"):
            writer.add_text("lcstop_reason", reason, trial.last_step)
        metrics = {"value": trial.value, "lcstop_stopped": stop["lcstop_stopped"]}
        writer.add_hparams(trial.params, metrics, name="hparams", global_step=trial.last_step)


if __name__ == "__main__":
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=EPOCHS, n_trials=TRIALS, lower=0, upper=1),  # the one line
    )
    study.optimize(objective, n_trials=TRIALS, callbacks=[log_trial])
    with SummaryWriter(FOLDER) as writer:
        writer.add_text("lcstop_summary", str(summary(study)))
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(EPOCHS - len(trial.intermediate_values) for trial in stopped)
    print(f"saved {saved} of {TRIALS * EPOCHS} epochs, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best accuracy {study.best_value:.4f}")
