"""PrunerCore: whether a trial should go on. Pure: no clock, no random numbers, no framework."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lcstop.config import PrunerConfig
from lcstop.curve import Curve, Direction
from lcstop.forecast import Forecast
from lcstop.scale import MetricScale
from lcstop.surrogates import Surrogate, load_surrogate

logger = logging.getLogger("lcstop")

_MAX_QUERIES = 32
"""Later steps that one decision looks at: all of them, or this many evenly spaced up to the horizon."""

_MAX_WARNINGS = 100
"""Distinct causes that one process logs; a message that holds a value could be new every time."""


@dataclass(frozen=True)
class StudyView:
    """The other trials of the study, without the one that is judged.

    Args:
        direction: ``maximize`` or ``minimize``.
        finished: Curves of trials that ran to their own end; only these can hold the incumbent.
        unfinished: Curves of trials that are running or were stopped.
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
        step: Last step of the curve that was judged.
        p_beat: Probability that the trial beats the incumbent, None where nothing was forecast.
        incumbent: Best value so far, None if no trial has finished.
        median: Predicted median at the horizon, in the metric's units.
        interval: Predicted 5 % and 95 % quantiles at the horizon.
    """

    stop: bool
    reason: str
    step: float
    p_beat: float | None = None
    incumbent: float | None = None
    median: float | None = None
    interval: tuple[float, float] | None = None


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
        >>> poor = Curve([1, 2, 3, 4], [0.11, 0.11, 0.12, 0.12], horizon=50)
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
        """Judge ``trial`` at its last report; raises nothing that a forecast or a study can cause."""
        if not self.due(trial):
            return Decision(False, "no decision is due at this step", trial.cutoff)
        diverged = self.config.diverged_after
        if len(trial) >= diverged and not np.isfinite(trial.values[-diverged:]).any():
            return Decision(True, f"diverged: the last {diverged} reports are not finite", trial.cutoff)
        try:
            return self._judge(trial, study)
        except Exception as error:
            return self.fail_open(error, trial.cutoff)

    def due(self, trial: Curve) -> bool:
        """Whether the last report of ``trial`` calls for a decision; needs no other trial."""
        return bool(len(trial)) and self._is_due(trial, len(trial) - 1)

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
            known = cause in self._warned or len(self._warned) >= _MAX_WARNINGS
            self._warned.add(cause)
        if not known:
            logger.warning("a trial goes on because judging it failed: %s", cause)
        return Decision(False, f"goes on, not judged: {cause}", step)

    def _judge(self, trial: Curve, study: StudyView) -> Decision:
        config, cutoff = self.config, trial.cutoff
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
        others = [*study.finished, *study.unfinished]
        scale = MetricScale.from_study(study.direction, [trial, *others], config.lower, config.upper)
        forecast = self._surrogate().forecast(prefixes, self._queries(trial), scale, others)
        p_beat = forecast.prob_better(incumbent).max(-1)  # [n_prefixes]
        if not np.isfinite(p_beat).all():
            raise ValueError("the forecast is not finite")
        return self._vote(trial, incumbent, p_beat.tolist(), forecast[-1:, -1:])

    def _vote(self, trial: Curve, incumbent: float, p_beat: list[float], at_horizon: Forecast) -> Decision:
        """Stop if ``patience`` judgements, the last of which is reported, all fall below the threshold."""
        config, threshold = self.config, 1 - self.config.confidence
        votes = [p <= threshold for p in p_beat]
        median, low, high = (float(at_horizon.quantile(q)[0, 0]) for q in (0.5, 0.05, 0.95))
        reason = (
            f"P(beat {incumbent:.4g} {'by' if config.target == 'best' else 'at'} step {trial.horizon:g}) "
            f"= {p_beat[-1]:.2g} {'<=' if votes[-1] else '>'} {threshold:.2g}; "
            f"predicted {median:.4g} [{low:.4g}, {high:.4g}]"
        )
        stop = all(votes) and len(votes) == config.patience
        if votes[-1] and not stop:
            in_a_row = next((i for i, vote in enumerate(reversed(votes)) if not vote), len(votes))
            reason += f"; {in_a_row} of {config.patience} votes"
        return Decision(stop, reason, trial.cutoff, p_beat[-1], incumbent, median, (low, high))

    def _prefixes(self, trial: Curve) -> list[Curve]:
        """The curve as it was at its last judgements, ``patience`` of them or fewer, oldest first."""
        found: list[Curve] = []
        for i in reversed(range(len(trial))):
            if len(found) == self.config.patience:
                break
            if self._is_due(trial, i):
                prefix = trial.first(i + 1).finite()
                if len(prefix) >= min(2, self.config.min_steps):
                    found.append(prefix)
        return found[::-1]

    def _is_due(self, trial: Curve, i: int) -> bool:
        """Whether report ``i`` is the first in its interval of ``interval_steps`` from ``min_steps`` on."""

        def interval(step: float) -> int:
            return math.floor((step - self.config.min_steps) / self.config.interval_steps)

        here = interval(float(trial.steps[i]))
        return here >= 0 and (i == 0 or interval(float(trial.steps[i - 1])) < here)

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

    def __getstate__(self) -> dict[str, Any]:
        # Locks cannot be pickled, and weights are cheaper to load again than to send.
        return {"config": self.config, "surrogate": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _beats(value: float, other: float, direction: Direction) -> bool:
    return value > other if direction == "maximize" else value < other
