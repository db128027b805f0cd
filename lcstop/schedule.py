"""When a study-aware pruner judges a trial, and what it asks of it: the presets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Preset = Literal["safe", "balanced", "bold"]


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

    def asked(self, share: float, confidence: float) -> float:
        """The least probability with which a trial goes on; the schedule is for a confidence of 0.95."""
        return min(self.most, self.threshold + self.slope * share) * (1 - confidence) / 0.05


SCHEDULES: dict[Preset, Schedule] = {
    "safe": Schedule(first=0.03, ratio=1.6, threshold=0.035, slope=0.0, most=0.035),
    "balanced": Schedule(first=0.03, ratio=1.6, threshold=0.03, slope=0.4, most=0.2),
    "bold": Schedule(first=0.02, ratio=1.6, threshold=0.05, slope=0.5, most=0.3),
}
"""What the presets mean; docs/benchmark.md has what each of them saves and loses."""
