"""The hyperparameters of a recorded study as a space that a sampler can search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from lcstop.simulation.task import Array, Task

_MAX_LEVELS = 20
"""Maximum number of distinct values of a hyperparameter that is searched by value; others by rank."""

_LOG_RATIO = 50.0
"""Ratio of the largest to the smallest value above which positive values are searched by logarithm."""


@dataclass(frozen=True, eq=False)
class Column:
    """One hyperparameter of all recorded trials.

    Attributes:
        name: Its name.
        positions: Of each trial, ``[n_trials]``: in [0, 1] for a number, index of the category otherwise.
        categories: The categories; empty for a number.
    """

    name: str
    positions: Array
    categories: tuple[str, ...] = ()

    def value(self, row: int) -> float | str:
        """What is proposed to run exactly this trial."""
        at = self.positions[row]
        return self.categories[int(at)] if self.categories else float(at)

    def distance(self, value: float | str) -> Array:
        """Squared distance of each trial to a proposed value, ``[n_trials]``. Two categories are 1 apart."""
        if self.categories:
            differs: Array = (self.positions != self.categories.index(str(value))).astype(np.float64)
            return differs
        return np.square(self.positions - float(value))


@dataclass(frozen=True, eq=False)
class SearchSpace:
    """The search space of a recorded study.

    Attributes:
        columns: The hyperparameters that differ between trials.
    """

    columns: tuple[Column, ...]

    @classmethod
    def of(cls, task: Task) -> SearchSpace:
        """The space of a task.

        A number fills [0, 1]: by its rank among the trials, or, with few levels, by its value or by the
        logarithm of it. A hyperparameter is left out if it has one value, if it is not known of every trial,
        or if it is a name with more than :data:`_MAX_LEVELS` values.

        Example:
            >>> params = ({"lr": 0.1, "opt": "sgd"}, {"lr": 0.001, "opt": "adam"}, {"lr": 0.01, "opt": "sgd"})
            >>> task = Task("made up", "a", "maximize", np.ones((3, 2)), np.array([2, 2, 2]), params)
            >>> space = SearchSpace.of(task)
            >>> [(column.name, column.positions.round(6).tolist()) for column in space.columns]
            [('lr', [1.0, 0.0, 0.5]), ('opt', [1.0, 0.0, 1.0])]
            >>> space.nearest({"lr": 0.1, "opt": "sgd"}, np.array([True, True, True]))
            2
        """
        params = task.params or ()
        names = sorted(set().union(*params)) if params else []
        columns = (_column(name, [trial.get(name) for trial in params]) for name in names)
        return cls(tuple(column for column in columns if column is not None))

    def nearest(self, proposal: Mapping[str, float | str], free: NDArray[np.bool_]) -> int:
        """The free trial that is nearest to the proposed hyperparameters.

        Args:
            proposal: Value of each column by name.
            free: Which trials have not run yet, ``[n_trials]``; at least one.
        """
        distance = sum(column.distance(proposal[column.name]) for column in self.columns)
        return int(np.where(free, distance, np.inf).argmin())


def _column(name: str, values: Sequence[Any]) -> Column | None:
    if any(value is None for value in values):
        return None
    numbers = _numbers(values)
    if numbers is None:
        words = [str(value) for value in values]
        categories = tuple(sorted(set(words)))
        if not 1 < len(categories) <= _MAX_LEVELS:
            return None
        return Column(name, np.array([float(categories.index(word)) for word in words]), categories)
    n_levels = len(np.unique(numbers))
    if n_levels < 2:
        return None
    if n_levels > _MAX_LEVELS:
        numbers = rankdata(numbers)
    elif numbers.min() > 0 and numbers.max() / numbers.min() > _LOG_RATIO:
        numbers = np.log(numbers)
    return Column(name, (numbers - numbers.min()) / (numbers.max() - numbers.min()))


def _numbers(values: Sequence[Any]) -> Array | None:
    """The values as finite floats, also from text such as ``"0.1"``; None if one of them is no number."""
    try:
        numbers = np.array([float(value) for value in values])
    except (TypeError, ValueError):
        return None
    return numbers if np.isfinite(numbers).all() else None
