"""Task: a recorded study to replay, and what each of its trials would do live."""

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
"""A recorded study of fewer distinct configurations is no search that a policy could be chosen by."""

_NOT_SEARCHED = frozenset(
    {"seed", "run_id", "file", "dir", "iteration", "nan_train_loss", "study", "trial", "round", "ruleset"}
)
"""What packs say of a run beside its hyperparameters: its name, its luck, its outcome."""


@dataclass(frozen=True, eq=False)
class Task:
    """A recorded study. A step is a report, the first is step 1; every report costs one epoch.

    Args:
        family: What tasks of one origin have in common.
        name: Unique among tasks.
        direction: Of the metric.
        values: ``[n_trials, horizon]``, what each trial reports if nothing stops it; NaN where it has
            diverged or is over.
        lengths: ``[n_trials]``, reports until a trial ends by itself, at least 1.
        params: Hyperparameters of each trial, if known.
        planned: ``[n_trials]``, the length that each trial had chosen before it started, where it is on
            record; one that diverges may end before.

    Raises:
        ValueError: If shapes do not fit, or no value is finite.

    Example:
        >>> task = Task("made up", "two", "minimize", np.array([[3.0, 1.0], [2.0, np.nan]]), np.array([2, 1]))
        >>> task.horizon, task.best_value, task.marked
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
        """What the trials of a pack would have done live.

        A run that diverged goes on reporting NaN up to its horizon, as a training loop does that nobody has
        taught to look, and pays for every epoch. Where each run has planned its own length, which only
        happens where the loop itself is known, the recorded end is its end: one that diverged reports NaN
        once and is over. A run that is short and has not diverged is complete.
        """
        values = np.stack([curve.values for curve in pack.curves])
        ends = np.maximum(pack.lengths, 1)
        horizon = values.shape[1]
        diverged_at = np.minimum(pack.lengths + 1, horizon) if pack.planned else horizon
        lengths = np.where(pack.diverged, diverged_at, ends)
        params = tuple(_searched(config) for config in pack.configs)
        told = params if any(params) else None
        return cls(pack.family, pack.name, pack.direction, values, lengths, told, pack.chosen)

    @property
    def n_trials(self) -> int:
        """How many trials are on record."""
        return len(self.values)

    @property
    def horizon(self) -> int:
        """Reports of the longest trial."""
        return int(self.values.shape[1])

    @cached_property
    def gains(self) -> Array:
        """The values, higher is better; ``-inf`` where there is no number."""
        gains = self.values if self.direction == "maximize" else -self.values
        return np.where(np.isfinite(gains), gains, -np.inf)

    @cached_property
    def later_best(self) -> Array:
        """``[n_trials, horizon + 1]``, the best gain after so many reports; ``-inf`` at the end."""
        after = np.full((self.n_trials, self.horizon + 1), -np.inf)
        after[:, :-1] = np.maximum.accumulate(self.gains[:, ::-1], 1)[:, ::-1]
        return after

    @cached_property
    def final_gains(self) -> Array:
        """``[n_trials]``, the gain at each trial's own end; ``-inf`` where that is no number."""
        return self.gains[np.arange(self.n_trials), self.lengths - 1]

    @property
    def best_value(self) -> float:
        """The best value on record, in the metric's units."""
        return self._value(float(self.gains.max()))

    @property
    def best_final_value(self) -> float:
        """The best value at the end of a trial, in the metric's units."""
        return self._value(float(self.final_gains.max()))

    @cached_property
    def start_value(self) -> float:
        """The median of the first finite values, in the metric's units: what it is to have learnt nothing."""
        finite = np.isfinite(self.values)
        alive = finite.any(1)
        return float(np.median(self.values[alive, finite[alive].argmax(1)]))

    @cached_property
    def n_distinct(self) -> int:
        """Distinct configurations; repetitions with another seed count once."""
        if self.params is None:
            return self.n_trials
        return len({json.dumps(params, sort_keys=True, default=str) for params in self.params})

    @property
    def marked(self) -> bool:
        """Whether this is too small a search to count."""
        return self.n_distinct < MIN_CONFIGURATIONS

    @cached_property
    def digest(self) -> str:
        """Hash of all that a replay depends on."""
        known = [self.name, self.direction, self.values.shape, self.params]
        content = hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode())
        content.update(np.ascontiguousarray(self.values, np.float64).tobytes())
        content.update(np.ascontiguousarray(self.lengths, np.int64).tobytes())
        if self.planned is not None:
            content.update(np.ascontiguousarray(self.planned, np.float64).tobytes())
        return content.hexdigest()

    def order(self, number: int, seed: int = 0) -> NDArray[np.intp]:
        """A random order of the trials, the same for every policy, whatever other orders there are."""
        return np.random.default_rng(stable_seed(self.name, seed, number)).permutation(self.n_trials)

    def _value(self, gain: float) -> float:
        return gain if self.direction == "maximize" else -gain

    def __getstate__(self) -> dict[str, Any]:
        # What is cached is cheaper to make again than to send.
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}


@dataclass(frozen=True, eq=False)
class ReplayStudy:
    """What a policy is made for.

    Attributes:
        task: The recorded study; a policy may know the number of trials, horizon and direction of it, and
            the hyperparameters of a trial that has started. Only the clairvoyant one looks at the rest.
        order: Row of each trial.
        target: What is asked for.
        name: Unique among replays, and the same whenever this one is repeated.
    """

    task: Task
    order: Sequence[int]
    target: Target
    name: str


def _searched(config: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a recorded configuration, nested ones with their path as name.

    Example:
        >>> _searched({"seed": 3, "opt": {"lr": 0.1, "name": "sgd"}})
        {'opt.lr': 0.1, 'opt.name': 'sgd'}
    """
    found = {}
    for name, value in config.items():
        if name in _NOT_SEARCHED:
            continue
        if isinstance(value, Mapping):
            found.update({f"{name}.{inner}": x for inner, x in _searched(value).items()})
        else:
            found[name] = value
    return found
