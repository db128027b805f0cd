"""Parameter: the range of one hyperparameter in a search file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Choice = bool | int | float | str | None


class Parameter(BaseModel):
    """The range of one hyperparameter.

    Example:
        >>> Parameter(type="int", low=16, high=256, log=True).high
        256.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    type: Literal["float", "int", "choice"] = Field(
        description="`float` or `int` between `low` and `high`, or `choice` among `choices`."
    )
    low: float | None = Field(None, description="Lowest value of a `float` or `int`.")
    high: float | None = Field(None, description="Highest value of a `float` or `int`, included.")
    log: bool = Field(
        False, description="Whether to sample on a log scale, for ranges over several powers of ten."
    )
    choices: tuple[Choice, ...] | None = Field(None, min_length=1, description="Values of a `choice`.")

    @model_validator(mode="after")
    def _check(self) -> Parameter:
        low, high = self.low, self.high
        if self.type == "choice":
            if self.choices is None or low is not None or high is not None or self.log:
                raise ValueError("a choice has choices, and neither low, high nor log")
            return self
        if self.choices is not None or low is None or high is None:
            raise ValueError(f"type {self.type} has low and high, and no choices")
        if not low < high:
            raise ValueError(f"low must be below high, got {low=:g}, {high=:g}")
        if self.log and low <= 0:
            raise ValueError(f"low must be above 0 for log: true, got {low:g}")
        if self.type == "int" and not (low.is_integer() and high.is_integer()):
            raise ValueError(f"low and high of an int must be whole numbers, got {low=:g}, {high=:g}")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """``low`` and ``high`` of a ``float`` or ``int``."""
        assert self.low is not None  # see _check
        assert self.high is not None
        return self.low, self.high
