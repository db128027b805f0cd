"""StudySummary: what ``lcstop`` did in a study, from what is on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lcstop._utils.number_words import probability_of_keeping
from lcstop.curves.curve import Target
from lcstop.pruning.audit import Audit
from lcstop.pruning.certificate import Certificate, StartedTrial, certificate
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.review.options import options_of
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import NO_REASON, RecordedTrial

MIN_AUDITED = 20
"""Minimum number of audited trials whose outcome is shown. The interval of fewer says nothing."""


@dataclass(frozen=True)
class StopOnRecord:
    """A stop that is on record.

    Attributes:
        trial: Number of the trial.
        name: Its name in the framework; empty if the framework has only numbers.
        kind: ``stop``: made. ``audit`` and ``shadow``: decided, but not made.
        reason: Its reason.
        judgement: The judgement as numbers; None if it is not on record.
        wrong: Whether a stop that was not made would have been a mistake; None if that is not known.
    """

    trial: int
    name: str
    kind: Literal["stop", "audit", "shadow"]
    reason: str
    judgement: JudgementRecord | None
    wrong: bool | None = None


@dataclass(frozen=True, repr=False)
class StudySummary:
    """What ``lcstop`` did in a study, from what is on record. ``str()`` is one line.

    Attributes:
        study: Name of the study.
        stops: Stops that were made; in shadow mode those that would have been made.
        audited: Stops of audited trials, which were not made.
        certificate: What the stops may have lost and have saved; in shadow mode would have.
        seconds_saved: Seconds that the stops saved. The steps of a trial are assumed to take equally long.
        best: Best value so far; None if no trial has finished.
        best_trial: Number of its trial.
        audit: Outcome of the audited trials.
        shadow: Whether the study ran in shadow mode, so that no trial was stopped.
        n_waited: Trials that have waited, with ``pause``.
        n_resumed: Those of them that went on later.
        n_from_start: Those that were trained from the start again.

    Example:
        >>> from lcstop import Curve
        >>> stop = JudgementRecord(2.0, "stop", probability=0.03, threshold=0.05, p_best=0.03)
        >>> trials = [
        ...     RecordedTrial(0, Curve([1, 2, 3, 4], [0.3, 0.6, 0.8, 0.9], 4), "finished", start=0, end=4),
        ...     RecordedTrial(1, Curve([1, 2], [0.1, 0.1], 4), "stopped", 4, 6, "poor", judgements=[stop]),
        ... ]
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", trials)
        >>> print(StudySummary.of(study))
        stopped 1 of 2 trials, 25 % of the epochs saved, best trial kept with probability 0.97
    """

    study: str
    stops: Sequence[StopOnRecord]
    audited: Sequence[StopOnRecord]
    certificate: Certificate
    seconds_saved: float
    best: float | None
    best_trial: int | None
    audit: Audit
    shadow: bool
    n_waited: int = 0
    n_resumed: int = 0
    n_from_start: int = 0

    @classmethod
    def of(cls, study: RecordedStudy) -> StudySummary:
        """The summary of a study that ran with ``lcstop``.

        Raises:
            ValueError: If the study has no record of ``lcstop``.
        """
        if not study.ran_with_lcstop:
            raise ValueError(
                f"study {study.name!r} ran without lcstop: it has no record of stops. "
                "lcstop explain shows what lcstop would have done"
            )
        config, shadow = options_of(study, {}), study.is_shadow
        winner = study.winner(config.target)
        stopped = [trial for trial in study.trials if trial.is_stopped]
        suppressed = [trial for trial in study.trials if trial.suppressed_stop and not trial.is_stopped]
        started = study.started() if not shadow else [_started(trial) for trial in study.trials]
        return cls(
            study.name,
            [_stop(trial, study, config.target) for trial in (suppressed if shadow else stopped)],
            [] if shadow else [_stop(trial, study, config.target) for trial in suppressed],
            certificate(started),
            sum(
                trial.seconds * (one.horizon - one.steps) / trial.curve.cutoff
                for trial, one in zip(study.trials, started, strict=True)
                if one.stop
            ),
            None if winner is None else study.value_of(winner.curve, config.target),
            None if winner is None else winner.number,
            study.audit(config),
            shadow,
            sum(_waited(trial) for trial in study.trials),
            sum(_resumed(trial) for trial in study.trials),
            sum(any(wait.is_from_start for wait in trial.waits) for trial in study.trials),
        )

    def __str__(self) -> str:
        """The summary in one line."""
        found = self.certificate
        would = "would have " if self.shadow else ""
        words = f"{would}stopped {found.n_stopped} of {found.n_trials} trials"
        saved = f"{100 * found.share_saved:.0f} % of the epochs"
        words += f", {would}saved {saved}" if self.shadow else f", {saved} saved"
        if found.p_kept is not None and found.n_stopped:
            words += f", best trial kept with probability {probability_of_keeping(found.p_kept)}"
        if self.n_waited:
            words += f"; {self.n_waited} have waited, and {self.n_resumed} of them went on"
        if self.n_from_start:
            words += f", {self.n_from_start} from the start again"
        return words

    __repr__ = __str__

    def text(self) -> str:
        """A line for each stop, and the summary as the last line."""
        lines = [f"Trial {stop.name or stop.trial} {stop.reason}" for stop in [*self.stops, *self.audited]]
        return "\n".join([*lines, str(self)])

    def as_dict(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        found = self.certificate
        return {
            "study": self.study,
            "live": not self.shadow,
            "shadow": self.shadow,
            "trials": found.n_trials,
            "stopped": found.n_stopped,
            "epochs": found.steps,
            "epochs_saved": found.steps_saved,
            "share_saved": found.share_saved,
            "seconds_saved": self.seconds_saved,
            "p_kept": found.p_kept,
            "expected_lost": found.expected_lost,
            "best": self.best,
            "best_trial": self.best_trial,
            "audit": self.audit.as_dict(),
            **(self._waits() if self.n_waited else {}),
        }

    def _waits(self) -> dict[str, int]:
        return {"waited": self.n_waited, "resumed": self.n_resumed, "from_start": self.n_from_start}


def stop_as_dict(stop: StopOnRecord) -> dict[str, Any]:
    """A stop on record as a dictionary, for JSON and CSV."""
    judgement = stop.judgement.to_json() if stop.judgement else {}
    wrong = {} if stop.kind == "stop" else {"wrong": stop.wrong}
    names = {"trial": stop.trial, "name": stop.name, "kind": stop.kind}
    return {**names, **judgement, **wrong, "reason": stop.reason}


def _stop(trial: RecordedTrial, study: RecordedStudy, target: Target) -> StopOnRecord:
    suppressed = trial.suppressed_stop
    if trial.is_stopped or suppressed is None:
        return StopOnRecord(trial.number, trial.name, "stop", trial.reason or NO_REASON, trial.stop)
    wrong = trial.audited.won(study.direction, target) if trial.audited else None
    return StopOnRecord(
        trial.number, trial.name, suppressed.kind, suppressed.reason, _suppressed_judgement(trial), wrong
    )


def _suppressed_judgement(trial: RecordedTrial) -> JudgementRecord | None:
    """The judgement whose stop was suppressed first; None if it is not on record."""
    suppressed = trial.suppressed_stop
    step = None if suppressed is None else suppressed.step
    return next((record for record in trial.judgements if record.step == step), None)


def _waited(trial: RecordedTrial) -> bool:
    return any(record.verdict == "wait" for record in trial.judgements)


def _resumed(trial: RecordedTrial) -> bool:
    """Whether a trial went on after it had waited."""
    verdicts = [record.verdict for record in trial.judgements]
    return "wait" in verdicts and "resume" in verdicts[verdicts.index("wait") :]


def _started(trial: RecordedTrial) -> StartedTrial:
    """A trial for the certificate, as if the suppressed stops of the shadow mode had been made."""
    suppressed, curve = trial.suppressed_stop, trial.curve
    if suppressed is None:
        return StartedTrial(trial.epochs, curve.horizon)
    end = curve.cutoff if curve.cutoff > suppressed.step else curve.horizon
    stop = _suppressed_judgement(trial) or JudgementRecord(suppressed.step, "shadow")
    return StartedTrial(suppressed.step, end, stop)
