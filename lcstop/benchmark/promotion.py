"""Promotion by values: asynchronous successive halving whose trials wait instead of being stopped."""

from __future__ import annotations

import math

from lcstop.simulation.loop import Action, SequentialPolicy
from lcstop.simulation.task import Task


class Promotion(SequentialPolicy):
    """Trials wait at rungs. The best of each rung go on, the last rung first; else a new trial starts.

    No framework ships this rule (Li et al. 2020, arXiv 1810.05934, algorithm 2).

    Args:
        task: The task.
        first: Share of the horizon of the first rung, above 0 and below 1.
        reduction_factor: Each rung is so many times the step of the one before, and one of so many trials
            goes on.

    Raises:
        ValueError: If ``first`` is not a share, or ``reduction_factor`` is below 2.
    """

    def __init__(self, task: Task, first: float, reduction_factor: float) -> None:
        super().__init__(task.n_trials)
        if not 0 < first < 1:
            raise ValueError(f"first must be a share of the horizon above 0 and below 1, got {first:g}")
        if not reduction_factor >= 2:
            raise ValueError(f"reduction_factor must be at least 2, got {reduction_factor}")
        self._sign = 1.0 if task.direction == "maximize" else -1.0
        self._factor = reduction_factor
        self._rungs: list[int] = []
        while (step := math.ceil(first * task.horizon - 1e-9)) < task.horizon:
            self._rungs.append(step)
            first *= reduction_factor
        self._gains: list[dict[int, float]] = [{} for _ in self._rungs]
        self._paused: list[set[int]] = [set() for _ in self._rungs]

    def next(self) -> int | None:
        """See :class:`lcstop.simulation.loop.Policy`. Without a new trial the best one that waits goes on."""
        promoted = self._promoted()
        if promoted is None:
            promoted = super().next()
        if promoted is None:
            for waiting, gains in zip(reversed(self._paused), reversed(self._gains), strict=True):
                if waiting:
                    promoted = max(waiting, key=lambda trial: gains[trial])
                    break
        for waiting in self._paused:
            waiting.discard(-1 if promoted is None else promoted)
        return promoted

    def report(self, trial: int, step: int, value: float) -> Action:
        """See :class:`lcstop.simulation.loop.Policy`."""
        if step not in self._rungs:
            return Action.GO
        rung = self._rungs.index(step)
        self._gains[rung][trial] = self._sign * value if math.isfinite(value) else -math.inf
        self._paused[rung].add(trial)
        if self._promoted() != trial:
            return Action.PAUSE
        self._paused[rung].discard(trial)
        return Action.GO

    def end(self, trial: int) -> None:
        """See :class:`lcstop.simulation.loop.Policy`."""
        for waiting in self._paused:
            waiting.discard(trial)

    def _promoted(self) -> int | None:
        for waiting, gains in zip(reversed(self._paused), reversed(self._gains), strict=True):
            best = sorted(gains, key=lambda trial: -gains[trial])[: int(len(gains) / self._factor)]
            found = next((trial for trial in best if trial in waiting), None)
            if found is not None:
                return found
        return None
