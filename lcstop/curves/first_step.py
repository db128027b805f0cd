"""Whether steps are counted from 0 or from 1."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def counted_from_0(steps: Collection[float] | NDArray[np.float64]) -> bool:
    """Whether the steps of one trial are whole numbers that start at 0.

    Example:
        >>> counted_from_0([0, 1, 2]), counted_from_0([1, 2]), counted_from_0([0.0, 0.4, 0.8])
        (True, False, False)
    """
    found = np.fromiter(steps, np.float64, len(steps))
    return bool(len(found) and found.min() == 0 and (found == np.floor(found)).all())


def study_counts_from_0(trials: Iterable[Collection[float]]) -> bool:
    """Whether a study counts steps from 0: a trial has reported step 0, and all steps are whole numbers.

    One answer holds for all trials. A trial whose first report comes late does not tell by itself, and would
    otherwise be one step off its peers.

    Args:
        trials: The reported steps of each trial.

    Example:
        >>> study_counts_from_0([[9, 19, 29], [0, 1, 2]]), study_counts_from_0([[9, 19, 29], [1, 2]])
        (True, False)
        >>> study_counts_from_0([[0.0, 0.4], [0.0]])
        False
    """
    counting = StepCounting()
    for steps in trials:
        counting.add(steps)
    return counting.from_0


@dataclass
class StepCounting:
    """Whether a study counts steps from 0, while its trials report.

    Attributes:
        some_0: Whether a trial has reported step 0.
        some_fraction: Whether a trial has reported a step that is no whole number.

    Example:
        >>> counting = StepCounting()
        >>> [counting.add([9, 19]), counting.add([0]), counting.from_0]
        [False, True, True]
    """

    some_0: bool = False
    some_fraction: bool = False

    @property
    def from_0(self) -> bool:
        """Whether steps are counted from 0, as :func:`study_counts_from_0` says."""
        return self.some_0 and not self.some_fraction

    def add(self, steps: Iterable[float]) -> bool:
        """Add reported steps of any trial; whether they change the answer."""
        before = self.from_0
        for step in steps:
            self.some_0 = self.some_0 or step == 0
            self.some_fraction = self.some_fraction or not float(step).is_integer()
        return self.from_0 != before
