"""MLflow, Weights & Biases and TensorBoard with Ray Tune: the stops, their reasons and the savings.

``horizon`` counts epochs, the reports of a trial. ``lcstop_ray.Summary`` adds ``lcstop_stopped`` (0 or 1) and
``lcstop_step`` to the results, and every logger writes them as metrics. Pass it before the loggers. The
reason is a text, which the loggers leave out: the lines below add it. Ray's TensorBoard logger is always on.
Leave out what you do not use. Weights & Biases starts a process for each trial.

MLflow writes to ``MLFLOW_TRACKING_URI``, by default a file in the working directory. With
``WANDB_MODE=offline`` Weights & Biases writes into the folders of the trials, and ``wandb sync`` sends that.

    pip install "lcstop[ray]" mlflow wandb tensorboard scikit-learn
"""

import mlflow
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.air.integrations.wandb import WandbLoggerCallback
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from tensorboardX import SummaryWriter

from lcstop_ray import LCPFNScheduler, Summary, summary

EPOCHS, TRIALS, NAME = 30, 20, "digits"
X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X / 16, y, random_state=0)


def train(config: dict) -> None:
    """Train one configuration."""
    model = SGDClassifier(learning_rate="constant", random_state=0, **config)
    for _ in range(EPOCHS):
        model.partial_fit(X_train, y_train, classes=range(10))
        tune.report({"accuracy": model.score(X_valid, y_valid)})


class WandbLogger(WandbLoggerCallback):
    """Adds the reason to the config of a run, where texts are allowed."""

    AUTO_CONFIG_KEYS = (*WandbLoggerCallback.AUTO_CONFIG_KEYS, "lcstop_reason")


if __name__ == "__main__":
    scheduler = LCPFNScheduler(horizon=EPOCHS, lower=0, upper=1)  # the one line
    tuner = tune.Tuner(
        train,
        param_space={"alpha": tune.loguniform(1e-6, 1), "eta0": tune.loguniform(1e-5, 1)},
        tune_config=tune.TuneConfig(
            metric="accuracy", mode="max", num_samples=TRIALS, max_concurrent_trials=2, scheduler=scheduler
        ),
        run_config=tune.RunConfig(
            callbacks=[
                Summary(),  # before the loggers
                MLflowLoggerCallback(mlflow.get_tracking_uri(), experiment_name=NAME),
                WandbLogger(project=NAME),
            ]
        ),
    )
    results = tuner.fit()
    found = summary(results)

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(NAME).experiment_id
    client.set_experiment_tag(experiment, "lcstop_summary", str(found))
    runs = {run.data.tags["trial_name"]: run.info.run_id for run in client.search_runs([experiment])}
    for stop in found.stops:
        client.set_tag(runs[f"train_{stop.name}"], "lcstop_reason", stop.reason)

    for result in results:
        if reason := result.metrics["lcstop_reason"]:
            with SummaryWriter(result.path) as writer:
                writer.add_text("lcstop_reason", reason, result.metrics["training_iteration"])

    saved = sum(EPOCHS - decision.cutoff for decision in scheduler.stops.values())
    print(f"saved {saved:g} of {TRIALS * EPOCHS} epochs, stopped {len(scheduler.stops)} of {TRIALS} trials")
    print(f"best accuracy {results.get_best_result(scope='all').metrics_dataframe['accuracy'].max():.4f}")
