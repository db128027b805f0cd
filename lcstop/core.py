"""PrunerCore: whether a trial should go on. Pure: no clock, no random numbers, no framework."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lcstop.config import PrunerConfig
from lcstop.curve import Curve, Direction
from lcstop.forecast import Forecast
from lcstop.scale import MetricScale
from lcstop.surrogates import Surrogate, load_surrogate

logger = logging.getLogger("lcstop")

_MAX_QUERIES = 32
"""Later steps that one decision looks at: all of them, or this many evenly spaced up to the horizon."""

_SLACK = 1e-6
"""How far rounding may carry a value past a bound."""

_MAX_WARNINGS = 100
"""Distinct causes that one process logs; a message that holds a value could be new every time."""


@dataclass(frozen=True)
class StudyView:
    """The other trials of the study, without the one that is judged.

    Args:
        direction: ``maximize`` or ``minimize``.
        finished: Curves of trials that ran to their own end; only these can hold the incumbent.
        unfinished: Curves of trials that are running or were stopped, for surrogates that look at them.
    """

    direction: Direction
    finished: Sequence[Curve] = ()
    unfinished: Sequence[Curve] = ()

    def incumbent(self, target: Literal["best", "final"]) -> float | None:
        """Best value of the finished trials: on the whole curve, or at its end; None if there is none.

        Example:
            >>> overfitted = Curve([1, 2, 3], [0.5, 0.9, 0.6], horizon=3)
            >>> study = StudyView("maximize", finished=[overfitted])
            >>> study.incumbent("best"), study.incumbent("final")
            (0.9, 0.6)
        """
        if target == "best":
            values = [value for curve in self.finished if (value := curve.best(self.direction)) is not None]
        else:
            ends = [float(curve.values[-1]) for curve in self.finished if len(curve)]
            values = [end for end in ends if math.isfinite(end)]
        return (max if self.direction == "maximize" else min)(values, default=None)


@dataclass(frozen=True)
class Decision:
    """The outcome of one judgement.

    Attributes:
        stop: Whether the trial should be stopped.
        reason: One line for people.
        cutoff: Last observed step of the curve that was judged.
        p_beat: Probability that the trial beats the incumbent, None where nothing was forecast.
        incumbent: Best value so far, None if no trial has finished.
        median: Predicted median at the horizon, in the metric's units.
        interval: Predicted 5 % and 95 % quantiles at the horizon.
        scale: The scale on which the forecast was made, to draw or repeat it.
    """

    stop: bool
    reason: str
    cutoff: float
    p_beat: float | None = None
    incumbent: float | None = None
    median: float | None = None
    interval: tuple[float, float] | None = None
    scale: MetricScale | None = None


class PrunerCore:
    """Stops a trial once it will hardly beat the incumbent (arXiv 2310.20447, section 5).

    The same data give the same decision in any process. Whatever goes wrong inside a forecast, the trial
    goes on, and each distinct cause is logged once as a warning.

    Args:
        config: The options.
        surrogate: A surrogate to use instead of the one that ``config`` names.

    Example:
        >>> core = PrunerCore(PrunerConfig(horizon=50, lower=0, upper=1))
        >>> done = Curve(range(1, 51), [0.9 - 0.5 * 0.8**i for i in range(50)], horizon=50)
        >>> poor = Curve(range(1, 11), [0.4 - 0.3 * 0.6**i for i in range(10)], horizon=50)
        >>> core.decide(poor, StudyView("maximize", finished=[done])).stop
        True
    """

    def __init__(self, config: PrunerConfig, surrogate: Surrogate | None = None) -> None:
        self.config = config
        self._given = surrogate
        self._loaded = surrogate
        self._lock = threading.Lock()
        self._warned: set[str] = set()

    def decide(self, trial: Curve, study: StudyView) -> Decision:
        """Judge ``trial`` if a decision is due at its last report; never raises because of a study."""
        if not self.due(trial):
            return Decision(False, "no decision is due at this step", trial.cutoff)
        return self.judge(trial, study)

    def judge(self, trial: Curve, study: StudyView) -> Decision:
        """Judge ``trial`` at its last report, due or not; never raises because of a study."""
        if self._diverged(trial):
            reason = f"diverged: the last {self.config.diverged_after} reports are not finite"
            return Decision(True, reason, trial.cutoff)
        try:
            # Values near the limits of float64 overflow on the way; the check of the forecast catches it.
            with np.errstate(all="ignore"):
                return self._judge(trial, study)
        except Exception as error:
            return self.fail_open(error, trial.cutoff)

    def due(self, trial: Curve) -> bool:
        """Whether the last report of ``trial`` calls for a decision; needs no other trial."""
        return bool(len(trial)) and (self._is_due(trial, len(trial) - 1) or self._diverged(trial))

    def _diverged(self, trial: Curve) -> bool:
        n = self.config.diverged_after
        return len(trial) >= n and not np.isfinite(trial.values[-n:]).any()

    def warm_up(self) -> None:
        """Load the surrogate now rather than inside the first judgement; a failure is logged, as there."""
        try:
            self._surrogate()
        except Exception as error:
            self.fail_open(error, 0)

    def fail_open(self, error: Exception, step: float) -> Decision:
        """Let a trial go on although judging it failed; each distinct cause is logged once."""
        cause = f"{type(error).__name__}: {error}"
        with self._lock:
            new = cause not in self._warned and len(self._warned) < _MAX_WARNINGS
            if new:
                self._warned.add(cause)
        if new:
            logger.warning("a trial goes on because judging it failed: %s", cause)
        return Decision(False, f"goes on, not judged: {cause}", step)

    def _judge(self, trial: Curve, study: StudyView) -> Decision:
        config, cutoff = self.config, trial.cutoff
        if not self._within_bounds(trial):
            raise ValueError(f"a trial reported a value outside the bounds [{config.lower}, {config.upper}]")
        if config.lower is not None or config.upper is not None:
            study = StudyView(
                study.direction,
                [curve for curve in study.finished if self._within_bounds(curve)],
                [curve for curve in study.unfinished if self._within_bounds(curve)],
            )
        n_finished = sum(curve.extent is not None for curve in study.finished)
        if n_finished < config.n_startup_trials:
            reason = f"{n_finished} of {config.n_startup_trials} startup trials finished"
            return Decision(False, reason, cutoff)
        incumbent = study.incumbent(config.target)
        if incumbent is None:
            return Decision(False, "no finished trial ended with a finite value", cutoff)
        own = trial.best(study.direction)
        if own is None:
            return Decision(False, "no finite report yet", cutoff, incumbent=incumbent)
        if config.target == "best" and not _beats(incumbent, own, study.direction):
            return Decision(False, "holds the incumbent itself", cutoff, incumbent=incumbent)
        if cutoff >= trial.horizon:
            return Decision(False, "has reached the horizon", cutoff, incumbent=incumbent)
        prefixes = self._prefixes(trial)
        if not prefixes:
            return Decision(False, "too few finite reports", cutoff, incumbent=incumbent)
        # Not from unfinished trials: what they show changes while they run, and one may be dead.
        scale = MetricScale.from_study(study.direction, study.finished, judged=trial)
        others = [*study.finished, *study.unfinished]
        forecast = self._surrogate().forecast(prefixes, self._queries(trial), scale, others)
        p_beat = forecast.prob_better(incumbent).max(-1)  # [n_prefixes]
        if not np.isfinite(p_beat).all():
            raise ValueError("the forecast is not finite")
        return self._vote(trial, incumbent, p_beat.tolist(), forecast[-1:, -1:])

    def _vote(self, trial: Curve, incumbent: float, p_beat: list[float], at_horizon: Forecast) -> Decision:
        """Stop if ``patience`` judgements, the last of which is reported, all fall below the threshold."""
        config, threshold = self.config, 1 - self.config.confidence
        votes = [p <= threshold for p in p_beat]
        lower = -math.inf if config.lower is None else config.lower
        upper = math.inf if config.upper is None else config.upper
        median, low, high = (
            min(max(float(at_horizon.quantile(q)[0, 0]), lower), upper) for q in (0.5, 0.05, 0.95)
        )
        reason = (
            f"P(beat {incumbent:.5g} {'by' if config.target == 'best' else 'at'} step {trial.horizon:g}) "
            f"= {p_beat[-1]:.3g} {'<=' if votes[-1] else '>'} {threshold:.2g}; "
            f"predicted {median:.4g} [{low:.4g}, {high:.4g}]"
        )
        stop = all(votes) and len(votes) == config.patience
        if votes[-1] and not stop:
            in_a_row = next((i for i, vote in enumerate(reversed(votes)) if not vote), len(votes))
            reason += f"; {in_a_row} of {config.patience} votes"
        scale = at_horizon.scale
        return Decision(stop, reason, trial.cutoff, p_beat[-1], incumbent, median, (low, high), scale)

    def _prefixes(self, trial: Curve) -> list[Curve]:
        """The curve as it was at its last judgements, ``patience`` of them or fewer, oldest first."""
        found: list[Curve] = []
        for i in reversed(range(len(trial))):
            if len(found) == self.config.patience:
                break
            if i == len(trial) - 1 or self._is_due(trial, i):
                prefix = trial.first(i + 1).finite()
                # A diverged point adds no evidence, and so no vote.
                grown = not found or len(prefix) < len(found[-1])
                if grown and len(prefix) >= min(2, self.config.min_steps):
                    found.append(prefix)
        return found[::-1]

    def _is_due(self, trial: Curve, i: int) -> bool:
        """Whether report ``i`` is the first in its interval of ``interval_steps`` from ``min_steps`` on."""

        def interval(step: float) -> int:
            return math.floor((step - self.config.min_steps) / self.config.interval_steps)

        here = interval(float(trial.steps[i]))
        return here >= 0 and (i == 0 or interval(float(trial.steps[i - 1])) < here)

    def _within_bounds(self, curve: Curve) -> bool:
        """Whether every finite value is possible; a percentage among fractions is a mistake."""
        if curve.extent is None:
            return True
        low, high = self.config.lower, self.config.upper
        return (low is None or curve.extent.low >= low - _SLACK) and (
            high is None or curve.extent.high <= high + _SLACK
        )

    def _queries(self, trial: Curve) -> list[float]:
        """Later steps at which the trial might beat the incumbent, the horizon last."""
        if self.config.target == "final":
            return [trial.horizon]
        n = min(_MAX_QUERIES, math.ceil(trial.horizon - trial.cutoff))
        later = np.linspace(trial.horizon, trial.cutoff, n, endpoint=False)
        return [float(step) for step in later[::-1]]

    def _surrogate(self) -> Surrogate:
        with self._lock:
            if self._loaded is None:
                self._loaded = load_surrogate(self.config.surrogate)
            return self._loaded

    def __reduce__(self) -> tuple[type[PrunerCore], tuple[PrunerConfig, Surrogate | None]]:
        # Locks cannot be pickled, and weights are cheaper to load again than to send.
        return type(self), (self.config, self._given)


def _beats(value: float, other: float, direction: Direction) -> bool:
    return value > other if direction == "maximize" else value < other
