"""Trials and studies that the tests of reviews make up."""

import numpy as np

from lcstop import Curve, PrunerConfig
from lcstop.review import RecordedStudy, RecordedTrial

H = 12


def trial_of(number, values, state="finished", start=None, end=None, **options) -> RecordedTrial:
    start = float(number) if start is None else start
    horizon, params = options.pop("horizon", H), options.pop("params", None)
    curve = Curve(np.arange(1.0, len(values) + 1), values, horizon, params)
    return RecordedTrial(number, curve, state, start, start + 1 if end is None else end, **options)


def study_of(trials, direction="maximize", **options) -> RecordedStudy:
    return RecordedStudy("a study", "Optuna", "accuracy", "step", direction, trials, **options)


def flat(number, value, n=H, state="finished", **options) -> RecordedTrial:
    return trial_of(number, [value] * n, state, **options)


def config_of(**options) -> PrunerConfig:
    """Options under which the exact forecasts of the tests' surrogate decide."""
    given = {"horizon": H, "policy": "published", "lower": 0, "upper": 1, "audit": 0}
    return PrunerConfig(**{**given, **options})
