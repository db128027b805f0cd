"""Anytime regret of replays, and the figures that are read off it."""

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
"""A speed-up of 0, for a policy that never gets there, counts as this in geometric means."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Figures:
    """How a policy did on a task, over its orders.

    Attributes:
        speed_up: The budget over the epochs after which the mean regret is down to that of no stopping at
            the end of the budget; 0 if it never is.
        regret: Mean regret after the budget, in the metric's units.
        regret_ratio: That over the one of no stopping.
        regret_excess: Mean difference of the two over the same orders.
        regret_error: Standard error of this difference.
        seen: For each of :data:`lcstop.simulation.loop.MILESTONES` the epochs until so many trials were over,
            as a share of what they take without stopping, median over orders; None where it took more than
            the budget.
        epochs: Mean number of epochs that were run; less than the budget if there was nothing left to try.
        trials: Mean number of trials that were started.
        killed: Trials that were stopped before their end, in all orders together.
        wrong: Those of them that would have beaten the incumbent of that moment.
        wrong_low: Lower end of the 95 % Clopper-Pearson interval of their share among the killed.
        wrong_high: Upper end of it.
        seconds: Spent in the policy, mean of a replay.
        milliseconds: Spent in the policy for an epoch.
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

    The regret is the distance from the best value of the whole task: of any report for the target ``best``,
    of the ends of trials for ``final``. Before there is a value, and wherever it is worse, the regret is that
    of the median first value of a trial, so that the mean over orders is no matter of one huge loss.
    """
    top = task.best_value if target == "best" else task.best_final_value
    most = abs(top - task.start_value)
    rows = [_regret(getattr(outcome, target), top, most, budget) for outcome in outcomes]
    return np.stack(rows)


def _regret(steps: Steps, top: float, most: float, budget: int) -> Array:
    """A value that holds from an epoch on (counted from 1) as a regret after each epoch.

    Example:
        >>> _regret([(2, 0.5), (4, 0.8)], top=1.0, most=0.9, budget=5).round(2).tolist()
        [0.9, 0.5, 0.5, 0.2, 0.2]
    """
    row = np.full(budget, most)
    for epoch, value in steps:
        row[epoch - 1 :] = min(abs(top - value), most)
    return row


def speed_up(mean_regret: Array, goal: float) -> float:
    """The budget over the epochs after which the mean regret is at or below ``goal``; 0 if it never is.

    Example:
        >>> speed_up(np.array([3.0, 2.0, 1.0, 1.0]), goal=1.0), speed_up(np.array([3.0, 2.0]), goal=1.0)
        (1.3333333333333333, 0.0)
    """
    there = np.flatnonzero(mean_regret <= goal * (1 + _ROUNDING))
    return len(mean_regret) / (int(there[0]) + 1) if len(there) else 0.0


def figures(
    task: Task, outcomes: Sequence[Outcome], reference: Sequence[Outcome], target: Target, budget: int
) -> Figures:
    """The figures of a policy.

    Args:
        task: What was replayed.
        outcomes: One for each order.
        reference: Those of no stopping, for the same orders.
        target: What counts.
        budget: Epochs.
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
    """Geometric mean in which a failure counts as :data:`FAILURE`.

    Example:
        >>> round(geometric_mean([5.0, 0.0]), 6)
        1.0
    """
    return math.exp(sum(math.log(x if x > 0 else FAILURE) for x in speed_ups) / len(speed_ups))
