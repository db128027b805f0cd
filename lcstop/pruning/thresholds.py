"""Thresholds: the probability that a trial needs to go on."""

from __future__ import annotations

from dataclasses import dataclass

from lcstop.config.choices import Preset
from lcstop.ranking.ranker import LARGE_REMAINING_GAIN

PARAMS_FACTOR = 1.4
"""Factor of the threshold where hyperparameters were compared: the higher of two probabilities is used."""


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a preset: the probability of ending in the best tenth of the study.

    They rise linearly with the share of the horizon.

    Attributes:
        initial: Threshold at the start of a trial.
        slope: Rise from the start to the horizon.
        maximum: Highest threshold.
    """

    initial: float
    slope: float
    maximum: float

    def at(
        self, share: float, confidence: float, remaining_gain: float, *, has_params: bool = False
    ) -> float:
        """The probability at or below which a trial is stopped.

        Args:
            share: Share of the horizon that the trial has reached.
            confidence: The odds of the threshold are multiplied by ``(1 - confidence) / 0.05``, so that it
                stays a probability.
            remaining_gain: See :class:`lcstop.ranking.ranker.Ranking`. Where it is large the threshold falls
                in proportion: the order of trials may still change, as it does when a learning rate falls.
            has_params: Whether hyperparameters were compared, see :data:`PARAMS_FACTOR`.

        Example:
            >>> balanced = THRESHOLDS["balanced"]
            >>> [round(balanced.at(0.1, 0.95, gain), 3) for gain in (0, 2, 4, 20)]
            [0.1, 0.1, 0.05, 0.01]
        """
        threshold = min(self.maximum, self.initial + self.slope * share)
        threshold *= PARAMS_FACTOR if has_params else 1
        threshold *= LARGE_REMAINING_GAIN / max(remaining_gain, LARGE_REMAINING_GAIN)
        odds = threshold / (1 - threshold) * (1 - confidence) / 0.05
        return odds / (1 + odds)


def best_threshold(share: float, to_spend: float, n_left: float) -> float:
    """The probability of becoming the best of the study at or below which a trial is stopped.

    It follows the cost of waiting for the next judgement, which comes after a fixed multiple of the steps:
    while little has been run, waiting is cheap, and near the end there is little left to save. It is highest
    after a third. What may be spent is spread over the trials that are left.

    Args:
        share: Share of the horizon that the trial has reached.
        to_spend: ``1 - keep`` less what the stops so far have spent.
        n_left: Trials that have not ended, the judged one included.

    Example:
        >>> [round(best_threshold(share, 0.05, 50), 4) for share in (0.02, 0.1, 0.5)]
        [0.0003, 0.0014, 0.0021]
    """
    paced = _SPEED * to_spend / max(n_left, 1.0) * 6.75 * share * (1 - share) ** 2
    return max(0.0, min(paced, to_spend))


_SPEED = 2.5
"""Most that one stop spends, in even shares; most stops spend far less."""

THRESHOLDS: dict[Preset, Thresholds] = {
    "safe": Thresholds(initial=0.035, slope=0.0, maximum=0.035),
    "balanced": Thresholds(initial=0.06, slope=0.4, maximum=0.2),
    "bold": Thresholds(initial=0.07, slope=0.45, maximum=0.23),
}
"""The thresholds of each preset; docs/benchmark.md has what each of them saves and loses."""
