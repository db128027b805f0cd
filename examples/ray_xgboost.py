"""XGBoost with Ray Tune: Ray's callback reports every round.

``horizon`` counts boosting rounds, the ``num_boost_round`` of ``xgboost.train``. The callback's ``frequency``
only concerns checkpoints. At the end the callback reports the last round again with the model, as iteration
``ROUNDS + 1``. The scheduler ignores reports past the horizon. ``stop={"training_iteration": ROUNDS}`` would
end the trial before that checkpoint is written.

    pip install "lcstop[ray]" xgboost scikit-learn
"""

import xgboost
from ray import tune
from ray.tune.integration.xgboost import TuneReportCheckpointCallback
from ray.tune.search import BasicVariantGenerator
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from lcstop_ray import LCPFNScheduler

ROUNDS, TRIALS = 60, 16
X_train, X_valid, y_train, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)


def train(config: dict) -> None:
    """Boost with one configuration."""
    xgboost.train(
        {
            "objective": "multi:softprob",
            "num_class": 10,
            "eval_metric": "mlogloss",
            "nthread": 1,
            **config,
        },
        xgboost.DMatrix(X_train, y_train),
        num_boost_round=ROUNDS,
        evals=[(xgboost.DMatrix(X_valid, y_valid), "valid")],
        callbacks=[TuneReportCheckpointCallback({"loss": "valid-mlogloss"})],
        verbose_eval=False,
    )


if __name__ == "__main__":
    scheduler = LCPFNScheduler(horizon=ROUNDS, lower=0)  # the one line
    tuner = tune.Tuner(
        train,
        param_space={
            "learning_rate": tune.loguniform(1e-3, 1),
            "max_depth": tune.randint(2, 9),
            "subsample": tune.uniform(0.4, 1),
            "colsample_bytree": tune.uniform(0.2, 1),
        },
        tune_config=tune.TuneConfig(
            metric="loss",
            mode="min",
            num_samples=TRIALS,
            search_alg=BasicVariantGenerator(random_state=0),
            scheduler=scheduler,
        ),
    )
    results = tuner.fit()
    saved = sum(ROUNDS - decision.cutoff for decision in scheduler.stops.values())
    print(f"saved {saved:g} of {TRIALS * ROUNDS} rounds, stopped {len(scheduler.stops)} of {TRIALS} trials")
    print(f"best loss {results.get_best_result(scope='all').metrics_dataframe['loss'].min():.4f}")
