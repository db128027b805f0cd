"""Checks of options that depend on each other."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lcstop.config.keep import DEFAULT_CONFIDENCE, DEFAULT_KEEP

if TYPE_CHECKING:
    from lcstop.config.pruner import PrunerConfig


def check_options(config: PrunerConfig) -> None:
    """Check what ``keep`` is no part of.

    Raises:
        ValueError: If options contradict each other, or need a package that is not installed.
    """
    lower, upper = config.lower, config.upper
    if lower is not None and upper is not None and lower >= upper:
        raise ValueError(f"lower must be below upper, got {lower=}, {upper=}")
    horizon = math.inf if isinstance(config.horizon, str) else config.horizon
    if config.min_steps > max(horizon, 2):  # horizon=1 is allowed with the default min_steps of 2
        raise ValueError(f"min_steps must be at most the horizon {horizon:g}, got {config.min_steps:g}")
    if config.pause:
        _check_pause(config)
    if config.surrogate == "mcmc" and find_spec("emcee") is None:
        raise ValueError('surrogate mcmc needs emcee: pip install "lcstop[mcmc]"')


def _check_pause(config: PrunerConfig) -> None:
    """Check that ``pause`` fits the other options.

    Raises:
        ValueError: If it does not.
    """
    if config.policy != "study":
        raise ValueError(f"pause needs policy study, got pause=True, policy={config.policy}")
    for name in ("audit", "shadow", "preset"):
        value = getattr(config, name)
        if value:
            raise ValueError(f"pause is used without {name}, got pause=True, {name}={value}")


def has_replaced(config: PrunerConfig) -> bool:
    """Whether options are given that ``keep`` has replaced.

    These are ``preset``, and for policy ``study`` a ``confidence`` that no ``min_gain`` uses.

    Raises:
        ValueError: If they, or the policy, contradict ``keep`` or ``n_trials``.
    """
    keep, preset, confidence = config.keep, config.preset, config.confidence
    is_given = keep is not None and "keep" in config.model_fields_set
    by_study = config.policy == "study"
    has_confidence = by_study and config.min_gain is None and confidence != DEFAULT_CONFIDENCE
    if keep not in (None, DEFAULT_KEEP) and not by_study:
        raise ValueError(f"keep is an option of policy study, got {keep=}, policy={config.policy}")
    if is_given and preset is not None:
        raise ValueError(f"keep replaces preset, leave preset out: got {keep=}, {preset=}")
    if is_given and has_confidence:
        raise ValueError(f"keep replaces confidence, leave confidence out: got {keep=}, {confidence=}")
    found = preset is not None or has_confidence
    if config.n_trials is not None and (found or not by_study):
        other = f"policy={config.policy}" if not by_study else f"{preset=}" if preset else f"{confidence=}"
        raise ValueError(f"n_trials is used with keep only, got n_trials={config.n_trials}, {other}")
    return found
