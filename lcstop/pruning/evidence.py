"""Evidence: what a rule finds about a trial, before it is put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lcstop.curves.scale import MetricScale
from lcstop.ranking.ranker import Ranking
from lcstop.surrogates.forecast import Forecast


@dataclass(frozen=True)
class Evidence:
    """What a rule finds about a trial at its last judgements.

    Attributes:
        says_stop: Whether each judgement says stop, oldest first; those on record before this one included.
        probability: The probability that decides at the last judgement.
        threshold: The probability at or below which that judgement says stop.
        p_beat: Probability that the trial beats the incumbent.
        ranking: What the ranker said at the last judgement; policy ``study``.
        forecast: The forecast at the horizon, ``[1, 1]``; policy ``published``.
        scale: Its scale.
        is_undecided: Whether nothing tells the trial from the others yet, so that it goes on.
        holds_incumbent: Whether no finished trial is better, so that the trial goes on; policy ``study``.
    """

    says_stop: Sequence[bool]
    probability: float
    threshold: float
    p_beat: float
    ranking: Ranking | None = None
    forecast: Forecast | None = None
    scale: MetricScale | None = None
    is_undecided: bool = False
    holds_incumbent: bool = False

    def stops(self, patience: int) -> bool:
        """Whether there are ``patience`` judgements, and all say stop."""
        return all(self.says_stop) and len(self.says_stop) == patience
