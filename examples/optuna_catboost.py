"""CatBoost with Optuna: trials that are unlikely to win stop boosting.

``horizon`` counts boosting rounds, the ``iterations`` of ``CatBoostClassifier``. A callback of CatBoost
cannot raise ``TrialPruned``, so ``check_pruned`` does it after ``fit``. Without that line, a stopped trial
counts as finished. Callbacks need ``task_type="CPU"``.

    pip install "lcstop[optuna]" optuna-integration catboost scikit-learn
"""

import optuna
from catboost import CatBoostClassifier
from optuna_integration import CatBoostPruningCallback
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from lcstop_optuna import LCPFNPruner

ROUNDS, TRIALS = 100, 40
X_train, X_valid, y_train, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)


def objective(trial: optuna.Trial) -> float:
    """The lowest validation loss of one configuration."""
    model = CatBoostClassifier(
        loss_function="MultiClass",
        iterations=ROUNDS,
        learning_rate=trial.suggest_float("learning_rate", 1e-3, 1, log=True),
        depth=trial.suggest_int("depth", 2, 6),
        l2_leaf_reg=trial.suggest_float("l2_leaf_reg", 0.1, 30, log=True),
        rsm=trial.suggest_float("rsm", 0.2, 1),
        random_seed=0,
        thread_count=1,
        verbose=False,
        allow_writing_files=False,  # else CatBoost writes catboost_info/
    )
    callback = CatBoostPruningCallback(trial, "MultiClass")
    model.fit(X_train, y_train, eval_set=(X_valid, y_valid), callbacks=[callback])
    callback.check_pruned()
    return model.get_best_score()["validation"]["MultiClass"]


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
