"""The certificate: what the stops of a study may have lost, and what they have saved."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from lcstop._utils.number_words import probability_of_keeping
from lcstop.pruning.judgement_record import JudgementRecord


class StartedTrial(NamedTuple):
    """What the certificate needs to know of a trial.

    Attributes:
        steps: Steps that it has trained so far; 0 if it has not reported.
        horizon: Steps of the full trial.
        stop: The judgement by which ``lcstop`` has stopped it; None if ``lcstop`` has not.
    """

    steps: float
    horizon: float
    stop: JudgementRecord | None = None


@dataclass(frozen=True)
class Certificate:
    """What the stops of a study may have lost, and what they have saved.

    Attributes:
        n_trials: Trials that were started.
        n_stopped: Those that ``lcstop`` has stopped.
        expected_lost: Expected number of stopped trials that would have become the best of the study; None if
            that is unknown, because a stop has no P(best) on record.
        steps: Steps that were trained.
        steps_saved: Steps that the stopped trials did not train.

    Example:
        >>> print(Certificate(60, 50, expected_lost=0.03, steps=870.0, steps_saved=2130.0))
        best trial kept with probability 0.97 (expected lost winners 0.03); 71 % of the steps saved
    """

    n_trials: int
    n_stopped: int
    expected_lost: float | None
    steps: float
    steps_saved: float

    @property
    def p_kept(self) -> float | None:
        """Probability that the best of all started trials is not among the stopped ones, at least.

        It is ``1 - expected_lost``, and 0 where that is negative. None if it is unknown.
        """
        return None if self.expected_lost is None else max(0.0, 1 - self.expected_lost)

    @property
    def share_saved(self) -> float:
        """Share of the steps that the stops have saved, of those trained and saved; 0 without any."""
        total = self.steps + self.steps_saved
        return self.steps_saved / total if total else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "trials": self.n_trials,
            "stopped": self.n_stopped,
            "p_kept": self.p_kept,
            "expected_lost": self.expected_lost,
            "steps": self.steps,
            "steps_saved": self.steps_saved,
            "share_saved": self.share_saved,
        }

    def __str__(self) -> str:
        saved = f"{100 * self.share_saved:.0f} % of the steps saved"
        return f"{self.promise}; {saved}" if self.promise else saved

    @property
    def promise(self) -> str:
        """The part of ``str()`` that says what may have been lost; empty if that is unknown."""
        if self.p_kept is None:
            return ""
        kept = probability_of_keeping(self.p_kept)
        return f"best trial kept with probability {kept} (expected lost winners {self.expected_lost:.2g})"


def certificate(trials: Iterable[StartedTrial]) -> Certificate:
    """The certificate of a study, at any time, from what is on record.

    The probabilities of becoming the best that the stopped trials had at their stops are added up. Their sum
    is the expected number of lost winners, and at least the probability that one was lost. A trial that
    was stopped because it had diverged has lost nothing. A stop by another policy, or by an earlier version,
    has no such probability on record; what may have been lost is then unknown.

    Args:
        trials: All trials that were started, those that have failed included.

    Example:
        >>> stop = JudgementRecord(4.0, "stop", p_best=0.03)
        >>> found = certificate([StartedTrial(20, 20), StartedTrial(4, 20, stop)])
        >>> found.p_kept, found.expected_lost, found.share_saved
        (0.97, 0.03, 0.4)
    """
    every = list(trials)
    stopped = [trial for trial in every if trial.stop is not None]
    lost = [p_lost(trial.stop) for trial in stopped if trial.stop is not None]
    return Certificate(
        n_trials=len(every),
        n_stopped=len(stopped),
        expected_lost=None if None in lost else math.fsum(p for p in lost if p is not None),
        steps=math.fsum(trial.steps for trial in every),
        steps_saved=math.fsum(max(trial.horizon - trial.steps, 0.0) for trial in stopped),
    )


def p_lost(stop: JudgementRecord) -> float | None:
    """Probability that a stop has lost the best trial of the study; None if it is not on record."""
    return 0.0 if stop.is_divergence else stop.p_best
