"""Review: the stops of a study, their forecasts and their savings, for reports and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.pruning.due import assumed_records
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.wording import chance, outcome, values_in_words
from lcstop.review.history import was_wrong
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import NO_REASON, RecordedTrial
from lcstop.review.snapshot import Snapshot, snapshot, snapshot_times
from lcstop.review.whatif import what_if
from lcstop.surrogates import Surrogate, load_surrogate


@dataclass(frozen=True, eq=False)
class ReviewedTrial:
    """One trial of the review.

    Attributes:
        record: The recorded trial.
        n: Number of reports up to the stop, or up to the end.
        stop: The decision that stopped it, live or in the replay; None if it ran to its own end.
        wrong: Whether a stopped trial would have beaten the incumbent; None if it was not stopped, or if this
            is unknown.
        snapshots: Some of its judgements, oldest first. If it was stopped, the last one is the stop.
    """

    record: RecordedTrial
    n: int
    stop: Decision | None
    wrong: bool | None
    snapshots: Sequence[Snapshot]

    @cached_property
    def curve(self) -> Curve:
        """The reports up to the stop."""
        return self.record.curve.prefix(self.n)

    @cached_property
    def rest(self) -> Curve:
        """The known reports from the stop on, the one at the stop included."""
        full = self.record.full_curve or self.record.curve
        after = full.steps >= self.curve.cutoff
        return Curve(full.steps[after], full.values[after], full.horizon)

    @property
    def epochs(self) -> float:
        """Number of trained steps up to the stop or the end; 0 without a curve."""
        return self.curve.cutoff if self.record.has_curve else 0.0

    @property
    def saved(self) -> float:
        """Number of steps that the stop saved. Without known later reports, they end at the horizon."""
        if self.stop is None:
            return 0.0
        known = len(self.rest) > 1
        return (float(self.rest.steps[-1]) if known else self.curve.horizon) - self.curve.cutoff


@dataclass(frozen=True, eq=False)
class Review:
    """The review of a study.

    Attributes:
        study: The recorded study.
        config: The options for judging its trials.
        live: Whether ``lcstop`` decided on its trials and stopped them. If not, the stops are those of a
            what-if replay, or the suppressed stops of the shadow mode.
        shadow: Whether the study ran in shadow mode. All its stops were suppressed.
        trials: Its trials, by number.

    Example:
        >>> trials = [
        ...     RecordedTrial(i, Curve([1, 2, 3], [top / 2, top, top], 3), "finished", i, i + 1)
        ...     for i, top in enumerate([0.9, 0.1, 0.95])
        ... ]
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", trials)
        >>> review = Review.of(study, PrunerConfig(horizon=3, keep=0.1))
        >>> review.live, [trial.record.number for trial in review.stopped]
        (False, [1])
        >>> review.epochs, review.epochs_without_stops
        (8.0, 9.0)
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
        """Review a study.

        Args:
            study: The recorded study.
            config: The options for judging its trials.
            surrogate: Replaces the surrogate named by ``config``.
            report: Called after each trial.
        """
        loaded = surrogate or load_surrogate(config.surrogate)
        shadow = study.is_shadow
        if study.ran_with_lcstop:
            trials = _recorded_stops(study, config, loaded, report, shadow)
        else:
            trials = _replayed_stops(study, config, loaded, report)
        return cls(study, config, study.ran_with_lcstop and not shadow, shadow, list(trials))

    @property
    def stopped(self) -> list[ReviewedTrial]:
        """The stopped trials, live or in the replay."""
        return [trial for trial in self.trials if trial.stop]

    @property
    def wrong(self) -> list[ReviewedTrial]:
        """The stopped trials that are known to beat the incumbent without the stop."""
        return [trial for trial in self.stopped if trial.wrong]

    @property
    def epochs(self) -> float:
        """Number of steps trained with the stops."""
        return sum(trial.epochs for trial in self.trials)

    @property
    def epochs_without_stops(self) -> float:
        """Number of steps trained without the stops."""
        return self.epochs + sum(trial.saved for trial in self.trials)

    @property
    def seconds_saved(self) -> float:
        """Seconds that the stops saved. The steps of a trial are assumed to take equally long."""
        return sum(t.record.seconds * t.saved / t.record.curve.cutoff for t in self.trials)

    @cached_property
    def winner(self) -> ReviewedTrial | None:
        """The best feasible trial that finished and was not stopped; None if there is none."""
        kept = [t for t in self.trials if not t.stop]
        best = self.study.winner(self.config.target, [t.record for t in kept])
        return next((t for t in kept if t.record is best), None)

    def trial(self, number: int) -> ReviewedTrial:
        """The trial with this number.

        Raises:
            ValueError: If there is no such trial, or it has made no report.
        """
        record = self.study.trial(number)
        return next(trial for trial in self.trials if trial.record is record)


