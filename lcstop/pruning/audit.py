"""The audit: some trials that would be stopped go on, to learn how many stopped ones would have won."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lcstop.config.pruner import PrunerConfig
from lcstop.pruning.due import is_silent
from lcstop.pruning.study_view import StudyView


@dataclass(frozen=True)
class Audit:
    """What has become of the audited trials.

    Attributes:
        n: Audited trials that have ended. Failed ones do not count, nor do trials that something else has
            stopped.
        won: Those whose stop would have been wrong, see
            :meth:`lcstop.pruning.suppressed_stop.AuditedTrial.won`.
        certainty: ``keep`` of the options as a probability; where it does not decide, ``confidence``.

    Example:
        >>> print(Audit(n=5, won=2, certainty=0.95))
        2 of 5 audited trials would have been wrongly stopped (40 %, 95 % interval 5.27 % to 85.3 %)
    """

    n: int
    won: int
    certainty: float

    @classmethod
    def of_study(cls, study: StudyView, config: PrunerConfig) -> Audit:
        """The audit of a study.

        A trial that was stopped after all because it had diverged counts, since nothing was left to gain.
        Its last reports are not finite.
        """
        ended = [
            trial
            for trial in study.audited
            if trial.finished or is_silent(config, trial.curve.values.tolist())
        ]
        won = sum(trial.won(study.direction, config.target) for trial in ended)
        keep = config.keep_probability
        return cls(len(ended), won, config.confidence if keep is None else keep)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share of wrong stops among all stops, see :func:`exact_interval`."""
        return exact_interval(self.won, self.n)

    @property
    def adjusted_certainty(self) -> float:
        """The certainty to decide with.

        It is the one in the options while the interval includes ``1 - certainty``. Once the lower end is
        above that, the distance to 1 is halved; once it is above twice that, halved again, and so on. With
        ``keep`` that is what all stops together may spend. It depends on the counts alone, so that all
        workers agree, and falls back when later trials show fewer wrong stops.

        Example:
            >>> audits = [Audit(n, won, 0.95) for n, won in ((1, 1), (5, 2), (2, 2), (50, 2))]
            >>> [round(audit.adjusted_certainty, 6) for audit in audits]
            [0.95, 0.975, 0.9875, 0.95]
        """
        risk, low = 1 - self.certainty, self.interval[0]
        if low <= risk:
            return self.certainty
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
            "certainty": self.adjusted_certainty,
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
def exact_interval(hits: int, n: int) -> tuple[float, float]:
    """The exact 95 % interval of a share, of which ``hits`` of ``n`` are known (Clopper and Pearson 1934).

    Example:
        >>> [round(end, 4) for end in exact_interval(0, 100)], exact_interval(0, 0)
        ([0.0, 0.0362], (0.0, 1.0))
    """
    if n == 0:
        return 0.0, 1.0
    from scipy.special import betaincinv  # most studies have no audited trial

    low = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, 0.025))
    high = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 0.975))
    return low, high
