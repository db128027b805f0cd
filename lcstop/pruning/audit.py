"""The audit: some trials that would be stopped go on, to learn how many stopped ones would have won."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lcstop.pruning.decision import StudyView

FEWEST_STOPS = 10
"""Stops in a study before its first trial is audited: a small search keeps all that it saves."""


def is_audited(study: StudyView, share: float) -> bool:
    """Whether the judged trial of ``study``, which would be stopped, is to go on.

    The study needs :data:`FEWEST_STOPS` stops; they never become fewer, so that a trial that went on once
    goes on at its later judgements, too. Which trials are chosen has nothing to do with how they do: every
    one has the same chance, and what comes of them is an unbiased sample of what would have come of all.

    Example:
        >>> [is_audited(StudyView("maximize", judged="7", n_stopped=n), share=1.0) for n in (9, 10)]
        [False, True]
    """
    return study.judged is not None and study.n_stopped >= FEWEST_STOPS and _draw(study.judged) < share


def _draw(name: str) -> float:
    """A number in [0, 1) that is spread evenly over names, and always the same for one."""
    return int.from_bytes(hashlib.sha256(f"lcstop audit {name}".encode()).digest()[:6], "big") / 2**48


@dataclass(frozen=True)
class Audit:
    """What has come of the trials that would have been stopped and went on.

    Attributes:
        n: Those that have ended. Failed ones do not count, nor do trials that something else has stopped.
        won: Those of them that would have been wrongly killed winners, see
            :meth:`lcstop.pruning.decision.Spared.won`.
        confidence: The confidence that the user asks for.

    Example:
        >>> print(Audit(n=5, won=2, confidence=0.95))
        2 of 5 audited trials would have been wrongly stopped (40 %, 95 % interval 5.27 % to 85.3 %)
    """

    n: int
    won: int
    confidence: float

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of wrongly killed winners among all stops lies: 95 %, Clopper and Pearson."""
        return clopper_pearson(self.won, self.n)

    @property
    def careful(self) -> float:
        """The confidence to decide with.

        It is what the user asks for as long as the interval leaves ``1 - confidence`` possible. When the
        lower end has passed that, the confidence moves half-way to 1; when it has passed the double, half of
        the rest, and so on. It depends on nothing but the counts, so that all workers agree, and goes back
        when later trials show the share to be less.

        Example:
            >>> [round(Audit(n, won, 0.95).careful, 6) for n, won in ((1, 1), (5, 2), (2, 2), (50, 2))]
            [0.95, 0.975, 0.9875, 0.95]
        """
        risk, low = 1 - self.confidence, self.interval[0]
        if low <= risk:
            return self.confidence
        return 1 - math.ldexp(risk, -math.ceil(math.log2(low / risk)))

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        low, high = self.interval
        return {
            "audited": self.n,
            "wrong": self.won,
            "share": self.won / self.n if self.n else None,
            "low": low,
            "high": high,
            "confidence": self.careful,
        }

    def __str__(self) -> str:
        if not self.n:
            return "no audited trial has ended"
        low, high = (f"{100 * end:.3g} %" for end in self.interval)
        return (
            f"{self.won} of {self.n} audited trials would have been wrongly stopped "
            f"({100 * self.won / self.n:.3g} %, 95 % interval {low} to {high})"
        )


@lru_cache(maxsize=1024)
def clopper_pearson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share; everything is possible as long as nothing is known.

    Example:
        >>> [round(end, 4) for end in clopper_pearson(0, 100)], clopper_pearson(0, 0)
        ([0.0, 0.0362], (0.0, 1.0))
    """
    from scipy.stats import beta  # slow to import

    tail = (1 - level) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high
