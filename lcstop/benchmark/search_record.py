"""SearchRecord: which trials a search has run, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lcstop.curves.curve import Target
from lcstop.simulation.task import Array, Task


@dataclass(frozen=True)
class SearchRecord:
    """One search of a recorded study.

    Attributes:
        seed: Seed of the sampler.
        rows: Row of each trial in the task, in the order of their starts.
        epochs: Epochs that each trial has run.
        stopped: Whether each trial was stopped before its end.
        seconds: Seconds of the whole search.
    """

    seed: int
    rows: Sequence[int]
    epochs: Sequence[int]
    stopped: Sequence[bool]
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        return {**asdict(self), "stopped": [int(stopped) for stopped in self.stopped]}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> SearchRecord:
        """Inverse of :meth:`to_json`."""
        return cls(**{**content, "stopped": [bool(stopped) for stopped in content["stopped"]]})

    def whole_epochs(self, task: Task) -> int:
        """Epochs of the same trials if none is stopped and none ends when it diverges."""
        lengths = task.lengths if task.planned is None else task.planned
        return int(np.asarray(lengths)[list(self.rows)].sum())

    def gains(self, task: Task, target: Target) -> Array:
        """What each trial has contributed, ``[n_trials]``, with the sign that makes higher better.

        That is its best report for the target ``best``, and its last one for the target ``final``, where a
        stopped trial has none. ``-inf`` stands for nothing.
        """
        if target == "final":
            return np.where(self.stopped, -np.inf, task.final_gains[list(self.rows)])
        runs = zip(self.rows, self.epochs, strict=True)
        return np.array([task.gains[row, :epochs].max() for row, epochs in runs])

    def improvements(self, task: Task, target: Target) -> tuple[Array, Array]:
        """Epochs of the search, from 1, at which the best gain so far rises, and these gains."""
        runs = zip(self.rows, self.epochs, self.stopped, strict=True)
        if target == "final":
            epochs = np.cumsum(self.epochs)
            gains = self.gains(task, target)
        else:
            gains = np.concatenate([task.gains[row, :n] for row, n, _ in runs])
            epochs = np.arange(1, len(gains) + 1)
        best = np.maximum.accumulate(gains)
        rises = best > np.concatenate([[-np.inf], best[:-1]])
        return epochs[rises], best[rises]

    def kept_best(self, task: Task, target: Target) -> bool:
        """Whether the trial that is best at full length is not among the stopped ones. Ties all count."""
        whole = task.later_best[:, 0] if target == "best" else task.final_gains
        gains = whole[list(self.rows)]
        return bool((~np.array(self.stopped))[gains == gains.max()].any())
