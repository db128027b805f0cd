"""Made-up tasks and policies for the tests of replays."""

import math

import numpy as np

from lcstop.simulation.loop import Action, Outcome, SequentialPolicy, replay, replay_budget
from lcstop.simulation.task import ReplayStudy, Task

NAN = math.nan


def task_of(rows, direction="maximize", lengths=None, params=None, name="made up") -> Task:
    """A task of rows of different lengths. Each trial ends after its last value."""
    n_steps = max(map(len, rows))
    values = np.array([[*row, *[NAN] * (n_steps - len(row))] for row in rows], float)
    ends = np.array(lengths or [len(row) for row in rows])
    return Task("tests", name, direction, values, ends, params)


def random_task(n_trials=60, n_steps=12, seed=0, direction="maximize") -> Task:
    rng = np.random.default_rng(seed)
    top, speed = rng.uniform(0.2, 0.9, (n_trials, 1)), rng.uniform(0.1, 0.9, (n_trials, 1))
    values = top * (1 - speed ** np.arange(1, n_steps + 1)) + rng.normal(0, 0.02, (n_trials, n_steps))
    sign = 1 if direction == "maximize" else -1
    return Task("tests", f"random {seed}", direction, sign * values, np.full(n_trials, n_steps))


def study_of(task: Task, number=0, target="best") -> ReplayStudy:
    return ReplayStudy(task, task.order(number).tolist(), target, f"{task.name}-{number}")


def run(task: Task, policy, number=0, workers=1, budget=None) -> Outcome:
    return replay(task, number, 0, policy, workers, budget or replay_budget(task, workers))


class InGivenOrder(Task):
    """A task with a single order: that of its rows."""

    def order(self, number: int, seed: int = 0):
        return np.arange(self.n_trials)


def given(rows, **options) -> Task:
    task = task_of(rows, **options)
    return InGivenOrder(task.family, task.name, task.direction, task.values, task.lengths, task.params)


class StopAt(SequentialPolicy):
    """Stops trials at given steps."""

    def __init__(self, task, at):
        super().__init__(task.n_trials)
        self.at, self.seen, self.ended = at, [], []

    def report(self, trial, step, value):
        self.seen.append((trial, step, value))
        return Action.STOP if self.at.get(trial) == step else Action.GO

    def end(self, trial):
        self.ended.append(trial)