def _recorded_stops(
    study: RecordedStudy,
    config: PrunerConfig,
    surrogate: Surrogate,
    report: Callable[[], None],
    shadow: bool,
) -> Iterator[ReviewedTrial]:
    """The trials of a study that ran with ``lcstop``, with the judgements on record.

    They are judged again for what is not on record: the first release recorded only the reasons of stops.
    In shadow mode a suppressed stop counts as a stop.
    """
    core = PrunerCore(config, surrogate)
    for trial in study.trials:
        if not trial.has_curve:
            yield ReviewedTrial(trial, len(trial.curve), None, None, [])
            report()
            continue
        n, reason, suppressed_stop = len(trial.curve), trial.reason, trial.suppressed_stop if shadow else None
        was_stopped = suppressed_stop is not None or (trial.is_stopped and not shadow)
        if suppressed_stop:
            n, reason = int((trial.curve.steps <= suppressed_stop.step).sum()), suppressed_stop.reason
        last = trial.curve.steps[n - 1]
        records = {
            record.step: record
            for record in trial.judgements
            if record.is_judged and record.step <= last and not _has_no_forecast(record)
        }
        judged_at = [*records] or [record.step for record in assumed_records(config, trial.curve.prefix(n))]
        due = [int(i) + 1 for i in np.searchsorted(trial.curve.steps, judged_at)]
        snapshots = []
        for i in snapshot_times([*due, n] if was_stopped else due, was_stopped):
            view = study.view(trial, i)
            decision = core.judge(trial.curve.prefix(i), view)
            if record := records.get(decision.cutoff):
                decision = _as_recorded(decision, record, trial.curve.horizon)
            if i == n and was_stopped:
                decision = replace(decision, stop=True, reason=reason or NO_REASON)
            snapshots.append(snapshot(trial, i, decision, view, config, surrogate))
        stop = snapshots[-1].decision if was_stopped else None
        if suppressed_stop:
            wrong = trial.audited.won(study.direction, config.target) if trial.audited else None
        else:
            wrong = was_wrong(study, trial, stop, config.target) if stop else None
        yield ReviewedTrial(trial, n, stop, wrong, snapshots)
        report()


def _as_recorded(decision: Decision, record: JudgementRecord, horizon: float) -> Decision:
    """The decision as it is on record.

    The words of a stop and of a wait are recorded. Those of a trial that goes on are made again.
    """
    recorded = decision.as_recorded(record)
    if record.verdict == "wait":
        return replace(recorded, reason=record.why)
    if chance(recorded) in decision.reason:
        return recorded
    words = chance(recorded) + values_in_words(None, recorded.incumbent)
    return replace(recorded, reason=f"{outcome(recorded, horizon)}: {words}")


def _has_no_forecast(record: JudgementRecord) -> bool:
    """Whether a trial waited or went on without a judgement, as at a rung."""
    return record.verdict in ("wait", "resume") and record.threshold is None


def _replayed_stops(
    study: RecordedStudy, config: PrunerConfig, surrogate: Surrogate, report: Callable[[], None]
) -> Iterator[ReviewedTrial]:
    """The trials of a study that ran without ``lcstop``, with the stops of a what-if replay."""
    for run in what_if(study, config, surrogate, report).runs:
        snapshots = [
            snapshot(run.trial, n, run.decisions[n], run.view, config, surrogate)
            for n in snapshot_times(list(run.decisions), bool(run.stop))
        ]
        yield ReviewedTrial(run.trial, run.n, run.stop, run.wrong, snapshots)
