"""Evidence: what a rule finds about a trial, before it is put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lcstop.pruning.own_curve import OwnCurve
from lcstop.ranking.ranker import Ranking


@dataclass(frozen=True)
class Evidence:
    """What a rule finds about a trial at its last judgements.

    Attributes:
        says_stop: Whether each judgement says stop, oldest first; those on record before this one included.
        probability: The probability that decides at the last judgement.
        threshold: The probability at or below which that judgement says stop.
        p_beat: Probability that the trial beats the incumbent.
        ranking: What the ranker said at the last judgement; policy ``study``.
        own_curve: The forecast of the trial's own curve, if it took part in the decision.
        is_undecided: Whether nothing tells the trial from the others yet, so that it goes on.
        holds_incumbent: Whether no finished trial is better, so that the trial goes on; policy ``study``.
    """

    says_stop: Sequence[bool]
    probability: float
    threshold: float
    p_beat: float
    ranking: Ranking | None = None
    own_curve: OwnCurve | None = None
    is_undecided: bool = False
    holds_incumbent: bool = False

    def stops(self, patience: int) -> bool:
        """Whether there are ``patience`` judgements, and all say stop."""
        return all(self.says_stop) and len(self.says_stop) == patience
