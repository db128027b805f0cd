"""The replay loop: workers train trials epoch by epoch, and a policy stops them."""

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
"""Numbers of ended trials at which :attr:`Outcome.seen` records the epoch."""

Steps = list[tuple[int, float]]
"""The best value so far: pairs of the epoch from which on it holds and the value."""


class Action(Enum):
    """The answer of a policy to a report."""

    GO = 0
    STOP = 1
    PAUSE = 2


class Policy(Protocol):
    """Decides which trials run, and for how long. Trials are numbered from 0, in the order of their starts.

    Attributes:
        dropped: Paused trials that the policy has stopped since the last call. The loop empties the list.
    """

    dropped: list[int]

    def next(self) -> int | None:
        """The next trial for a free worker, new or paused; None if no trial can run now."""
        ...

    def report(self, trial: int, step: int, value: float) -> Action:
        """Report the value of a trial at a step, from 1.

        A policy may also stop a trial at its last report, as in a live study. The replay counts such a trial
        as finished.
        """
        ...

    def end(self, trial: int) -> None:
        """A trial has reached its own end. Also called if it was stopped at its last report."""
        ...


class SequentialPolicy:
    """Base of policies that start the trials in order and never pause one."""

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
    """The outcome of one replay.

    Attributes:
        order: Number of the order of the trials.
        epochs: Number of epochs run, at most the budget.
        trials: Number of started trials.
        killed: Number of trials stopped before their end.
        wrong_best: Number of stopped trials whose later values exceed the best value of any trial at the time
            of the stop.
        wrong_final: Number of stopped trials whose final value is better than that of every trial finished at
            the time of the stop.
        best: The best value of any trial so far.
        final: The best final value of a finished trial so far.
        seen: For each number in :data:`MILESTONES`, the epoch by which so many trials had ended; None if
            fewer ended.
        seconds: Seconds spent in the policy.
        resumed: How often a worker has taken up a trial that had waited.
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
    resumed: int = 0

    def to_json(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Outcome:
        """Inverse of :meth:`to_json`."""
        steps = {name: [(int(t), float(y)) for t, y in content[name]] for name in ("best", "final")}
        return cls(**{**content, **steps})


def replay_budget(task: Task, workers: int, full_runs: int = 20) -> int:
    """Budget of a replay in epochs: ``full_runs`` full trials, rounded up to a multiple of the workers.

    Args:
        task: The recorded study.
        workers: Number of parallel workers.
        full_runs: Number of trials of full length.

    Example:
        >>> import numpy as np
        >>> task = Task("made up", "a", "maximize", np.zeros((3, 50)), np.full(3, 50))
        >>> [replay_budget(task, workers) for workers in (1, 4, 16)]
        [1000, 1000, 1600]
    """
    return -(-full_runs // workers) * workers * task.horizon


def replay(
    task: Task,
    number: int,
    seed: int,
    policy: Policy,
    workers: int,
    budget: int,
    resume_cost: float = 0.0,
) -> Outcome:
    """Replay a recorded study.

    The workers take turns and train one epoch each, so that their trials advance together. Every trial is
    started once. The replay ends when all trials have ended, even if budget is left. Restarting them would
    give a policy that stopped the winner a second chance, which it does not have in a live study.

    Args:
        task: The recorded study.
        number: Number of the order of the trials.
        seed: Seed of the orders.
        policy: A new policy, built for this replay.
        workers: Number of parallel workers.
        budget: Number of epochs of all workers together.
        resume_cost: Epochs that it costs a worker to take up a trial that has waited, for its checkpoint.
    """
    study = _Replay(task, task.order(number, seed).tolist(), policy, Outcome(number), resume_cost)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rules of the frameworks warn about NaN
        return study.run(workers, budget)


class _Replay:
    def __init__(
        self, task: Task, order: Sequence[int], policy: Policy, outcome: Outcome, resume_cost: float
    ) -> None:
        self.task, self.order, self.policy, self.outcome = task, order, policy, outcome
        self.resume_cost, self.unpaid = resume_cost, 0.0
        self.best = self.best_final = -math.inf
        self.epochs: dict[int, int] = {}
        self.n_ended = 0

    def run(self, workers: int, budget: int) -> Outcome:
        running: list[int | None] = [None] * workers
        last: list[int | None] = [None] * workers
        out, busy = self.outcome, True
        while busy and out.epochs < budget:
            busy = False
            for worker in range(min(workers, budget - out.epochs)):
                trial = running[worker]
                if trial is None:
                    trial = self._next()
                    if trial is None:
                        continue
                    if trial != last[worker] and trial in self.epochs:
                        self._resume()
                    last[worker] = trial
                running[worker] = trial if self._epoch(trial) else None
                busy = True
        return out

    def _next(self) -> int | None:
        """The trial for a free worker. A resumed trial without a remaining report ends at once."""
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

    def _resume(self) -> None:
        """Pay for a trial that is taken up again, in whole epochs."""
        self.outcome.resumed += 1
        self.unpaid += self.resume_cost
        self.outcome.epochs += int(self.unpaid)
        self.unpaid -= int(self.unpaid)

    def _is_over(self, trial: int) -> bool:
        return bool(self.epochs.get(trial, 0) >= self.task.lengths[self.order[trial]])

    def _epoch(self, trial: int) -> bool:
        """Train a trial for one epoch. Returns whether it goes on."""
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
            self.n_ended += 1
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
            if out.seen[i] is None and self.n_ended >= n:
                out.seen[i] = out.epochs
        return action is Action.GO and not last

    def _kill(self, trial: int) -> None:
        row, out = self.order[trial], self.outcome
        out.killed += 1
        out.wrong_best += bool(self.task.later_best[row, self.epochs[trial]] > self.best)
        out.wrong_final += bool(self.task.final_gains[row] > self.best_final)
        self.n_ended += 1

    def _drop(self) -> None:
        while self.policy.dropped:
            trial = self.policy.dropped.pop()
            if not self._is_over(trial):
                self._kill(trial)
