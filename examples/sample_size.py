"""How much data is enough: curves over the size of the training set.

python examples/sample_size.py            (needs scikit-learn)

A trial fits its model to growing parts of the training set. A step is the number of rows, so the horizon is
the whole training set. A model that is unlikely to win is stopped on a part of the data. A model that more
data would hardly improve ends as converged.
"""

from __future__ import annotations

import optuna
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from lcstop import Curve, MetricScale, load_surrogate
from lcstop_optuna import LCPFNPruner, converged

X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X, y, random_state=0)
N = len(X_train)
SIZES = range(N % 50, N + 1, 50)  # 47, 97, ..., 1347: the last step is the whole training set


def objective(trial: optuna.Trial) -> float:
    """The best validation accuracy of a support vector machine over the sizes of its training set."""
    model = SVC(
        C=trial.suggest_float("C", 1e-2, 1e2, log=True),
        gamma=trial.suggest_float("gamma", 1e-6, 1e-1, log=True),
    )
    best = 0.0
    for size in SIZES:
        best = max(best, model.fit(X_train[:size], y_train[:size]).score(X_valid, y_valid))
        trial.report(model.score(X_valid, y_valid), step=size)
        if trial.should_prune():
            raise optuna.TrialPruned
        if converged(trial):
            break
    return best


def main(n_trials: int = 30) -> optuna.Study:
    """Run the search, print its savings, and forecast the accuracy with twice the data."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = LCPFNPruner(horizon=N, lower=0, upper=1, min_gain=0.005)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials)
    for trial in study.trials:
        attrs = trial.user_attrs
        why = attrs.get("lcstop_reason") or attrs.get("lcstop_converged") or "the whole training set"
        print(f"trial {trial.number:2}: {trial.last_step:4} rows, {trial.state.name:8} {why}")
    fits = sum(len(trial.intermediate_values) for trial in study.trials)
    print(f"{fits} of {len(SIZES) * n_trials} fits, best accuracy {study.best_value:.4f}")

    best = study.best_trial
    curve = Curve.from_reports(best.intermediate_values, horizon=2 * N)
    scale = MetricScale("maximize", lower=0, upper=1)
    # The published prior has no curves that get worse. More data hardly ever makes a model worse.
    forecast = load_surrogate("lcpfn-published").forecast([curve], at=[2 * N], scale=scale)
    low, median, high = (float(forecast.quantile(q)[0, 0]) for q in (0.05, 0.5, 0.95))
    print(f"with twice the data: {median:.4f} [{low:.4f}, {high:.4f}]")
    return study


if __name__ == "__main__":
    main()
