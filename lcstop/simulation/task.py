"""Task: a recorded study to replay, with the full curve of each trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop._utils.seeds import stable_seed
from lcstop.curves.curve import Direction, Target
from lcstop.curves.packs import Pack

Array = NDArray[np.float64]

MIN_CONFIGURATIONS = 40
"""Minimum number of distinct configurations of a task that counts as a search. Smaller ones are marked."""

_NOT_SEARCHED = frozenset(
    {"seed", "run_id", "file", "dir", "iteration", "nan_train_loss", "study", "trial", "round", "ruleset"}
)
"""Keys of recorded configurations that are not hyperparameters: names, seeds and outcomes."""


@dataclass(frozen=True, eq=False)
class Task:
    """A recorded study. A step is a report, from 1. Every report costs one epoch.

    Args:
        family: Name of the origin, shared by its tasks.
        name: Name, unique among tasks.
        direction: ``maximize`` or ``minimize``.
        values: ``[n_trials, horizon]``, reports of each trial without a stop; NaN after it has diverged or
            ended.
        lengths: ``[n_trials]``, number of reports of each trial without a stop, at least 1.
        params: Hyperparameters of each trial; None if unknown.
        planned: ``[n_trials]``, length that each trial had planned before its start; None if unknown. A trial
            that diverges may be shorter.

    Raises:
        ValueError: If the shapes do not match, a trial is longer than planned, or no value is finite.

    Example:
        >>> task = Task("made up", "two", "minimize", np.array([[3.0, 1.0], [2.0, np.nan]]), np.array([2, 1]))
        >>> task.horizon, task.best_value, task.is_small
        (2, 1.0, True)
    """

    family: str
    name: str
    direction: Direction
    values: Array
    lengths: NDArray[np.intp]
    params: tuple[Mapping[str, Any], ...] | None = None
    planned: Array | None = None

    def __post_init__(self) -> None:
        n_trials, horizon = self.values.shape
        fits = self.lengths.shape == (n_trials,) and (self.params is None or len(self.params) == n_trials)
        if not (fits and n_trials and (self.lengths >= 1).all() and (self.lengths <= horizon).all()):
            raise ValueError(f"{self.name}: lengths and params do not fit values {self.values.shape}")
        if self.planned is not None and (self.planned < self.lengths).any():
            raise ValueError(f"{self.name}: a trial is longer than planned")
        if not np.isfinite(self.gains).any():
            raise ValueError(f"{self.name}: no trial has a finite value")

    @classmethod
    def from_pack(cls, pack: Pack) -> Task:
        """The task of a pack.

        A run that diverged reports NaN up to its horizon, as in a training loop without a check, and each
        report costs an epoch. In packs with planned lengths the training loop is known to end a diverged
        run: it reports NaN once and ends. A short run that has not diverged is complete.
        """
        values = np.stack([curve.values for curve in pack.curves])
        ends = np.maximum(pack.lengths, 1)
        horizon = values.shape[1]
        diverged_at = np.minimum(pack.lengths + 1, horizon) if pack.planned else horizon
        lengths = np.where(pack.diverged, diverged_at, ends)
        params = tuple(_hyperparameters(config) for config in pack.configs)
        known_params = params if any(params) else None
        return cls(pack.family, pack.name, pack.direction, values, lengths, known_params, pack.chosen)

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return len(self.values)

    @property
    def horizon(self) -> int:
        """Number of reports of the longest trial."""
        return int(self.values.shape[1])

    @cached_property
    def gains(self) -> Array:
        """``[n_trials, horizon]``, values with the sign that makes higher better; ``-inf`` if not finite."""
        gains = self.values if self.direction == "maximize" else -self.values
        return np.where(np.isfinite(gains), gains, -np.inf)

    @cached_property
    def later_best(self) -> Array:
        """``[n_trials, horizon + 1]``: entry ``n`` is the best gain after the first ``n`` reports.

        ``-inf`` if no report follows.
        """
        after = np.full((self.n_trials, self.horizon + 1), -np.inf)
        after[:, :-1] = np.maximum.accumulate(self.gains[:, ::-1], 1)[:, ::-1]
        return after

    @cached_property
    def final_gains(self) -> Array:
        """``[n_trials]``, gain of the last report of each trial; ``-inf`` if it is not finite."""
        return self.gains[np.arange(self.n_trials), self.lengths - 1]

    @property
    def best_value(self) -> float:
        """The best value of all reports, in the metric's units."""
        return self._value(float(self.gains.max()))

    @property
    def best_final_value(self) -> float:
        """The best final value of all trials, in the metric's units."""
        return self._value(float(self.final_gains.max()))

    @cached_property
    def start_value(self) -> float:
        """Median of the first finite values, in the metric's units: the level before training."""
        finite = np.isfinite(self.values)
        alive = finite.any(1)
        return float(np.median(self.values[alive, finite[alive].argmax(1)]))

    @cached_property
    def n_distinct(self) -> int:
        """Number of distinct configurations. Repetitions with other seeds count once."""
        if self.params is None:
            return self.n_trials
        return len({json.dumps(params, sort_keys=True, default=str) for params in self.params})

    @property
    def is_small(self) -> bool:
        """Whether it has fewer than :data:`MIN_CONFIGURATIONS` distinct configurations."""
        return self.n_distinct < MIN_CONFIGURATIONS

    @cached_property
    def digest(self) -> str:
        """Hash of everything that the outcome of a replay depends on."""
        facts = [self.name, self.direction, self.values.shape, self.params]
        content = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
        content.update(np.ascontiguousarray(self.values, np.float64).tobytes())
        content.update(np.ascontiguousarray(self.lengths, np.int64).tobytes())
        if self.planned is not None:
            content.update(np.ascontiguousarray(self.planned, np.float64).tobytes())
        return content.hexdigest()

    def order(self, number: int, seed: int = 0) -> NDArray[np.intp]:
        """Random order number ``number`` of the trials, ``[n_trials]``, independent of other orders."""
        return np.random.default_rng(stable_seed(self.name, seed, number)).permutation(self.n_trials)

    def _value(self, gain: float) -> float:
        return gain if self.direction == "maximize" else -gain

    def __getstate__(self) -> dict[str, Any]:
        # Cached properties are cheaper to compute again than to pickle.
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}


@dataclass(frozen=True, eq=False)
class ReplayStudy:
    """The study of one replay, from which policies are built.

    Attributes:
        task: The recorded study. A policy may use its number of trials, horizon and direction, and the
            hyperparameters of started trials. Only the clairvoyant policy uses the values.
        order: Row of each trial in the task.
        target: ``best`` or ``final``.
        name: Name, unique among replays and the same whenever this replay is repeated.
    """

    task: Task
    order: Sequence[int]
    target: Target
    name: str


def _hyperparameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a recorded configuration. Nested ones are flattened, with dots in their names.

    Example:
        >>> _hyperparameters({"seed": 3, "opt": {"lr": 0.1, "name": "sgd"}})
        {'opt.lr': 0.1, 'opt.name': 'sgd'}
    """
    params = {}
    for name, value in config.items():
        if name in _NOT_SEARCHED:
            continue
        if isinstance(value, Mapping):
            params.update({f"{name}.{inner}": x for inner, x in _hyperparameters(value).items()})
        else:
            params[name] = value
    return params
