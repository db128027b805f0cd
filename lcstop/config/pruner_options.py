"""The options as keywords, for type checkers and editors."""

from __future__ import annotations

from typing import TypedDict

from typing_extensions import Required

from lcstop.config.choices import KeepName, Policy, Preset, SurrogateName
from lcstop.curves.curve import Target


class PrunerOptions(TypedDict, total=False):
    """The keywords of both adapters, for type checkers and editors.

    Defaults and descriptions are those of :class:`lcstop.PrunerConfig`. ``horizon`` is missing, because the
    adapters also take it by position.

    Example:
        >>> from lcstop import PrunerConfig
        >>> options: PrunerOptions = {"keep": "safe", "patience": 2}
        >>> PrunerConfig(horizon=50, **options).keep
        'safe'
    """

    policy: Policy
    keep: float | KeepName | None
    n_trials: int | None
    use_params: bool
    confidence: float
    min_steps: float
    interval_steps: float
    n_startup_trials: int
    patience: int
    target: Target
    diverged_after: int
    lower: float | None
    upper: float | None
    min_gain: float | None
    surrogate: SurrogateName
    audit: float
    shadow: bool
    pause: bool
    preset: Preset | None


class AllOptions(PrunerOptions):
    """With ``horizon``: the keywords of :class:`lcstop.PrunerConfig`."""

    horizon: Required[float | str]
