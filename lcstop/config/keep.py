"""The option ``keep``, and the options that it has replaced."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema, PlainSerializer, WithJsonSchema, WrapValidator

from lcstop.config.choices import KeepName, Preset
from lcstop.config.error_messages import suggest

KEEP: dict[KeepName, float] = {"safe": 0.99, "balanced": 0.95, "bold": 0.8}
"""The probability that each name stands for; docs/benchmark.md has what each of them saves and loses."""

DEFAULT_KEEP: KeepName = "balanced"

DEFAULT_CONFIDENCE = 0.95


def _keep(value: Any, as_number: Any) -> Any:
    """Return a name and None unchanged. Validate anything else, numbers in quotes included, as a number."""
    if value is None or value in (*KEEP,):
        return value
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            hint = suggest(value, [*KEEP, "a number above 0 and below 1"])
            raise ValueError(f"no such name, got {value!r}{hint}") from None
    return as_number(value)


Keep = Annotated[
    float | KeepName | None,
    # Not pydantic's union: its error messages have a line for each member.
    GetPydanticSchema(lambda _, make: make(Annotated[float, Field(gt=0, lt=1), WrapValidator(_keep)])),
    PlainSerializer(lambda value: value, return_type=float | KeepName | None),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*KEEP], "type": "string"},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "null"},
            ]
        }
    ),
]


def keep_probability(keep: float | KeepName) -> float:
    """The probability that a value of ``keep`` stands for.

    Example:
        >>> keep_probability("safe"), keep_probability(0.8)
        (0.99, 0.8)
    """
    return KEEP[keep] if isinstance(keep, str) else keep


def warn_of_replaced(preset: Preset | None, confidence: float, *, is_used: bool) -> None:
    """Warn of options that ``keep`` has replaced, at the line of the user's code that names them.

    Args:
        preset: As in :class:`lcstop.PrunerConfig`.
        confidence: Likewise, where it scales the thresholds of a preset.
        is_used: Whether the policy uses a preset.
    """
    ends = "goes away in lcstop 0.3"
    if preset is not None and not is_used:
        message = f"preset={preset!r} does nothing for policy published, and {ends}: leave it out"
    elif preset is not None:
        message = f"preset={preset!r} {ends}: write keep={preset!r} instead"
        if confidence != DEFAULT_CONFIDENCE:
            message += f", and leave out confidence={confidence:g}, which keep replaces"
    else:
        name = "safe" if confidence > DEFAULT_CONFIDENCE else "bold"
        message = (
            f"confidence={confidence:g} for policy study {ends}: write keep instead, the probability of "
            f"keeping the best trial, such as keep={name!r}; default {DEFAULT_KEEP!r}"
        )
    warnings.warn(f"{message} (docs/migration.md)", FutureWarning, stacklevel=_level_of_caller())


def _level_of_caller() -> int:
    """Number of frames from :func:`warn_of_replaced` to the user's code, for ``warnings.warn``."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_internal(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    return level


def _is_internal(module: str) -> bool:
    package = module.partition(".")[0]
    return package in ("lcstop", "lcstop_optuna", "lcstop_ray", "pydantic")
