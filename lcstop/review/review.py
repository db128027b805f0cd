"""Review: a study with its stops, their forecasts and what they saved, for reports and figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.pruning.study_view import StudyView
from lcstop.review.band import Band, forecast_band
from lcstop.review.history import was_wrong
from lcstop.review.record import RecordedStudy, RecordedTrial
from lcstop.review.whatif import what_if
from lcstop.surrogates import Surrogate, load_surrogate

_SNAPSHOTS = 5
"""Moments at which a trial that went on is looked at; one that was stopped has fewer, the stop among them."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A trial at one of its judgements.

    Attributes:
        n: Number of reports that were known.
        decision: What was decided, or would have been.
        band: The forecast of that moment; None if there was nothing to forecast from.
    """

    n: int
    decision: Decision
    band: Band | None


@dataclass(frozen=True, eq=False)
class ReviewedTrial:
    """One trial of the review.

    Attributes:
        record: The trial on record.
        n: Reports that it made until it was, or would have been, stopped.
        stop: The decision that stopped it; None if it went on to its own end.
        wrong: Whether a stopped trial would have beaten the incumbent; None if it went on, or nobody knows.
        snapshots: Moments on its way, oldest first; the stop is the last.
    """

    record: RecordedTrial
    n: int
    stop: Decision | None
    wrong: bool | None
    snapshots: Sequence[Snapshot]

    @cached_property
    def curve(self) -> Curve:
        """What it reported until its stop."""
        return self.record.curve.prefix(self.n)

    @cached_property
    def rest(self) -> Curve:
        """What a stopped trial does without the stop, where that is known, from the stop on."""
        whole = self.record.whole or self.record.curve
        after = whole.steps >= self.curve.cutoff
        return Curve(whole.steps[after], whole.values[after], whole.horizon)

    @property
    def saved(self) -> float:
        """Steps that the stop saved."""
        if self.stop is None:
            return 0.0
        known = len(self.rest) > 1
        return (float(self.rest.steps[-1]) if known else self.curve.horizon) - self.curve.cutoff


@dataclass(frozen=True, eq=False)
class Review:
    """A study looked back on.

    Attributes:
        study: The study on record.
        config: The options that its trials are judged with.
        live: Whether ``lcstop`` stopped trials in it. If not, the stops are those of a what-if replay, or
            those that it would have made in shadow mode.
        shadow: Whether it ran in shadow mode and stopped none.
        trials: Its trials, by number.

    Example:
        >>> trials = [
        ...     RecordedTrial(i, Curve([1, 2, 3], [top / 2, top, top], 3), "finished", i, i + 1)
        ...     for i, top in enumerate([0.9, 0.1, 0.95])
        ... ]
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", trials)
        >>> review = Review.of(study, PrunerConfig(horizon=3, surrogate="last_value"))
        >>> review.live, [trial.record.number for trial in review.stopped], review.epochs, review.epochs_whole
        (False, [1], 8.0, 9.0)
    """

    study: RecordedStudy
    config: PrunerConfig
    live: bool
    shadow: bool
    trials: Sequence[ReviewedTrial]

    @classmethod
    def of(
        cls,
        study: RecordedStudy,
        config: PrunerConfig,
        surrogate: Surrogate | None = None,
        report: Callable[[], None] = lambda: None,
    ) -> Review:
        """AlignedStudy back on a study.

        Args:
            study: The study on record.
            config: The options to judge its trials with.
            surrogate: A surrogate to use instead of the one that ``config`` names.
            report: Called when work on a trial is done.
        """
        loaded = surrogate or load_surrogate(config.surrogate)
        live = any(trial.reason is not None or trial.whole is not None for trial in study.trials)
        shadow = not live and any(
            trial.suppressed_stop and trial.suppressed_stop.kind == "shadow" for trial in study.trials
        )
        if live or shadow:
            trials = _as_it_was(study, config, loaded, report, shadow)
        else:
            trials = _as_it_would_be(study, config, loaded, report)
        return cls(study, config, live, shadow, list(trials))

    @property
    def stopped(self) -> list[ReviewedTrial]:
        """The trials that were, or would have been, stopped."""
        return [trial for trial in self.trials if trial.stop]

    @property
    def wrong(self) -> list[ReviewedTrial]:
        """The stopped trials that would have beaten the incumbent, as far as is known."""
        return [trial for trial in self.stopped if trial.wrong]

    @property
    def epochs(self) -> float:
        """Steps trained with the stops."""
        return sum(trial.curve.cutoff for trial in self.trials)

    @property
    def epochs_whole(self) -> float:
        """Steps trained without them."""
        return self.epochs + sum(trial.saved for trial in self.trials)

    @property
    def seconds_saved(self) -> float:
        """Time that the stops saved, if every step of a trial takes as long."""
        return sum(t.record.seconds * t.saved / t.record.curve.cutoff for t in self.trials)

    @cached_property
    def winner(self) -> ReviewedTrial | None:
        """The best trial that finished, with the stops."""
        finished = [t for t in self.trials if t.record.state == "finished" and not t.stop]
        best, target = None, self.config.target
        for trial in finished:
            value = self.study.value_of(trial.curve, target)
            top = None if best is None else self.study.value_of(best.curve, target)
            if value is not None and (top is None or self.study.better(value, top)):
                best = trial
        return best

    def trial(self, number: int) -> ReviewedTrial:
        """The trial of that number.

        Raises:
            ValueError: If there is none, or it has reported nothing.
        """
        record = self.study.trial(number)
        return next(trial for trial in self.trials if trial.record is record)


def _as_it_was(
    study: RecordedStudy,
    config: PrunerConfig,
    surrogate: Surrogate,
    report: Callable[[], None],
    shadow: bool,
) -> Iterator[ReviewedTrial]:
    """The trials of a study that ``lcstop`` watched; judged again, since only reasons are on record.

    In shadow mode a trial counts as stopped when it would have been.
    """
    core = PrunerCore(config, surrogate)
    for trial in study.trials:
        n, reason, suppressed_stop = len(trial.curve), trial.reason, trial.suppressed_stop if shadow else None
        was_stopped = suppressed_stop is not None or (trial.state == "stopped" and not shadow)
        if suppressed_stop:
            n, reason = int((trial.curve.steps <= suppressed_stop.step).sum()), suppressed_stop.reason
        due = [i for i in range(1, n + 1) if core.question(trial.curve.prefix(i))]
        snapshots = []
        for i in _spread([*due, n] if was_stopped else due, was_stopped):
            view = study.view(trial, i)
            decision = core.judge(trial.curve.prefix(i), view)
            if i == n and trial.decision is not None:
                decision = trial.decision
            elif i == n and was_stopped:
                decision = replace(decision, stop=True, reason=reason or "stopped, not by lcstop")
            snapshots.append(_snapshot(trial, i, decision, view, config, surrogate))
        stop = snapshots[-1].decision if was_stopped else None
        if suppressed_stop:
            wrong = trial.audited.won(study.direction, config.target) if trial.audited else None
        else:
            wrong = was_wrong(study, trial, stop, config.target) if stop else None
        yield ReviewedTrial(trial, n, stop, wrong, snapshots)
        report()


def _as_it_would_be(
    study: RecordedStudy, config: PrunerConfig, surrogate: Surrogate, report: Callable[[], None]
) -> Iterator[ReviewedTrial]:
    """The trials of a study that ``lcstop`` did not watch, with the stops of a what-if replay."""
    for run in what_if(study, config, surrogate, report).runs:
        snapshots = [
            _snapshot(run.trial, n, run.decisions[n], run.view, config, surrogate)
            for n in _spread(list(run.decisions), bool(run.stop))
        ]
        yield ReviewedTrial(run.trial, run.n, run.stop, run.wrong, snapshots)


def _spread(due: Sequence[int], was_stopped: bool) -> list[int]:
    """Some of the moments, evenly, the last among them."""
    if not due:
        return []
    n = min(len(due), 3 if was_stopped else _SNAPSHOTS)
    # The last judgement of a trial that went on is at its end, where there is nothing left to forecast.
    last = len(due) - 1 if was_stopped else max(len(due) - 2, 0)
    return sorted({due[round(i)] for i in np.linspace(0, last, n)})


def _snapshot(
    trial: RecordedTrial,
    n: int,
    decision: Decision,
    view: StudyView,
    config: PrunerConfig,
    surrogate: Surrogate,
) -> Snapshot:
    known, whole = trial.curve.prefix(n).finite(), trial.whole or trial.curve
    if len(known) < 2 or known.cutoff >= known.horizon:
        return Snapshot(n, decision, None)
    end = float(whole.values[-1])
    over = (trial.whole is not None or trial.state == "finished") and whole.cutoff >= whole.horizon
    scale = decision.scale or MetricScale.from_study(view.direction, view.finished, known)
    try:
        with np.errstate(all="ignore"):
            others = [*view.finished, *view.unfinished]
            final = end if over and math.isfinite(end) else None
            band = forecast_band(surrogate, known, scale, (config.lower, config.upper), others, final)
    except Exception:
        # As in a judgement: what a surrogate cannot forecast is shown without a forecast.
        return Snapshot(n, decision, None)
    finite = all(np.isfinite(values).all() for values in (band.low, band.median, band.high))
    return Snapshot(n, decision, band if finite else None)


def options_of(study: RecordedStudy, given: Mapping[str, object]) -> PrunerConfig:
    """The options to judge a study with: those on record, or the defaults, with ``given`` in their place.

    Raises:
        ValueError: If one is not allowed.

    Example:
        >>> done = RecordedTrial(0, Curve([1, 2], [0.5, 0.9], 2), "finished", start=0, end=2)
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", [done])
        >>> options_of(study, {"preset": "bold"})
        PrunerConfig(horizon=2.0, policy='study', preset='bold', ...)
    """
    # Another version may have noted options that this one does not have.
    noted = {name: x for name, x in (study.options or {}).items() if name in PrunerConfig.model_fields}
    return PrunerConfig(**{**noted, **given, "horizon": study.horizon})
