"""Keras with Optuna: the callback of optuna-integration reports after each epoch.

``horizon`` counts epochs, the ``epochs`` of ``fit``. It is the same if the callback reports only every few
epochs (``interval``). ``monitor`` is a key of the logs; a metric of the validation data begins with ``val_``.
If it is not among the logs, the callback only warns, and no trial is stopped. The backend does not matter:
Keras takes the one that ``KERAS_BACKEND`` names.

    pip install "lcstop[optuna]" optuna-integration keras torch scikit-learn
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # before Keras is imported

import keras
import optuna
from optuna_integration import KerasPruningCallback
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from lcstop_optuna import LCPFNPruner

EPOCHS, TRIALS = 15, 30
X, y = load_digits(return_X_y=True)
X_train, X_valid, y_train, y_valid = train_test_split(X / 16, y, random_state=0)


def objective(trial: optuna.Trial) -> float:
    """The best validation accuracy of one configuration."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Dense(trial.suggest_int("width", 8, 128, log=True), activation="relu"),
            keras.layers.Dropout(trial.suggest_float("dropout", 0, 0.7)),
            keras.layers.Dense(10),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(trial.suggest_float("lr", 1e-5, 1, log=True)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        X_train,
        y_train,
        batch_size=64,
        epochs=EPOCHS,
        validation_data=(X_valid, y_valid),
        callbacks=[KerasPruningCallback(trial, "val_accuracy")],
        verbose=0,
    )
    return max(history.history["val_accuracy"])


if __name__ == "__main__":
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=EPOCHS, n_trials=TRIALS, lower=0, upper=1),  # the one line
    )
    study.optimize(objective, n_trials=TRIALS)
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(EPOCHS - len(trial.intermediate_values) for trial in stopped)
    print(f"saved {saved} of {TRIALS * EPOCHS} epochs, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best accuracy {study.best_value:.4f}")
