"""CPUs of stopped trials go to the others: Ray's ``ResourceChangingScheduler`` around ``LCPFNScheduler``.

``horizon`` counts boosting rounds, Ray's ``training_iteration``. To change the resources of a trial, Ray
pauses it and restarts it from its last checkpoint. Each report therefore has a checkpoint. Without one the
trial would start again, and the scheduler would discard its curve.

    pip install "lcstop[ray]" xgboost scikit-learn
"""

import tempfile
from pathlib import Path

import xgboost
from ray import tune
from ray.tune.schedulers import ResourceChangingScheduler
from ray.tune.search import BasicVariantGenerator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from lcstop_ray import LCPFNScheduler

ROUNDS, TRIALS = 30, 12
X_train, X_valid, y_train, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)


def train(config: dict) -> None:
    """Boost with one configuration, from where the trial was paused."""
    data, valid = xgboost.DMatrix(X_train, y_train), xgboost.DMatrix(X_valid, y_valid)
    cpus = int(tune.get_context().get_trial_resources().required_resources["CPU"])
    params = {"objective": "multi:softprob", "num_class": 10, "nthread": cpus, **config}
    model = xgboost.Booster(params, [data])
    if checkpoint := tune.get_checkpoint():
        with checkpoint.as_directory() as folder:
            model.load_model(Path(folder, "model.ubj"))
        model.set_param({"nthread": cpus})
    for i in range(model.num_boosted_rounds(), ROUNDS):
        model.update(data, i)
        loss = float(model.eval(valid).split(":")[1])
        with tempfile.TemporaryDirectory() as folder:
            model.save_model(Path(folder, "model.ubj"))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": loss, "cpus": cpus}, checkpoint=checkpoint)


if __name__ == "__main__":
    scheduler = LCPFNScheduler(horizon=ROUNDS, lower=0)  # the one line
    tuner = tune.Tuner(
        train,
        param_space={
            "learning_rate": tune.loguniform(1e-3, 1),
            "max_depth": tune.randint(2, 9),
            "subsample": tune.uniform(0.4, 1),
        },
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=TRIALS,
            search_alg=BasicVariantGenerator(random_state=0),
            scheduler=ResourceChangingScheduler(scheduler),
        ),
        run_config=tune.RunConfig(checkpoint_config=tune.CheckpointConfig(num_to_keep=2)),
    )
    results = tuner.fit()
    saved = sum(ROUNDS - decision.cutoff for decision in scheduler.stops.values())
    print(f"saved {saved:g} of {TRIALS * ROUNDS} rounds, stopped {len(scheduler.stops)} of {TRIALS} trials")
    print(f"best loss {results.get_best_result(scope='all').metrics_dataframe['loss'].min():.4f}")
    print(f"most CPUs of one trial: {max(result.metrics['cpus'] for result in results)}")
