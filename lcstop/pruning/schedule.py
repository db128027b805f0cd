"""Schedule: when a preset judges a trial, and the probability that it needs to go on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lcstop.config.choices import Preset

LARGE_REMAINING_GAIN = 2.0
"""Remaining gain, in units of the trials' spread, above which ranks count for less."""

PARAMS_FACTOR = 1.4
"""Factor of the threshold where hyperparameters were compared: the higher of two probabilities is used."""


@dataclass(frozen=True)
class Schedule:
    """When a trial is judged, and the probability of the best tenth of the study that it needs to go on.

    Attributes:
        first_share: Share of the horizon of the first judgement.
        step_ratio: Steps at a judgement over steps at the one before.
        initial_threshold: Threshold at the start of a trial; it rises linearly with the share of the horizon.
        slope: Rise of the threshold from the start to the horizon.
        max_threshold: Highest threshold.
    """

    first_share: float
    step_ratio: float
    initial_threshold: float
    slope: float
    max_threshold: float

    def n_judgements(self, share: float) -> int:
        """Number of judgements that a trial has had by this share of its horizon.

        Example:
            >>> schedule = Schedule(0.05, 2, 0.05, 0, 0.3)
            >>> [schedule.n_judgements(share) for share in (0.04, 0.05, 0.1, 1.0)]
            [0, 1, 2, 5]
        """
        ratio = share / self.first_share * (1 + 1e-9)
        return 0 if ratio < 1 else 1 + math.floor(math.log(ratio) / math.log(self.step_ratio))

    def threshold(
        self, share: float, confidence: float, remaining_gain: float, *, has_params: bool = False
    ) -> float:
        """The probability at or below which a trial is stopped.

        Args:
            share: Share of the horizon that the trial has reached.
            confidence: The threshold is multiplied by ``(1 - confidence) / 0.05``.
            remaining_gain: See :class:`lcstop.ranking.ranker.Ranking`. Above :data:`LARGE_REMAINING_GAIN`
                the threshold falls in proportion: the order of trials may still change, as it does when a
                learning rate falls.
            has_params: Whether hyperparameters were compared, see :data:`PARAMS_FACTOR`.

        Example:
            >>> schedule = SCHEDULES["balanced"]
            >>> [round(schedule.threshold(0.1, 0.95, gain), 3) for gain in (0, 2, 4, 20)]
            [0.1, 0.1, 0.05, 0.01]
        """
        threshold = min(self.max_threshold, self.initial_threshold + self.slope * share)
        threshold *= (1 - confidence) / 0.05
        threshold *= PARAMS_FACTOR if has_params else 1
        return threshold * LARGE_REMAINING_GAIN / max(remaining_gain, LARGE_REMAINING_GAIN)


SCHEDULES: dict[Preset, Schedule] = {
    "safe": Schedule(
        first_share=0.03, step_ratio=1.6, initial_threshold=0.035, slope=0.0, max_threshold=0.035
    ),
    "balanced": Schedule(
        first_share=0.02, step_ratio=1.6, initial_threshold=0.06, slope=0.4, max_threshold=0.2
    ),
    "bold": Schedule(
        first_share=0.02, step_ratio=1.6, initial_threshold=0.07, slope=0.45, max_threshold=0.23
    ),
}
"""What the presets mean; docs/benchmark.md has what each of them saves and loses."""
