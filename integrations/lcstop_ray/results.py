"""Step and value of a result that a trial reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from lcstop.curves.curve import Direction

DIRECTIONS: dict[str, Direction] = {"max": "maximize", "min": "minimize"}
"""Direction of the metric by Ray's ``mode``."""


class UnusableResultError(ValueError):
    """A result without a usable step or value. The message never contains the value, so that few differ."""


def to_point(result: Mapping[str, Any], time_attr: str, metric: str) -> tuple[float, float]:
    """Step and value of a result as floats. The value may be NaN or infinite.

    Args:
        result: The result, with numbers of Python, numpy, torch or another library.
        time_attr: Key of the step.
        metric: Key of the value.

    Raises:
        UnusableResultError: If either is missing or not a number, or the step is negative or not finite.

    Example:
        >>> to_point({"training_iteration": 3, "loss": float("inf")}, "training_iteration", "loss")
        (3.0, inf)
    """
    step, value = (_number(result, key) for key in (time_attr, metric))
    if not 0 <= step < math.inf:
        raise UnusableResultError(f"{time_attr!r} is not a finite number of at least 0")
    return step, value


def _number(result: Mapping[str, Any], key: str) -> float:
    if key not in result:
        raise UnusableResultError(f"it has no {key!r}")
    value = result[key]
    if not isinstance(value, str):
        try:
            return float(value)  # also for scalars of numpy and torch
        except Exception as error:  # array libraries raise different errors
            raise UnusableResultError(f"{key!r} is a {type(value).__name__}") from error
    raise UnusableResultError(f"{key!r} is a str")
