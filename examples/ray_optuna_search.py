"""Optuna's sampler inside Ray Tune: ``OptunaSearch`` proposes, ``LCPFNScheduler`` stops.

``horizon`` counts epochs, the reports of a trial. The searcher counts a stopped trial as finished: its state
in Optuna is COMPLETE, not PRUNED, and its value is the last report. This value is from early in the training.
It still keeps the sampler away from configurations that are unlikely to win. To see which trials were
stopped, read ``scheduler.stops`` and not the searcher's study.

    pip install "lcstop[optuna,ray]" scikit-learn
"""

from ray import tune
from ray.tune.search.optuna import OptunaSearch
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from lcstop_ray import LCPFNScheduler

EPOCHS, TRIALS = 30, 20
X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X / 16, y, random_state=0)


def train(config: dict) -> None:
    """Train one configuration."""
    model = SGDClassifier(learning_rate="constant", random_state=0, **config)
    for _ in range(EPOCHS):
        model.partial_fit(X_train, y_train, classes=range(10))
        tune.report({"accuracy": model.score(X_valid, y_valid)})


if __name__ == "__main__":
    scheduler = LCPFNScheduler(horizon=EPOCHS, lower=0, upper=1)  # the one line
    tuner = tune.Tuner(
        train,
        param_space={
            "loss": tune.choice(["hinge", "log_loss", "modified_huber"]),
            "alpha": tune.loguniform(1e-6, 1),
            "eta0": tune.loguniform(1e-5, 1),
            "average": tune.choice([False, True]),
        },
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=TRIALS,
            max_concurrent_trials=2,  # with more, it proposes trials before it has results
            search_alg=OptunaSearch(seed=0),
            scheduler=scheduler,
        ),
    )
    results = tuner.fit()
    saved = sum(EPOCHS - decision.cutoff for decision in scheduler.stops.values())
    print(f"saved {saved:g} of {TRIALS * EPOCHS} epochs, stopped {len(scheduler.stops)} of {TRIALS} trials")
    print(f"best accuracy {results.get_best_result(scope='all').metrics_dataframe['accuracy'].max():.4f}")
