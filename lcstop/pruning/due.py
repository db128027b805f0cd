"""What the last report of a trial calls for: nothing, a judgement, or a stop because it has diverged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.pruning.schedule import SCHEDULES


@dataclass(frozen=True, eq=False)
class Question:
    """A trial that is to be judged at its last report.

    Attributes:
        trial: What it has reported.
        diverged: Whether its last ``diverged_after`` reports are all NaN or infinite.
    """

    trial: Curve
    diverged: bool

    @classmethod
    def of(cls, config: PrunerConfig, trial: Curve) -> Question:
        """The question about a trial, due or not."""
        return cls(trial, is_diverged(config, trial))

    def is_due(self, config: PrunerConfig) -> bool:
        """Whether the last report calls for a judgement; needs no other trial."""
        return bool(len(self.trial)) and (self.diverged or is_due(config, self.trial, len(self.trial) - 1))

    def prefixes(self, config: PrunerConfig) -> list[Curve]:
        """The curve at the trial's last judgements, ``patience`` of them or fewer, oldest first."""
        trial, found = self.trial, list[Curve]()
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


def is_due(config: PrunerConfig, trial: Curve, i: int) -> bool:
    """Whether the schedule judges ``trial`` at report ``i``, counted from 0.

    That is the first report in its interval of ``interval_steps`` from ``min_steps`` on. Policy ``study``
    takes only the first such report after each moment of its :class:`lcstop.pruning.schedule.Schedule`.

    Example:
        >>> config = PrunerConfig(horizon=20, min_steps=4, interval_steps=3, policy="published")
        >>> [i for i in range(10) if is_due(config, Curve(range(1, 11), [0.5] * 10, horizon=20), i)]
        [3, 6, 9]
    """
    if not is_first_in_interval(config, trial, i):
        return False
    if config.policy == "published":
        return True
    schedule = SCHEDULES[config.preset]
    n_judgements = schedule.n_judgements(float(trial.steps[i]) / trial.horizon)
    before = next((j for j in reversed(range(i)) if is_first_in_interval(config, trial, j)), None)
    if before is None:
        return n_judgements > 0
    return n_judgements > schedule.n_judgements(float(trial.steps[before]) / trial.horizon)


def is_first_in_interval(config: PrunerConfig, trial: Curve, i: int) -> bool:
    """Whether report ``i`` is the first in its interval of ``interval_steps`` from ``min_steps`` on."""

    def interval(step: float) -> int:
        return math.floor((step - config.min_steps) / config.interval_steps + 1e-9)

    here = interval(float(trial.steps[i]))
    return here >= 0 and (i == 0 or interval(float(trial.steps[i - 1])) < here)


def is_diverged(config: PrunerConfig, trial: Curve) -> bool:
    """Whether the last ``diverged_after`` reports of ``trial`` are all NaN or infinite."""
    n = config.diverged_after
    return len(trial) >= n and not np.isfinite(trial.values[-n:]).any()
