"""A small review for the examples of the figures."""

from __future__ import annotations

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import RecordedTrial
from lcstop.review.review import Review


def example() -> Review:
    """The review of a made-up study: twelve trials that ran without ``lcstop``.

    Example:
        >>> len(example().trials), example().live
        (12, False)
    """
    steps = np.arange(1.0, 21.0)
    rng = np.random.default_rng(0)
    trials = []
    for number, top in enumerate([0.8, 0.5, 0.85, 0.6, 0.7, 0.9, 0.4, 0.88, 0.95, 0.3, 0.93, 0.75]):
        values = top * (1 - 0.75**steps) + rng.normal(0, 0.01, 20)
        curve = Curve(steps, values, horizon=20, params={"lr": 0.1 * top, "optimizer": "sgd"})
        trials.append(RecordedTrial(number, curve, "finished", start=60 * number, end=60 * number + 60))
    study = RecordedStudy("example", "Optuna", "accuracy", "epoch", "maximize", trials)
    return Review.of(study, PrunerConfig(horizon=20, policy="published", surrogate="last_value"))
