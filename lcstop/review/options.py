"""The options for judging a recorded study."""

from __future__ import annotations

from collections.abc import Mapping

from lcstop.config.pruner import PrunerConfig
from lcstop.review.recorded_study import RecordedStudy


def options_of(study: RecordedStudy, given: Mapping[str, object]) -> PrunerConfig:
    """The options for judging a study: ``given`` first, then the recorded ones, then the defaults.

    What is given replaces recorded options that contradict it, such as ``keep`` a recorded ``preset``.

    Raises:
        ValueError: If an option is not allowed.

    Example:
        >>> from lcstop import Curve
        >>> from lcstop.review import RecordedTrial
        >>> done = RecordedTrial(0, Curve([1, 2], [0.5, 0.9], 2), "finished", start=0, end=2)
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", [done])
        >>> options_of(study, {"keep": "bold"})
        PrunerConfig(horizon=2.0, policy='study', keep='bold', ...)
    """
    recorded, merged = dict(study.options or {}), {**(study.options or {}), **given}
    by_confidence = given.get("confidence") is not None and merged.get("min_gain") is None
    if given.get("preset") is not None or given.get("policy") == "published" or by_confidence:
        recorded = {name: value for name, value in recorded.items() if name not in ("keep", "n_trials")}
    if given.get("keep") is not None and merged.get("min_gain") is None:
        recorded.pop("confidence", None)
    return PrunerConfig.from_record({**recorded, **given, "horizon": study.horizon})
