"""What the last report of a trial calls for: nothing, a judgement, or a look at whether it has diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lcstop.config.choices import Preset
from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve


@dataclass(frozen=True)
class Moments:
    """When policy ``study`` judges a trial: at ever larger steps, each a fixed multiple of the one before.

    Attributes:
        first_share: Share of the horizon of the first judgement.
        step_ratio: Steps at a judgement over steps at the one before.
    """

    first_share: float
    step_ratio: float

    def n_judgements(self, share: float) -> int:
        """Number of judgements that a trial has had by this share of its horizon.

        Example:
            >>> moments = Moments(first_share=0.05, step_ratio=2)
            >>> [moments.n_judgements(share) for share in (0.04, 0.05, 0.1, 1.0)]
            [0, 1, 2, 5]
        """
        ratio = share / self.first_share * (1 + 1e-9)
        return 0 if ratio < 1 else 1 + math.floor(math.log(ratio) / math.log(self.step_ratio))


MOMENTS: dict[Preset, Moments] = {
    "safe": Moments(first_share=0.03, step_ratio=1.6),
    "balanced": Moments(first_share=0.02, step_ratio=1.6),
    "bold": Moments(first_share=0.02, step_ratio=1.6),
}
"""When each preset judges a trial."""


@dataclass(frozen=True, eq=False)
class Question:
    """A trial that is to be judged at its last report.

    Attributes:
        trial: What it has reported.
        is_due: Whether it is judged by its finite reports.
        is_silent: Whether its last ``diverged_after`` reports are all NaN or infinite.
        prefixes: The finite part of its curve at its last judgements, ``patience`` of them or fewer, oldest
            first. None of a trial with too few finite reports.
    """

    trial: Curve
    is_due: bool
    is_silent: bool
    prefixes: Sequence[Curve]


def question_at(config: PrunerConfig, trial: Curve, *, always: bool = False) -> Question | None:
    """What the last report of ``trial`` calls for; None if no judgement is due. Needs no other trial.

    Args:
        config: The options.
        trial: What it has reported.
        always: Whether there is a question, due or not.
    """
    due, silent = always or is_due(config, trial, len(trial) - 1), is_silent(config, trial)
    if not (due or silent):
        return None
    return Question(trial, due, silent, _prefixes(config, trial) if due else ())


def is_due(config: PrunerConfig, trial: Curve, i: int) -> bool:
    """Whether ``trial`` is judged at report ``i``, counted from 0.

    That is the first report in its interval of ``interval_steps`` from ``min_steps`` on. Policy ``study``
    takes only the first such report after each of its :data:`MOMENTS`.

    Example:
        >>> config = PrunerConfig(horizon=20, min_steps=4, interval_steps=3, policy="published")
        >>> [i for i in range(10) if is_due(config, Curve(range(1, 11), [0.5] * 10, horizon=20), i)]
        [3, 6, 9]
    """
    if not (len(trial) and is_first_in_interval(config, trial, i)):
        return False
    if config.policy == "published":
        return True
    moments = MOMENTS[config.preset]
    n_judgements = moments.n_judgements(float(trial.steps[i]) / trial.horizon)
    before = next((j for j in reversed(range(i)) if is_first_in_interval(config, trial, j)), None)
    if before is None:
        return n_judgements > 0
    return n_judgements > moments.n_judgements(float(trial.steps[before]) / trial.horizon)


class Tail(NamedTuple):
    """The last reports of a trial, as :meth:`lcstop.Curve.from_reports` would have them.

    Attributes:
        steps: At least two steps, strictly increasing and below the horizon.
        values: Values at these steps.
        horizon: Last step that the trial would reach.
    """

    steps: Sequence[float]
    values: Sequence[float]
    horizon: float


def may_be_due(config: PrunerConfig, tail: Tail) -> bool:
    """Whether the last report may call for a judgement, from the last reports of a trial alone.

    False is certain. The first report of ``tail`` only shows where the interval of the next one begins.

    Example:
        >>> config = PrunerConfig(horizon=1000)
        >>> [n for n in range(500, 1000) if may_be_due(config, Tail([n - 2, n - 1, n], [0.5] * 3, 1000))]
        [537, 859]
    """
    n = config.diverged_after
    if len(tail.values) >= n and not any(map(math.isfinite, tail.values[-n:])):
        return True
    intervals = [_interval(config, step) for step in tail.steps]
    if not _begins(intervals, len(intervals) - 1):
        return False
    before = next((j for j in reversed(range(1, len(intervals) - 1)) if _begins(intervals, j)), None)
    if config.policy == "published" or before is None:
        return True
    moments = MOMENTS[config.preset]
    now, earlier = (moments.n_judgements(tail.steps[j] / tail.horizon) for j in (-1, before))
    return now > earlier


def may_be_first_in_interval(config: PrunerConfig, tail: Tail) -> bool:
    """Whether the last report is the first in its interval, see :func:`is_first_in_interval`."""
    return _begins([_interval(config, step) for step in tail.steps[-2:]], 1)


def is_first_in_interval(config: PrunerConfig, trial: Curve, i: int) -> bool:
    """Whether report ``i`` is the first in its interval of ``interval_steps`` from ``min_steps`` on."""
    return _begins([_interval(config, float(step)) for step in trial.steps[max(i - 1, 0) : i + 1]], min(i, 1))


def _interval(config: PrunerConfig, step: float) -> int:
    return math.floor((step - config.min_steps) / config.interval_steps + 1e-9)


def _begins(intervals: Sequence[int], i: int) -> bool:
    return intervals[i] >= 0 and (i == 0 or intervals[i - 1] < intervals[i])


def is_silent(config: PrunerConfig, trial: Curve) -> bool:
    """Whether the last ``diverged_after`` reports of ``trial`` are all NaN or infinite."""
    n = config.diverged_after
    return len(trial) >= n and not np.isfinite(trial.values[-n:]).any()


def _prefixes(config: PrunerConfig, trial: Curve) -> list[Curve]:
    found: list[Curve] = []
    for i in reversed(range(len(trial))):
        if len(found) == config.patience:
            break
        if i == len(trial) - 1 or is_due(config, trial, i):
            prefix = (trial if i == len(trial) - 1 else trial.prefix(i + 1)).finite()
            # A report that is not finite adds no evidence, and so no judgement.
            grown = not found or len(prefix) < len(found[-1])
            if grown and len(prefix) >= (1 if config.min_steps == 1 else 2):
                found.append(prefix)
    return found[::-1]
