"""XGBoost with Optuna: trials that are unlikely to win stop boosting.

``horizon`` counts boosting rounds, the ``num_boost_round`` of ``xgboost.train`` or the ``n_estimators`` of
``XGBClassifier``. The callback reports after each round. Keep that number the same in all trials and search
the learning rate. ``early_stopping_rounds`` may still end a trial earlier.

With ``xgboost.cv`` the callback reports the mean of the folds. A loop of ``xgboost.train`` over folds counts
from 0 in each fold, and Optuna ignores every report after the first fold. Pass the callback to one fold only.

    pip install "lcstop[optuna]" optuna-integration xgboost scikit-learn
"""

import optuna
import xgboost
from optuna_integration import XGBoostPruningCallback
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from lcstop_optuna import LCPFNPruner

ROUNDS, TRIALS = 100, 40
X_train, X_valid, y_train, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)
train, valid = xgboost.DMatrix(X_train, y_train), xgboost.DMatrix(X_valid, y_valid)


def objective(trial: optuna.Trial) -> float:
    """The lowest validation loss of one configuration."""
    params = {
        "objective": "multi:softprob",
        "num_class": 10,
        "eval_metric": "mlogloss",
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1, log=True),
        "max_depth": trial.suggest_int("max_depth", 2, 8),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.1, 20, log=True),
        "subsample": trial.suggest_float("subsample", 0.4, 1),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1),
        "nthread": 1,
    }
    history: dict = {}
    xgboost.train(
        params,
        train,
        num_boost_round=ROUNDS,
        evals=[(valid, "valid")],
        evals_result=history,
        callbacks=[XGBoostPruningCallback(trial, "valid-mlogloss")],
        verbose_eval=False,
    )
    return min(history["valid"]["mlogloss"])


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
