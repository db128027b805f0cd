"""The decisions on one trial, report by report, and at other confidences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Target
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.review.record import RecordedStudy, RecordedTrial
from lcstop.surrogates import Surrogate

CONFIDENCES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
"""Confidences at which a trial is judged again."""


@dataclass(frozen=True)
class Judgement:
    """One judgement of a trial.

    Attributes:
        n: Number of reports that were known.
        value: The last of them.
        vote: Whether this judgement alone says stop, whatever the ones before it said.
        decision: What is decided.
    """

    n: int
    value: float
    vote: bool
    decision: Decision

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"value": self.value, "vote": self.vote, **decision_as_dict(self.decision)}


@dataclass(frozen=True)
class Alternative:
    """What another confidence would have done with a trial.

    Attributes:
        confidence: The confidence.
        decision: The decision that stops the trial, None if none does.
        wrong: Whether the trial did beat the incumbent later, None if nothing stops it or that is not known.
    """

    confidence: float
    decision: Decision | None
    wrong: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        stopped_at = self.decision.cutoff if self.decision else None
        return {"confidence": self.confidence, "stopped_at": stopped_at, "wrong": self.wrong}


def history(
    config: PrunerConfig, study: RecordedStudy, trial: RecordedTrial, surrogate: Surrogate | None = None
) -> list[Judgement]:
    """Every judgement of a trial, from what was known at the time; one that says stop ends nothing here.

    Example:
        >>> from lcstop import PrunerConfig
        >>> from lcstop.review import RecordedTrial
        >>> done = RecordedTrial(0, Curve([1, 2, 3], [0.5, 0.8, 0.9], 3), "finished", start=0, end=3)
        >>> poor = RecordedTrial(1, Curve([1, 2], [0.1, 0.1], 3), "stopped", start=3, end=5)
        >>> study = RecordedStudy("tuning", "Optuna", "accuracy", "epoch", "maximize", [done, poor])
        >>> config = PrunerConfig(horizon=3, surrogate="last_value")
        >>> [(row.decision.cutoff, row.decision.incumbent) for row in history(config, study, poor)]
        [(2.0, 0.9)]
    """
    core = alone = PrunerCore(config, surrogate)
    if config.patience > 1:
        alone = PrunerCore(config.model_copy(update={"patience": 1}), surrogate)
    rows = []
    for n, curve in _due(core, trial):
        view = study.view(trial, n)
        decision = core.judge(curve, view)
        vote = (decision if alone is core else alone.judge(curve, view)).would_stop
        rows.append(Judgement(n, float(curve.values[-1]), vote, decision))
    return rows


def at_confidences(
    config: PrunerConfig, study: RecordedStudy, trial: RecordedTrial, surrogate: Surrogate | None = None
) -> list[Alternative]:
    """When other confidences would have stopped a trial, all other trials being as they are.

    Neither an audit nor the shadow mode lets it go on here.
    """
    found = []
    for confidence in sorted({*CONFIDENCES, config.confidence}):
        options = {"confidence": confidence, "audit": 0.0, "shadow": False}
        other = PrunerCore(config.model_copy(update=options), surrogate)
        decisions = (other.judge(curve, study.view(trial, n)) for n, curve in _due(other, trial))
        stop = next((decision for decision in decisions if decision.stop), None)
        wrong = was_wrong(study, trial, stop, config.target) if stop else None
        found.append(Alternative(confidence, stop, wrong))
    return found


def was_wrong(study: RecordedStudy, trial: RecordedTrial, stop: Decision, target: Target) -> bool | None:
    """Whether a trial that was stopped would have beaten the incumbent; None as long as nobody knows.

    A better value on record is known. That there is none is known of a trial that ended by itself.
    """
    if stop.incumbent is None:
        return None
    curve = trial.whole or trial.curve
    later = curve.steps > stop.cutoff
    rest = Curve(curve.steps[later], curve.values[later], curve.horizon)
    value = study.value_of(rest, target)
    beats = value is not None and study.better(value, stop.incumbent)
    if trial.whole is not None or trial.state in ("finished", "failed"):
        return beats
    return True if beats and target == "best" else None


def decision_as_dict(decision: Decision) -> dict[str, Any]:
    """What JSON and tables show of a decision."""
    return {
        "step": decision.cutoff,
        "p_top": decision.p_top,
        "p_beat": decision.p_beat,
        "incumbent": decision.incumbent,
        "median": decision.median,
        "interval": None if decision.interval is None else list(decision.interval),
        "stop": decision.stop,
        "spared": decision.suppressed_by,
        "reason": decision.reason,
    }


def spared_as_dict(study: RecordedStudy, trial: RecordedTrial, target: Target) -> dict[str, Any] | None:
    """What JSON and tables show of a trial that would have been stopped and went on; None of any other."""
    if trial.suppressed_stop is None:
        return None
    wrong = trial.audited.won(study.direction, target) if trial.audited else None
    return {"trial": trial.number, "wrong": wrong, **trial.suppressed_stop.to_json()}


def _due(core: PrunerCore, trial: RecordedTrial) -> Iterator[tuple[int, Curve]]:
    for n in range(1, len(trial.curve) + 1):
        if core.question(curve := trial.curve.prefix(n)) is not None:
            yield n, curve
