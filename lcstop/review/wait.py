"""Wait: a time in which a trial waited, as it is on record."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Wait:
    """A wait of a trial that went on later.

    Attributes:
        step: Step at which it waited.
        start: Time from which it waited, in seconds of the clock of the trial.
        end: Time at which it went on, likewise.
        from_step: Step from which it went on; 0 if it was trained from the start again.
        number: Number of the trial as which it went on, where a framework cannot pause a trial; None
            otherwise.

    Example:
        >>> str(Wait(4.0, 10.0, 30.0, from_step=4.0, number=17))
        'waited at step 4, went on as trial 17'
        >>> str(Wait(4.0, 10.0, 30.0, from_step=0.0))
        'waited at step 4, was trained from the start again'
    """

    step: float
    start: float
    end: float
    from_step: float
    number: int | None = None

    @property
    def is_from_start(self) -> bool:
        """Whether the trial was trained from the start again."""
        return self.from_step <= 0 < self.step

    def __str__(self) -> str:
        how = "went on"
        if self.is_from_start:
            how = "was trained from the start again"
        elif self.from_step < self.step:
            how += f" from step {self.from_step:g}"
        return f"waited at step {self.step:g}, {how}" + (f" as trial {self.number}" if self.number else "")

    def as_dict(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        return {
            "step": self.step,
            "seconds": max(self.end - self.start, 0.0),
            "from_step": self.from_step,
            "trial": self.number,
        }


def time_of_report(
    n: int, steps: NDArray[Any] | Sequence[float], start: float, end: float, waits: Sequence[Wait]
) -> float:
    """Time of report ``n`` (from 1). Reports are assumed to be evenly spaced while the trial ran.

    Args:
        n: Number of the report.
        steps: Steps of all reports of the trial.
        start: Time of the start of the trial.
        end: Time of its end.
        waits: Its waits, in order.

    Example:
        >>> waits = [Wait(2.0, 2.0, 12.0, from_step=2.0)]
        >>> [time_of_report(n, [1, 2, 3, 4], 0.0, 14.0, waits) for n in (1, 2, 3, 4)]
        [1.0, 2.0, 13.0, 14.0]
    """
    first = 0
    for wait in [*waits, None]:
        last = bisect_right(steps, wait.from_step, lo=first) if wait else len(steps)
        until = wait.start if wait else end
        if n <= last or wait is None:
            return start + max(until - start, 0.0) * min((n - first) / max(last - first, 1), 1.0)
        first, start = last, wait.end
    raise AssertionError
