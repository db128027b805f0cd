"""The replay itself: some workers, trials that report an epoch at a time, a policy that stops them."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, Protocol

from lcstop.simulation.task import Task

MILESTONES = (20, 100)
"""Numbers of configurations of which it is told when they had been seen."""

Steps = list[tuple[int, float]]
"""A value that only gets better: the epoch from which on it holds, and the value."""


class Action(Enum):
    """What a policy says to a report."""

    GO = 0
    STOP = 1
    PAUSE = 2


class Policy(Protocol):
    """Decides which trials run, and for how long. Trials are numbered from 0 as a study starts them.

    Attributes:
        dropped: Paused trials that have been stopped; the replay takes them out.
    """

    dropped: list[int]

    def next(self) -> int | None:
        """The trial that a free worker is to run, new or paused; None if there is none for now."""
        ...

    def report(self, trial: int, step: int, value: float) -> Action:
        """A trial's value at a step, counted from 1.

        At its own last report a trial may be stopped, too, as in a live study; for the replay it has run to
        its end.
        """
        ...

    def end(self, trial: int) -> None:
        """A trial has come to its own end; also called if it was stopped at its last report."""
        ...


class InOrder:
    """The part of most policies that starts one new trial after another and never pauses any."""

    def __init__(self, n_trials: int) -> None:
        self.dropped: list[int] = []
        self._waiting = iter(range(n_trials))

    def next(self) -> int | None:
        """See :class:`Policy`."""
        return next(self._waiting, None)

    def end(self, trial: int) -> None:
        """See :class:`Policy`."""


@dataclass
class Outcome:
    """What a policy did with a study, in one order.

    Attributes:
        order: Number of the order.
        epochs: Epochs that were run, at most the budget.
        trials: Trials that were started.
        killed: Trials that were stopped before their end.
        wrong_best: Killed trials that would have gone beyond the best value of any run at that moment.
        wrong_final: Killed trials that would have ended better than every trial that had finished by then.
        best: The best value of any run so far.
        final: The best value at the end of a finished trial so far.
        seen: The epoch by which each number of :data:`MILESTONES` trials was over; None if it was never.
        seconds: Time spent in the policy.
    """

    order: int
    epochs: int = 0
    trials: int = 0
    killed: int = 0
    wrong_best: int = 0
    wrong_final: int = 0
    best: Steps = field(default_factory=list)
    final: Steps = field(default_factory=list)
    seen: list[int | None] = field(default_factory=lambda: [None] * len(MILESTONES))
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """For :meth:`from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Outcome:
        """The outcome that :meth:`to_json` was called on."""
        steps = {name: [(int(t), float(y)) for t, y in content[name]] for name in ("best", "final")}
        return cls(**{**content, **steps})


def budget_of(task: Task, workers: int, full_runs: int = 20) -> int:
    """Epochs of so many runs of full length, and of as many more as it takes for every worker to end one.

    Example:
        >>> import numpy as np
        >>> task = Task("made up", "a", "maximize", np.zeros((3, 50)), np.full(3, 50))
        >>> [budget_of(task, workers) for workers in (1, 4, 16)]
        [1000, 1000, 1600]
    """
    return -(-full_runs // workers) * workers * task.horizon


def replay(task: Task, number: int, seed: int, policy: Policy, workers: int, budget: int) -> Outcome:
    """Run a recorded study.

    Each worker trains its trial for one epoch in turn, so the trials advance together. Every configuration
    is tried once: when all have been, the study is over, whatever is left of the budget, since starting it
    again would give a policy that has killed the winner another chance that no live study has.

    Args:
        task: The study.
        number: Which of its random orders.
        seed: Of the orders.
        policy: Made for this replay.
        workers: Trials that run at a time.
        budget: Epochs of all workers together.
    """
    study = _Replay(task, task.order(number, seed).tolist(), policy, Outcome(number))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what other people's rules say of NaN
        return study.run(workers, budget)


class _Replay:
    def __init__(self, task: Task, order: Sequence[int], policy: Policy, outcome: Outcome) -> None:
        self.task, self.order, self.policy, self.outcome = task, order, policy, outcome
        self.best = self.best_final = -math.inf
        self.epochs: dict[int, int] = {}
        self.n_over = 0

    def run(self, workers: int, budget: int) -> Outcome:
        running: list[int | None] = [None] * workers
        out, busy = self.outcome, True
        while busy and out.epochs < budget:
            busy = False
            for worker in range(min(workers, budget - out.epochs)):
                trial = running[worker]
                if trial is None:
                    trial = self._next()
                    if trial is None:
                        continue
                running[worker] = trial if self._epoch(trial) else None
                busy = True
        return out

    def _next(self) -> int | None:
        """The trial for a free worker; a paused one that has nothing left to run ends at once."""
        while True:
            started = time.perf_counter()
            trial = self.policy.next()
            over = trial is not None and self._is_over(trial)
            if trial is not None and over:
                self.policy.end(trial)
            self.outcome.seconds += time.perf_counter() - started
            self._drop()
            if not over:
                return trial

    def _is_over(self, trial: int) -> bool:
        return bool(self.epochs.get(trial, 0) >= self.task.lengths[self.order[trial]])

    def _epoch(self, trial: int) -> bool:
        """Train a trial for one epoch; whether it goes on."""
        task, out, row = self.task, self.outcome, self.order[trial]
        step = self.epochs.get(trial, 0) + 1
        self.epochs[trial] = step
        out.epochs += 1
        out.trials += step == 1
        value = float(task.values[row, step - 1])
        if (gain := float(task.gains[row, step - 1])) > self.best:
            self.best = gain
            out.best.append((out.epochs, value))
        last = bool(step == task.lengths[row])
        if last:
            self.n_over += 1
            if gain > self.best_final:
                self.best_final = gain
                out.final.append((out.epochs, value))
        started = time.perf_counter()
        action = self.policy.report(trial, step, value)
        if last and action is not Action.PAUSE:
            self.policy.end(trial)
        out.seconds += time.perf_counter() - started
        if action is Action.STOP and not last:
            self._kill(trial)
        self._drop()
        for i, n in enumerate(MILESTONES):
            if out.seen[i] is None and self.n_over >= n:
                out.seen[i] = out.epochs
        return action is Action.GO and not last

    def _kill(self, trial: int) -> None:
        row, out = self.order[trial], self.outcome
        out.killed += 1
        out.wrong_best += bool(self.task.later_best[row, self.epochs[trial]] > self.best)
        out.wrong_final += bool(self.task.final_gains[row] > self.best_final)
        self.n_over += 1

    def _drop(self) -> None:
        while self.policy.dropped:
            trial = self.policy.dropped.pop()
            if not self._is_over(trial):
                self._kill(trial)
