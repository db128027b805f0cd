"""When a pruner judges a trial and, in the presets, what a study-aware one asks of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lcstop.config.choices import Preset
from lcstop.curves.curve import Curve

if TYPE_CHECKING:
    from lcstop.config.pruner import PrunerConfig


@dataclass(frozen=True)
class Schedule:
    """When a trial is judged, and how likely it must be to end in the best tenth of the study.

    Attributes:
        first: Share of the horizon at which a trial is judged first.
        ratio: Each later judgement comes after so many times the steps.
        threshold: Probability at the start; what is asked for rises along a line.
        slope: How much more is asked for at the horizon, were it not for ``most``.
        most: The highest probability that is ever asked for.
    """

    first: float
    ratio: float
    threshold: float
    slope: float
    most: float

    def rung(self, share: float) -> int:
        """How many times a trial has been judged by this share of its horizon.

        Example:
            >>> [Schedule(0.05, 2, 0.05, 0, 0.3).rung(share) for share in (0.04, 0.05, 0.1, 1.0)]
            [0, 1, 2, 5]
        """
        ratio = share / self.first * (1 + 1e-9)
        return 0 if ratio < 1 else 1 + math.floor(math.log(ratio) / math.log(self.ratio))

    def asked(self, share: float, confidence: float, to_come: float, *, informed: bool = False) -> float:
        """The least probability with which a trial goes on; the schedule is for a confidence of 0.95.

        It is less where more than :data:`MUCH_TO_COME` is to come (see
        :class:`lcstop.ranking.ranker.Verdict`), for then the order may still turn round, as it does when a
        learning rate falls. It is :data:`INFORMED` times as much where hyperparameters were compared.

        Example:
            >>> schedule = SCHEDULES["balanced"]
            >>> [round(schedule.asked(0.1, 0.95, to_come), 3) for to_come in (0, 2, 4, 20)]
            [0.1, 0.1, 0.05, 0.01]
        """
        asked = min(self.most, self.threshold + self.slope * share) * (1 - confidence) / 0.05
        asked *= INFORMED if informed else 1
        return asked * MUCH_TO_COME / max(to_come, MUCH_TO_COME)


MUCH_TO_COME = 2.0
"""What trials still gain, in units of how far they are apart, up to which ranks are taken at their word."""

INFORMED = 1.4
"""More is asked of the higher of two probabilities, one of which knows the hyperparameters."""

SCHEDULES: dict[Preset, Schedule] = {
    "safe": Schedule(first=0.03, ratio=1.6, threshold=0.035, slope=0.0, most=0.035),
    "balanced": Schedule(first=0.02, ratio=1.6, threshold=0.06, slope=0.4, most=0.2),
    "bold": Schedule(first=0.02, ratio=1.6, threshold=0.07, slope=0.45, most=0.23),
}
"""What the presets mean; docs/benchmark.md has what each of them saves and loses."""


def is_due(config: PrunerConfig, trial: Curve, i: int) -> bool:
    """Whether report ``i`` of ``trial``, counted from 0, is one to judge it at.

    That is the first in its interval of ``interval_steps`` from ``min_steps`` on, and for policy ``study``
    also the first such report since the schedule's last judgement.

    Example:
        >>> from lcstop import PrunerConfig
        >>> config = PrunerConfig(horizon=20, min_steps=4, interval_steps=3, policy="published")
        >>> [i for i in range(10) if is_due(config, Curve(range(1, 11), [0.5] * 10, horizon=20), i)]
        [3, 6, 9]
    """
    if not is_first(config, trial, i):
        return False
    if config.policy == "published":
        return True
    schedule = SCHEDULES[config.preset]
    rung = schedule.rung(float(trial.steps[i]) / trial.horizon)
    before = next((j for j in reversed(range(i)) if is_first(config, trial, j)), None)
    return rung > (0 if before is None else schedule.rung(float(trial.steps[before]) / trial.horizon))


def is_first(config: PrunerConfig, trial: Curve, i: int) -> bool:
    """Whether report ``i`` is the first in its interval of ``interval_steps`` from ``min_steps`` on."""

    def interval(step: float) -> int:
        return math.floor((step - config.min_steps) / config.interval_steps + 1e-9)

    here = interval(float(trial.steps[i]))
    return here >= 0 and (i == 0 or interval(float(trial.steps[i - 1])) < here)
