"""StudyChecks: what is surely wrong in how a study reports, and what to change."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Direction
from lcstop.pruning.due import moments_of, n_judgements

N_FIRST = 3
"""Completed trials from which on the ends and the numbers of their reports are looked at."""

N_EQUAL = 5
"""Completed trials with the same end, which is then that of a full trial: early stopping has several."""

N_CORRELATED = 10
"""Completed trials from which on reported and returned values are compared."""

FAR, FAR_IF_EQUAL = 0.1, 0.8
"""Shares of the horizon. Trials that end before the first end far from it. Trials that all end at one step do
so before the second, where the next report would come before it, too."""

_MIN_FALLS = 3
"""Reports of one trial at a lower step than before. One or two may come from a restart."""

_FALLING = 0.25
"""Share of such reports. A trial that starts again for each of several folds has fewer."""

_MAX_TRIALS = 1000
"""Trials whose steps are watched at one time."""

_MAX_LOOKED_AT = 1000
"""Trials of a study after which it is not looked at any more: what is wrong shows in the first ones."""


class WatchedTrial(NamedTuple):
    """A trial as far as it tells whether something is wrong.

    Attributes:
        curve: What it has reported, up to its horizon.
        n_reports: Number of its reports, those past the horizon included.
        is_complete: Whether it ran to its own end: not stopped, converged, failed or running.
        value: What it has returned; None where a framework knows reports alone.
    """

    curve: Curve
    n_reports: int
    is_complete: bool
    value: float | None = None


class StudyChecks:
    """Finds each mistake of a study once.

    Args:
        config: The options.

    Example:
        >>> checks = StudyChecks(PrunerConfig(horizon=5000))
        >>> trial = WatchedTrial(Curve(range(1, 51), [0.5] * 50, horizon=5000), 50, is_complete=True)
        >>> [message] = checks.find("maximize", [trial] * 3)
        >>> message[:60]
        '3 trials have completed, all at step 50, but horizon=5000: h'
        >>> checks.find("maximize", [trial] * 4)
        []
    """

    def __init__(self, config: PrunerConfig) -> None:
        self._config = config
        self._found: set[str] = set()
        self._next = N_FIRST
        self._steps: dict[Hashable, _Steps] = {}

    def due(self, n: int) -> bool:
        """Whether to look at a study of ``n`` trials: at each of the first, then at each fourth part more."""
        if not self._next <= n <= _MAX_LOOKED_AT:
            return False
        self._next = n + max(1, (n - N_CORRELATED) // 4)
        return True

    def find(self, direction: Direction, trials: Iterable[WatchedTrial]) -> list[str]:
        """Messages on what is wrong, without those that were found before.

        Args:
            direction: Of the metric.
            trials: All trials that have reported.
        """
        if "falls" in self._found:
            return []  # the curves are none
        known = [trial for trial in trials if trial.n_reports and len(trial.curve)]
        found: list[str] = []
        for subject, checks in _CHECKS.items():
            if subject in self._found:
                continue
            messages = (check(self._config, direction, known) for check in checks)
            if message := next(filter(None, messages), None):
                self._found.add(subject)
                found.append(message)
        return found

    def falls(self, trial: Hashable, n: int, step: float) -> bool:
        """Whether the steps of a trial fall again and again, so that they count no training. True once.

        Args:
            trial: The trial.
            n: Number of its reports.
            step: Step of its last report, or the highest where reports are kept in the order of their steps.
        """
        if "falls" in self._found:
            return False
        if len(self._steps) >= _MAX_TRIALS:
            self._steps.clear()
        before = self._steps.get(trial, _Steps(0, -math.inf, 0, 0))
        if n <= before.n:  # asked again
            return False
        now = _Steps(n, step, before.n_asked + 1, before.n_falls + (step <= before.last))
        self._steps[trial] = now
        if now.n_falls < max(_MIN_FALLS, _FALLING * now.n_asked):
            return False
        self._found.add("falls")
        return True

    def restart(self, trial: Hashable) -> None:
        """A trial is tried again."""
        self._steps.pop(trial, None)


class _Steps(NamedTuple):
    n: int
    last: float
    n_asked: int
    n_falls: int


def first_judgement(config: PrunerConfig, horizon: float) -> float:
    """Step before which no trial is judged by the others.

    Example:
        >>> first_judgement(PrunerConfig(horizon=1000), 1000)
        20.0
    """
    if config.policy == "published":
        return config.min_steps
    return max(config.min_steps, moments_of(config).first_share * horizon)


def _single_reports(config: PrunerConfig, direction: Direction, trials: Sequence[WatchedTrial]) -> str | None:
    n = sum(trial.is_complete for trial in trials)
    if n < N_FIRST or any(trial.n_reports > 1 for trial in trials):
        return None
    return (
        f"{n} trials have completed with one report each, so that none can be stopped: report the metric "
        "after each step of a trial (epoch, round, ...), with the number of the step"
    )


def _far_horizon(config: PrunerConfig, direction: Direction, trials: Sequence[WatchedTrial]) -> str | None:
    ends = [trial.curve for trial in trials if trial.is_complete]
    furthest = max((trial.curve.share for trial in trials), default=1.0)
    is_far = len(ends) >= N_FIRST and furthest <= FAR
    is_equal = len(ends) >= N_EQUAL and len({curve.cutoff for curve in ends}) == 1
    next_report = max((_next_report(trial.curve) / trial.curve.horizon for trial in trials), default=1.0)
    if not (is_far or (is_equal and next_report <= FAR_IF_EQUAL)):
        return None
    return (
        f"{len(ends)} trials have completed, all at step {_range(curve.cutoff for curve in ends)}, but "
        f"{_horizon(config, ends)}: horizon is the last step of a full trial, in the steps that are reported"
    )


def _next_report(curve: Curve) -> float:
    """The step after the last one, if reports go on as they came."""
    return curve.cutoff + float(np.diff(curve.steps, prepend=0.0)[-1:].sum())


def _never_stopped(config: PrunerConfig, direction: Direction, trials: Sequence[WatchedTrial]) -> str | None:
    ends = [trial.curve for trial in trials if trial.is_complete]
    can_be = (n_judgements(config, trial.curve) >= config.patience for trial in trials)
    # Reports past the horizon, and steps that are fractions of 1, have warnings of their own.
    is_told = any(trial.n_reports > len(trial.curve) or trial.curve.horizon <= 1 for trial in trials)
    if len(ends) < N_FIRST or is_told or any(can_be):
        return None
    told = f"{len(ends)} trials have completed, all at step {_range(curve.cutoff for curve in ends)}"
    first = [first_judgement(config, curve.horizon) for curve in ends]
    if all(curve.cutoff < step for curve, step in zip(ends, first, strict=True)):
        return (
            f"{told}, before the first judgement at step {_range(first)}, so that none can be stopped: lower "
            f"min_steps={config.min_steps:g}, or set {_horizon(config, ends)} to the last step of a trial"
        )
    n = max(n_judgements(config, curve) for curve in ends)
    if n > 0:
        also = "" if config.interval_steps == 1 else f" or interval_steps={config.interval_steps:g}"
        judgements = "1 judgement" if n == 1 else f"{n} judgements"
        return (
            f"{told}, and none can be stopped: each has at most {judgements}, "
            f"fewer than patience={config.patience}: lower patience{also}"
        )
    if all(config.min_steps >= curve.horizon for curve in ends):
        return f"{told}, and none can be stopped before min_steps={config.min_steps:g}: lower min_steps"
    return (
        f"{told}, with fewer than two finite reports before the horizon, so that none can be stopped: report "
        f"more often, or set min_steps=1 instead of {config.min_steps:g} to judge a trial by one report"
    )


def _other_metric(config: PrunerConfig, direction: Direction, trials: Sequence[WatchedTrial]) -> str | None:
    rows = [
        (trial.value, trial.curve.best(direction), float(trial.curve.values[-1]))
        for trial in trials
        if trial.is_complete and trial.value is not None
    ]
    known = np.array([row for row in rows if row[1] is not None], np.float64).reshape(-1, 3)
    known = known[np.isfinite(known).all(1)]
    if len(known) < N_CORRELATED:
        return None
    with_best, with_last = (rank_correlation(known[:, 0], known[:, i]) for i in (1, 2))
    if not (with_best <= 0 and with_last <= 0):  # NaN if all are the same
        return None
    return (
        f"what {len(known)} completed trials returned does not rise with what they reported (rank "
        f"correlation {with_best:.2f} with their best and {with_last:.2f} with their last reports): report "
        "the metric that the objective returns"
    )


_Check = Callable[[PrunerConfig, Direction, Sequence[WatchedTrial]], str | None]
_CHECKS: dict[str, Sequence[_Check]] = {
    "reports": (_single_reports, _far_horizon, _never_stopped),
    "metric": (_other_metric,),
}
"""Checks by subject. The first one that finds something is told."""


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Spearman's; NaN where one of the two is constant.

    Example:
        >>> round(rank_correlation(np.array([1.0, 2, 3]), np.array([5.0, 5, 9])), 3)
        0.866
    """
    ordered = [(values, np.sort(values)) for values in (one, other)]
    twice = [up.searchsorted(values, "left") + up.searchsorted(values, "right") for values, up in ordered]
    ranks = [values - len(values) for values in twice]
    norm = math.sqrt(float((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float((ranks[0] * ranks[1]).sum()) / norm if norm else math.nan


def _range(steps: Iterable[float]) -> str:
    known = [*steps]
    low, high = min(known), max(known)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _horizon(config: PrunerConfig, ends: Sequence[Curve]) -> str:
    if isinstance(config.horizon, str):
        return f"horizon={config.horizon!r} is {_range(curve.horizon for curve in ends)}"
    return f"horizon={config.horizon:g}"
