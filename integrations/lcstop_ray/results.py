"""Results: the step and the value in what a trial reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class UnusableResultError(ValueError):
    """A result without a step or a value; the message holds no value, so that few messages differ."""


def to_point(result: Mapping[str, Any], time_attr: str, metric: str) -> tuple[float, float]:
    """Step and value of a result, whatever kind of number they are; the value may be NaN or infinite.

    Raises:
        UnusableResultError: If either is missing or not a number, or the step is not finite or below 0.

    Example:
        >>> to_point({"training_iteration": 3, "loss": float("inf")}, "training_iteration", "loss")
        (3.0, inf)
    """
    step, value = (_number(result, key) for key in (time_attr, metric))
    if not 0 <= step < math.inf:
        raise UnusableResultError(f"{time_attr!r} is not a finite number from 0 on")
    return step, value


def _number(result: Mapping[str, Any], key: str) -> float:
    if key not in result:
        raise UnusableResultError(f"it has no {key!r}")
    value = result[key]
    if not isinstance(value, str):
        try:
            return float(value)  # scalars of numpy and torch as well
        except Exception as error:  # what an array library raises here is its own choice
            raise UnusableResultError(f"{key!r} is a {type(value).__name__}") from error
    raise UnusableResultError(f"{key!r} is a str")
