"""Optuna's sampler inside Ray Tune: ``OptunaSearch`` proposes, ``LCPFNScheduler`` stops.

``horizon`` counts epochs: the reports of a trial. The searcher learns of a stopped trial as of one that has
finished: Optuna's state is COMPLETE, not PRUNED, with the value of the last report. So the sampler sees a
value from early in the training. It belongs to a trial that was hardly to win, and keeps the sampler away
from there; but do not read the searcher's own study for which trials were stopped, ``scheduler.stops`` says.

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
            max_concurrent_trials=2,  # or it proposes many before it has seen one
            search_alg=OptunaSearch(seed=0),
            scheduler=scheduler,
        ),
    )
    results = tuner.fit()
    saved = sum(EPOCHS - decision.cutoff for decision in scheduler.stops.values())
    print(f"saved {saved:g} of {TRIALS * EPOCHS} epochs, stopped {len(scheduler.stops)} of {TRIALS} trials")
    print(f"best accuracy {results.get_best_result(scope='all').metrics_dataframe['accuracy'].max():.4f}")
