"""The judgements of one trial, one per report, and its decisions at other values of ``keep``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve, Target
from lcstop.pruning.core import PrunerCore
from lcstop.pruning.decision import Decision
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import RecordedTrial
from lcstop.surrogates import Surrogate

CERTAINTIES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
"""Values of :func:`at_other_values`, beside the configured one."""


@dataclass(frozen=True)
class Judgement:
    """One judgement of a trial.

    Attributes:
        n: Number of reports up to this judgement.
        value: Last reported value.
        says_stop: Whether this judgement says stop. It ignores earlier judgements, that is ``patience``.
        decision: The decision. It takes ``patience`` into account.
    """

    n: int
    value: float
    says_stop: bool
    decision: Decision

    def as_dict(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        return {"value": self.value, "vote": self.says_stop, **decision_as_dict(self.decision)}


@dataclass(frozen=True)
class Alternative:
    """The outcome of a trial at another value of ``keep``, or of ``confidence`` where that decides.

    Attributes:
        option: ``keep`` or ``confidence``.
        value: Its value, a probability.
        decision: The decision that stops the trial; None if no decision stops it.
        wrong: Whether the trial beat the incumbent after the stop; None if it is not stopped, or if this is
            unknown.
    """

    option: str
    value: float
    decision: Decision | None
    wrong: bool | None

    def as_dict(self) -> dict[str, Any]:
        """A dictionary for JSON."""
        stopped_at = self.decision.cutoff if self.decision else None
        return {"option": self.option, "value": self.value, "stopped_at": stopped_at, "wrong": self.wrong}


def history(
    config: PrunerConfig, study: RecordedStudy, trial: RecordedTrial, surrogate: Surrogate | None = None
) -> list[Judgement]:
    """Every judgement of a trial. Each one uses only reports made before it.

    The history continues after a judgement that says stop.

    Args:
        config: The options.
        study: The recorded study.
        trial: One of its trials.
        surrogate: Replaces the surrogate named by ``config``.

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
    return [
        Judgement(n, float(trial.curve.values[n - 1]), decision.says_stop, decision)
        for n, decision in judge_again(PrunerCore(config, surrogate), study, trial)
    ]


def at_other_values(
    config: PrunerConfig, study: RecordedStudy, trial: RecordedTrial, surrogate: Surrogate | None = None
) -> list[Alternative]:
    """The stop of a trial at each value of ``keep`` of :data:`CERTAINTIES` and at the configured one.

    The values are those of ``confidence`` where that decides.

    The other trials stay as recorded. Audit and shadow mode are off, so no stop is suppressed.

    Args:
        config: The options.
        study: The recorded study.
        trial: One of its trials.
        surrogate: Replaces the surrogate named by ``config``.
    """
    option, given = "keep", config.keep_probability
    if given is None:
        option, given = "confidence", config.confidence
    alternatives = []
    for value in sorted({*CERTAINTIES, given}):
        options = {option: value, "audit": 0.0, "shadow": False}
        other = PrunerCore(config.model_copy(update=options), surrogate)
        decisions = judge_again(other, study, trial)
        stop = next((decision for _, decision in decisions if decision.stop), None)
        wrong = was_wrong(study, trial, stop, config.target) if stop else None
        alternatives.append(Alternative(option, value, stop, wrong))
    return alternatives


def was_wrong(study: RecordedStudy, trial: RecordedTrial, stop: Decision, target: Target) -> bool | None:
    """Whether a stopped trial would have beaten the incumbent; None if the record does not tell.

    A recorded better value after the stop means yes. No such value means no only if the trial ran to its end.
    An infeasible trial would not have.
    """
    if trial.is_infeasible:
        return False
    if stop.incumbent is None:
        return None
    curve = trial.full_curve or trial.curve
    later = curve.steps > stop.cutoff
    rest = Curve(curve.steps[later], curve.values[later], curve.horizon)
    value = study.value_of(rest, target)
    beats = value is not None and study.better(value, stop.incumbent)
    if trial.full_curve is not None or trial.state in ("finished", "failed"):
        return beats
    return True if beats and target == "best" else None


def decision_as_dict(decision: Decision) -> dict[str, Any]:
    """A decision as a dictionary, for JSON and tables."""
    return {
        "step": decision.cutoff,
        "probability": decision.probability,
        "threshold": decision.threshold,
        "p_top": decision.p_top,
        "p_beat": decision.p_beat,
        "incumbent": decision.incumbent,
        "median": decision.median,
        "interval": None if decision.interval is None else list(decision.interval),
        "stop": decision.stop,
        "spared": decision.suppressed_by,
        "reason": decision.reason,
    }


def suppressed_stop_as_dict(
    study: RecordedStudy, trial: RecordedTrial, target: Target
) -> dict[str, Any] | None:
    """The suppressed stop of a trial as a dictionary, for JSON and tables; None if it has none."""
    if trial.suppressed_stop is None:
        return None
    wrong = trial.audited.won(study.direction, target) if trial.audited else None
    return {"trial": trial.number, "wrong": wrong, **trial.suppressed_stop.to_json()}


def judge_again(
    core: PrunerCore, study: RecordedStudy, trial: RecordedTrial
) -> Iterator[tuple[int, Decision]]:
    """Every decision on a trial that is asked at each report, and the number of reports up to it."""
    records: list[JudgementRecord] = []
    for n in range(1, len(trial.curve) + 1):
        question = core.question(trial.curve.prefix(n), records)
        if question is None:
            continue
        view = replace(study.view(trial, n), judgements=records)
        decision = core.answer(question, view)
        if decision.is_new:
            records.append(decision.record(view.n_ended))
            yield n, decision
