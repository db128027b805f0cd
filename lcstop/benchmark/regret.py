"""Anytime regret of replays, and the figures derived from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Target
from lcstop.pruning.audit import exact_interval
from lcstop.simulation.loop import MILESTONES, Outcome, Steps
from lcstop.simulation.task import Task

Array = NDArray[np.float64]

FAILURE = 0.2
"""Speed-up of a failure (speed-up 0) in geometric means. With 0 they would be 0."""

_ROUNDING = 1e-9
"""Relative tolerance of comparisons of regrets."""


@dataclass(frozen=True)
class Figures:
    """The figures of a policy on a task, over all orders.

    Attributes:
        speed_up: Budget divided by the number of epochs after which the mean regret has reached the final
            mean regret of no stopping; 0 if it never does.
        regret: Mean regret at the end of the budget, in the metric's units.
        regret_ratio: ``regret`` divided by that of no stopping.
        regret_excess: Mean of the regret minus that of no stopping in the same order.
        regret_error: Standard error of ``regret_excess``; NaN for a single order.
        seen: For each number in :data:`lcstop.simulation.loop.MILESTONES`, the epochs until so many trials
            had ended, divided by the epochs that they take without stopping; median over orders. None if it
            took more than the budget.
        epochs: Mean number of epochs; below the budget if all trials ended earlier.
        trials: Mean number of started trials.
        killed: Number of trials stopped before their end, in all orders.
        wrong: Number of stopped trials that would have beaten the incumbent at the time of the stop.
        wrong_low: Lower end of the 95 % Clopper-Pearson interval of ``wrong / killed``.
        wrong_high: Upper end of the interval.
        seconds: Mean seconds per replay spent in the policy.
        milliseconds: Milliseconds per epoch spent in the policy.
    """

    speed_up: float
    regret: float
    regret_ratio: float
    regret_excess: float
    regret_error: float
    seen: tuple[float | None, ...]
    epochs: float
    trials: float
    killed: int
    wrong: int
    wrong_low: float
    wrong_high: float
    seconds: float
    milliseconds: float


def regrets(task: Task, outcomes: Sequence[Outcome], target: Target, budget: int) -> Array:
    """Regret after each epoch, ``[n_orders, budget]``, in the metric's units.

    The regret is the distance to the best value of the task: of all reports for the target ``best``, of all
    final values for the target ``final``. It is capped at the regret of :attr:`Task.start_value`, so that one
    huge loss does not dominate the mean over orders. Before the first value it has that level, too.
    """
    top = task.best_value if target == "best" else task.best_final_value
    max_regret = abs(top - task.start_value)
    rows = [_regret(getattr(outcome, target), top, max_regret, budget) for outcome in outcomes]
    return np.stack(rows)


def _regret(steps: Steps, top: float, max_regret: float, budget: int) -> Array:
    """Regret after each epoch, ``[budget]``, from the epochs (from 1) at which the best value changes.

    Example:
        >>> _regret([(2, 0.5), (4, 0.8)], top=1.0, max_regret=0.9, budget=5).round(2).tolist()
        [0.9, 0.5, 0.5, 0.2, 0.2]
    """
    row = np.full(budget, max_regret)
    for epoch, value in steps:
        row[epoch - 1 :] = min(abs(top - value), max_regret)
    return row


def speed_up(mean_regret: Array, goal: float) -> float:
    """Budget divided by the number of epochs until the mean regret is at most ``goal``; 0 if it never is.

    Args:
        mean_regret: ``[budget]``, regret after each epoch.
        goal: A regret.

    Example:
        >>> speed_up(np.array([3.0, 2.0, 1.0, 1.0]), goal=1.0), speed_up(np.array([3.0, 2.0]), goal=1.0)
        (1.3333333333333333, 0.0)
    """
    reached = np.flatnonzero(mean_regret <= goal * (1 + _ROUNDING))
    return len(mean_regret) / (int(reached[0]) + 1) if len(reached) else 0.0


def figures(
    task: Task, outcomes: Sequence[Outcome], reference: Sequence[Outcome], target: Target, budget: int
) -> Figures:
    """The figures of a policy on a task.

    Args:
        task: The task.
        outcomes: Outcomes of the policy, one per order.
        reference: Outcomes of no stopping in the same orders.
        target: ``best`` or ``final``: the value that counts.
        budget: Number of epochs of each replay.
    """
    ours = regrets(task, outcomes, target, budget)
    theirs = regrets(task, reference, target, budget)[:, -1]
    excess = ours[:, -1] - theirs
    end, goal = float(ours[:, -1].mean()), float(theirs.mean())
    killed = sum(outcome.killed for outcome in outcomes)
    wrong = sum(outcome.wrong_best if target == "best" else outcome.wrong_final for outcome in outcomes)
    low, high = exact_interval(wrong, killed)
    seconds = float(np.mean([outcome.seconds for outcome in outcomes]))
    epochs = float(np.mean([outcome.epochs for outcome in outcomes]))
    return Figures(
        speed_up=speed_up(ours.mean(0), goal),
        regret=end,
        regret_ratio=_ratio(end, goal),
        regret_excess=float(excess.mean()),
        regret_error=float(excess.std(ddof=1) / math.sqrt(len(excess))) if len(excess) > 1 else math.nan,
        seen=tuple(
            _seen([outcome.seen[i] for outcome in outcomes], n * float(task.lengths.mean()))
            for i, n in enumerate(MILESTONES)
        ),
        epochs=epochs,
        trials=float(np.mean([outcome.trials for outcome in outcomes])),
        killed=killed,
        wrong=wrong,
        wrong_low=low,
        wrong_high=high,
        seconds=seconds,
        milliseconds=1e3 * seconds / max(1.0, epochs),
    )


def _seen(epochs: Sequence[int | None], whole: float) -> float | None:
    middle = float(np.median([math.inf if epoch is None else epoch for epoch in epochs]))
    return middle / whole if math.isfinite(middle) else None


def _ratio(value: float, reference: float) -> float:
    if reference > 0:
        return value / reference
    return 1.0 if value <= 0 else math.inf


def geometric_mean(speed_ups: Sequence[float]) -> float:
    """Geometric mean of speed-ups. A speed-up of 0 counts as :data:`FAILURE`.

    Example:
        >>> round(geometric_mean([5.0, 0.0]), 6)
        1.0
    """
    return math.exp(sum(math.log(x if x > 0 else FAILURE) for x in speed_ups) / len(speed_ups))
