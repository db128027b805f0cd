"""LightGBM with Optuna: trials that are unlikely to win stop boosting.

``horizon`` counts boosting rounds, the ``num_boost_round`` of ``lightgbm.train`` or the ``n_estimators`` of
``LGBMClassifier``. It is the same if the callback reports only every tenth round (``report_interval=10``,
which costs less). ``metric`` is the name of a metric as LightGBM prints it. Its direction must be the
study's.

With ``lightgbm.cv`` the callback reports the mean of the folds.

    pip install "lcstop[optuna]" optuna-integration lightgbm scikit-learn
"""

import lightgbm
import optuna
from optuna_integration import LightGBMPruningCallback
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from lcstop_optuna import LCPFNPruner

ROUNDS, TRIALS = 100, 40
X_train, X_valid, y_train, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)


def objective(trial: optuna.Trial) -> float:
    """The lowest validation loss of one configuration."""
    params = {
        "objective": "multiclass",
        "num_class": 10,
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
        "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 2, 100, log=True),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1),
        "bagging_freq": 1,
        "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1),
        "num_threads": 1,
        "seed": 0,
        "verbosity": -1,
    }
    train = lightgbm.Dataset(X_train, y_train)
    history: dict = {}
    lightgbm.train(
        params,
        train,
        num_boost_round=ROUNDS,
        valid_sets=[train.create_valid(X_valid, y_valid)],
        callbacks=[
            lightgbm.record_evaluation(history),
            LightGBMPruningCallback(trial, "multi_logloss"),
        ],
    )
    return min(history["valid_0"]["multi_logloss"])


if __name__ == "__main__":
    study = optuna.create_study(
        direction="minimize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=ROUNDS, n_trials=TRIALS, lower=0),  # the one line
    )
    study.optimize(objective, n_trials=TRIALS)
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(ROUNDS - len(trial.intermediate_values) for trial in stopped)
    print(f"saved {saved} of {TRIALS * ROUNDS} rounds, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best loss {study.best_value:.4f}")
