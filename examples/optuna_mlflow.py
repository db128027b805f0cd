"""MLflow with Optuna: the curve, the stop, its reason and the savings of each trial.

``horizon`` counts epochs here, the reports of a full trial. Optuna's ``MLflowCallback`` gives each trial a
run, whose tags are its state (PRUNED if it was stopped) and its user attributes, ``lcstop_reason`` among
them. Tags are texts, so ``log_stop`` adds the numbers of a stop as metrics. The ``best_accuracy`` of a
stopped trial is its last report. The decorator ``track_in_mlflow`` opens the run before the trial, for the
curve.

The runs go to ``MLFLOW_TRACKING_URI``, by default a file in the working directory. ``mlflow ui`` shows them.

    pip install "lcstop[optuna]" optuna-integration mlflow scikit-learn
"""

import mlflow
import optuna
from optuna_integration import MLflowCallback
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from lcstop_optuna import LCPFNPruner, stop_metrics, summary

EPOCHS, TRIALS = 30, 30
X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X / 16, y, random_state=0)
tracker = MLflowCallback(metric_name="best_accuracy", create_experiment=False, mlflow_kwargs={"nested": True})


@tracker.track_in_mlflow()
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
        mlflow.log_metric("accuracy", accuracies[-1], step=epoch)
        trial.report(accuracies[-1], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return max(accuracies)


def log_stop(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """Add the numbers of a stop to the run of its trial."""
    with mlflow.start_run(run_id=trial.system_attrs["mlflow_run_id"], nested=True):
        mlflow.log_metrics(stop_metrics(trial))


if __name__ == "__main__":
    mlflow.set_experiment("digits")
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=EPOCHS, n_trials=TRIALS, lower=0, upper=1),  # the one line
    )
    with mlflow.start_run(run_name="search"):  # the runs of the trials are below this one
        study.optimize(objective, n_trials=TRIALS, callbacks=[tracker, log_stop])
        found = summary(study)
        mlflow.log_metric("share_saved", found.certificate.share_saved)
        mlflow.set_tag("lcstop_summary", str(found))
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(EPOCHS - len(trial.intermediate_values) for trial in stopped)
    print(f"saved {saved} of {TRIALS * EPOCHS} epochs, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best accuracy {study.best_value:.4f}")
