"""The options for judging a recorded study."""

from __future__ import annotations

from collections.abc import Mapping

from lcstop.config.pruner import PrunerConfig
from lcstop.review.record import RecordedStudy


def options_of(study: RecordedStudy, given: Mapping[str, object]) -> PrunerConfig:
    """The options for judging a study: ``given`` first, then the recorded ones, then the defaults.

    Raises:
        ValueError: If an option is not allowed.

    Example:
        >>> from lcstop import Curve
        >>> from lcstop.review import RecordedTrial
        >>> done = RecordedTrial(0, Curve([1, 2], [0.5, 0.9], 2), "finished", start=0, end=2)
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", [done])
        >>> options_of(study, {"preset": "bold"})
        PrunerConfig(horizon=2.0, policy='study', preset='bold', ...)
    """
    # Another version may have recorded options that this version does not have.
    recorded = {name: x for name, x in (study.options or {}).items() if name in PrunerConfig.model_fields}
    return PrunerConfig(**{**recorded, **given, "horizon": study.horizon})
