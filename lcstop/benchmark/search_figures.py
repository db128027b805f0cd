"""Figures of searches: for a fixed number of trials, and for a fixed time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lcstop.benchmark.search_record import SearchRecord
from lcstop.curves.curve import Target
from lcstop.simulation.task import Array, Task

POINT = 0.01
"""One point of regret: one percent of the way from the start value to the best value of the task."""

GOAL_TRIALS = 20
"""Number of trials without a pruner whose regret the times sooner are about."""

_ROUNDING = 1e-12
"""Differences of regret up to this are none."""


@dataclass(frozen=True)
class SearchFigures:
    """The figures of a setting on a task, over all seeds. Regret is a share of the way to the best value.

    Attributes:
        share: Epochs run, divided by those of the same trials if none is stopped and none ends when it
            diverges.
        regret: Mean regret after all trials.
        excess: Mean of the regret minus that of the same seed without a pruner.
        worse: Share of the searches with a higher regret than the same seed without a pruner.
        worse_by_a_point: The same, higher by more than :data:`POINT`.
        kept: Share of the searches that found the best value of their trials at full length.
        sooner: Epochs of :data:`GOAL_TRIALS` trials without a pruner, divided by the number of epochs after
            which the mean regret is as low as theirs; 0 if it never is.
        stopped: Number of stopped trials, in all searches.
        seconds: Mean seconds of a search.
    """

    share: float
    regret: float
    excess: float
    worse: float
    worse_by_a_point: float
    kept: float
    sooner: float
    stopped: int
    seconds: float


class Searches:
    """The searches of a task under one setting, one for each seed.

    Args:
        task: The recorded study.
        records: The searches, at least one.
        target: ``best`` or ``final``: the value that counts.
    """

    def __init__(self, task: Task, records: Sequence[SearchRecord], target: Target) -> None:
        self._task, self._records, self._target = task, records, target
        best, start = (
            value if task.direction == "maximize" else -value
            for value in (task.best_value if target == "best" else task.best_final_value, task.start_value)
        )
        self._best, self._unit = best, abs(best - start) or 1.0

    def after_trials(self) -> Array:
        """Regret after each trial, ``[n_seeds, n_trials]``, at most 1."""
        gains = np.stack([record.gains(self._task, self._target) for record in self._records])
        return self._regret(np.maximum.accumulate(gains, axis=1))

    @cached_property
    def after_epochs(self) -> Array:
        """Regret after each epoch, ``[n_seeds, n_epochs]``, until the longest search ends. It starts at 1."""
        n = max(sum(record.epochs) for record in self._records)
        rows = np.empty((len(self._records), n))
        for row, record in zip(rows, self._records, strict=True):
            epochs, gains = record.improvements(self._task, self._target)
            # Each level holds until the next improvement, the last one until the end.
            lasts = np.diff(np.concatenate([[1], epochs, [n + 1]]))
            row[:] = np.repeat(np.concatenate([[1.0], self._regret(gains)]), lasts)
        return rows

    def goals(self) -> tuple[Array, Array]:
        """Regret after :data:`GOAL_TRIALS` trials, and the epochs that they take, both ``[n_seeds]``."""
        n = min(GOAL_TRIALS, len(self._records[0].rows))
        epochs = [max(moments[-1] for moments in record.moments[:n]) for record in self._records]
        return self.after_trials()[:, n - 1], np.array(epochs, np.float64)

    def sooner(self, reference: Searches, weights: Array) -> Array:
        """Times sooner than without a pruner, ``[n]``, for ``n`` weightings of the seeds; 0 for never.

        Args:
            reference: The searches of the same seeds without a pruner.
            weights: Of each seed, ``[n, n_seeds]``; each row has the sum 1.
        """
        regret, epochs = reference.goals()
        reached = weights @ self.after_epochs <= (weights @ regret)[:, None] + _ROUNDING
        times: Array = np.where(reached.any(1), weights @ epochs / (reached.argmax(1) + 1), 0.0)
        return times

    def figures(self, reference: Searches) -> SearchFigures:
        """The figures, compared with the searches of the same seeds without a pruner."""
        records, end = self._records, self.after_trials()[:, -1]
        excess = end - reference.after_trials()[:, -1]
        equal = np.full((1, len(records)), 1 / len(records))
        return SearchFigures(
            share=float(np.mean([sum(r.epochs) / r.whole_epochs(self._task) for r in records])),
            regret=float(end.mean()),
            excess=float(excess.mean()),
            worse=float((excess > _ROUNDING).mean()),
            worse_by_a_point=float((excess > POINT).mean()),
            kept=float(np.mean([record.kept_best(self._task, self._target) for record in records])),
            sooner=float(self.sooner(reference, equal)[0]),
            stopped=sum(sum(record.stopped) for record in records),
            seconds=float(np.mean([record.seconds for record in records])),
        )

    def worse_than_itself(self) -> float:
        """Share of all pairs of different seeds in which one is worse by more than :data:`POINT`.

        It says how much of ``worse_by_a_point`` is luck. NaN for a single seed.

        Example:
            >>> task = Task("a", "a", "maximize", np.array([[0.0, 1.0], [0.0, 0.5]]), np.array([2, 2]))
            >>> records = [SearchRecord(seed, [row], [2], [False]) for seed, row in enumerate((0, 1, 0))]
            >>> round(Searches(task, records, "best").worse_than_itself(), 3)
            0.333
        """
        end = self.after_trials()[:, -1]
        n = len(end)
        worse: NDArray[np.bool_] = end[:, None] - end > POINT
        return float(worse.sum() / (n * (n - 1))) if n > 1 else float("nan")

    def _regret(self, gains: Array) -> Array:
        regret: Array = np.minimum((self._best - gains) / self._unit, 1.0)
        return regret
