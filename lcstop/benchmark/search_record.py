"""SearchRecord: which trials a search has run, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Target
from lcstop.simulation.task import Array, Task

Run = tuple[int, int, bool]
"""Row of a trial in its task, the epochs that it has run, and whether it was stopped."""


@dataclass(frozen=True)
class SearchRecord:
    """One search of a recorded study.

    Attributes:
        seed: Seed of the sampler.
        rows: Row of each trial in the task, in the order of their starts.
        epochs: Epochs that each trial has run.
        stopped: Whether each trial was stopped before its end.
        workers: Number of trials that ran in parallel.
        seconds: Seconds of the whole search.
        turns: Index of a trial and the epochs that it has run until it waited or ended, in the order in which
            they ran; empty if no trial can wait.
    """

    seed: int
    rows: Sequence[int]
    epochs: Sequence[int]
    stopped: Sequence[bool]
    workers: int = 1
    seconds: float = 0.0
    turns: Sequence[tuple[int, int]] = ()

    @classmethod
    def of_runs(cls, seed: int, runs: Sequence[Run], workers: int, seconds: float) -> SearchRecord:
        """The record of the trials that ran, in the order of their starts."""
        rows, epochs, stopped = zip(*runs, strict=True)
        return cls(seed, rows, epochs, stopped, workers, seconds)

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

    @cached_property
    def moments(self) -> Sequence[NDArray[np.intp]]:
        """Epoch of the search, from 1, at which each epoch of each trial has run. Workers take turns.

        Example:
            >>> record = SearchRecord(0, [0, 1, 2], epochs=[3, 1, 2], stopped=[False] * 3, workers=2)
            >>> [moments.tolist() for moments in record.moments]
            [[1, 3, 5], [2], [4, 6]]
        """
        if self.turns:
            ends = np.cumsum([epochs for _, epochs in self.turns])
            parts: list[list[NDArray[np.intp]]] = [[] for _ in self.rows]
            for (index, epochs), end in zip(self.turns, ends, strict=True):
                parts[index].append(np.arange(end - epochs + 1, end + 1))
            return [np.concatenate(own) for own in parts]
        if self.workers == 1:
            return np.split(np.arange(1, sum(self.epochs) + 1), np.cumsum(self.epochs)[:-1])
        moments = [np.zeros(n, np.intp) for n in self.epochs]
        waiting, steps, total, busy = iter(range(len(moments))), [0] * len(moments), 0, True
        running: list[int | None] = [None] * self.workers
        while busy:
            busy = False
            for worker in range(self.workers):
                trial = next(waiting, None) if running[worker] is None else running[worker]
                if trial is None:
                    continue
                busy, total = True, total + 1
                moments[trial][steps[trial]] = total
                steps[trial] += 1
                running[worker] = trial if steps[trial] < self.epochs[trial] else None
        return moments

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
        if target == "final":
            epochs = np.array([moments[-1] for moments in self.moments])
            gains = self.gains(task, target)
        else:
            epochs = np.concatenate(self.moments)
            gains = np.concatenate(
                [task.gains[row, :n] for row, n in zip(self.rows, self.epochs, strict=True)]
            )
        order = np.argsort(epochs)
        epochs, gains = epochs[order], gains[order]
        best = np.maximum.accumulate(gains)
        rises = best > np.concatenate([[-np.inf], best[:-1]])
        return epochs[rises], best[rises]

    def kept_best(self, task: Task, target: Target) -> bool:
        """Whether the best value of these trials at full length was found: no stop has lost it.

        For the target ``best``, a trial may be stopped after its best report.
        """
        whole = task.later_best[:, 0] if target == "best" else task.final_gains
        return bool(self.gains(task, target).max() >= whole[list(self.rows)].max())
