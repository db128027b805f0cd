"""The option ``horizon``: a number of steps, or the name under which a trial holds its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema, PlainSerializer, WithJsonSchema, WrapValidator


def _number_or_name(value: Any, as_number: Any) -> Any:
    """Return a name unchanged and validate anything else, numbers in quotes included, as a number."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            if value.strip():
                return value
    return as_number(value)


Horizon = Annotated[
    float | str,
    # Not pydantic's union: its error messages have two lines and contain the names of its members.
    GetPydanticSchema(lambda _, make: make(Annotated[float, Field(ge=1), WrapValidator(_number_or_name)])),
    PlainSerializer(lambda value: value, return_type=float | str),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 1}, {"type": "string", "minLength": 1}]}),
]


def horizon_of(horizon: float | str, *named: Mapping[str, Any]) -> float:
    """The horizon of one trial: ``horizon`` itself, or the trial's value with that name.

    Args:
        horizon: As in :class:`PrunerConfig`.
        named: The trial's values by name. The first mapping that has the name is used.

    Raises:
        ValueError: If no mapping has the name, or the value is not a number of at least 1.

    Example:
        >>> horizon_of(50), horizon_of("n_epochs", {"lr": 0.1}, {"n_epochs": 20})
        (50.0, 20.0)
    """
    if not isinstance(horizon, str):
        return float(horizon)
    for values in named:
        if horizon in values:
            value = values[horizon]
            try:
                length = math.nan if isinstance(value, (bool, str)) else float(value)
            except (TypeError, ValueError, OverflowError):
                length = math.nan
            if not 1 <= length < math.inf:
                raise ValueError(
                    f"horizon={horizon!r}: the length of a trial must be a number of at least 1, "
                    f"got {value!r}"
                )
            return length
    raise ValueError(f"horizon={horizon!r}: the trial has no {horizon!r}, which must hold its length")
