"""Made-up tasks with hyperparameters that explain the curves, for the tests of searches."""

import numpy as np

from lcstop.simulation.task import Task


def searched_task(n_trials=40, n_steps=10, seed=0, direction="maximize", name=None) -> Task:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, n_trials)
    layers, optimizers = rng.integers(1, 5, n_trials), rng.choice(["adam", "sgd"], n_trials)
    params = tuple(
        {"lr": 10 ** -(5 * a), "layers": int(n), "opt": str(word)}
        for a, n, word in zip(x, layers, optimizers, strict=True)
    )
    top = 0.9 - np.abs(x - 0.4)[:, None] + rng.normal(0, 0.01, (n_trials, 1))
    values = top * (1 - 0.6 ** np.arange(1, n_steps + 1)) + rng.normal(0, 0.01, (n_trials, n_steps))
    sign = 1 if direction == "maximize" else -1
    lengths = np.full(n_trials, n_steps)
    return Task("tests", name or f"tests/{seed}", direction, sign * values, lengths, params)
