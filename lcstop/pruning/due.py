"""When a trial is judged: at the first call at or after a moment of the schedule that is not used up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lcstop.config.choices import Preset
from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.pruning.judgement_record import JudgementRecord


@dataclass(frozen=True)
class Moments:
    """When policy ``study`` judges a trial: at ever larger steps, each a fixed multiple of the one before.

    Attributes:
        first_share: Share of the horizon of the first judgement.
        step_ratio: Steps at a judgement over steps at the one before.
    """

    first_share: float
    step_ratio: float

    def n_judgements(self, share: float) -> int:
        """Number of judgements that a trial has had by this share of its horizon.

        Example:
            >>> moments = Moments(first_share=0.05, step_ratio=2)
            >>> [moments.n_judgements(share) for share in (0.04, 0.05, 0.1, 1.0)]
            [0, 1, 2, 5]
        """
        ratio = share / self.first_share * (1 + 1e-9)
        return 0 if ratio < 1 else 1 + math.floor(math.log(ratio) / math.log(self.step_ratio))


MOMENTS = Moments(first_share=0.02, step_ratio=1.3)
"""When policy ``study`` judges a trial by ``keep``."""

MOMENTS_OF_PRESETS: dict[Preset, Moments] = {
    "safe": Moments(first_share=0.03, step_ratio=1.6),
    "balanced": Moments(first_share=0.02, step_ratio=1.6),
    "bold": Moments(first_share=0.02, step_ratio=1.6),
}
"""When it judges a trial by ``preset``, which goes away in 0.3. Where neither that nor ``keep`` is given, and
with ``pause``, those of ``balanced`` are used."""


def moments_of(config: PrunerConfig) -> Moments:
    """When policy ``study`` judges a trial, by the options."""
    return MOMENTS if config.keep is not None else MOMENTS_OF_PRESETS[config.preset or "balanced"]


RETRY_RATIO = 1.1
"""Steps at the next try over steps at a question that could not be judged: some 150 tries at any length."""


class NextQuestion(NamedTuple):
    """When a trial is to be judged next.

    Attributes:
        step: The first step at which it is.
        n_ended: None, or the number of ended trials at the last try, which could not be judged. The trial is
            then also judged before ``step`` if more have ended.
    """

    step: float
    n_ended: int | None = None


def next_question(
    config: PrunerConfig, first_steps: Sequence[float], horizon: float, records: Sequence[JudgementRecord]
) -> NextQuestion:
    """When a trial is to be judged next, from its first steps and its record alone.

    A moment is used up by a judgement at or after it. A question that could not be judged uses up none: the
    next try is at :data:`RETRY_RATIO` times the steps, or as soon as another trial has ended. At the horizon
    nothing can be saved.

    Args:
        config: The options.
        first_steps: Steps of the first two reports of the trial, or of the only one.
        horizon: Last step that it would reach.
        records: Its judgements and questions so far, oldest first.

    Example:
        >>> config = PrunerConfig(horizon=100)
        >>> next_question(config, [1, 2], 100, [JudgementRecord(2, "go on")]).step
        3.0
        >>> next_question(config, [1, 2], 100, [JudgementRecord(20, "not judged", n_ended=1)]).step
        22.0
    """
    origin = origin_of(first_steps)
    used = next((record.step for record in reversed(records) if record.is_judged), None)
    step = _next_moment(config, origin, horizon, used)
    if records and not records[-1].is_judged:
        retry = origin + RETRY_RATIO * (records[-1].step - origin)
        if retry > step:
            return NextQuestion(_rounded(retry, horizon), records[-1].n_ended)
    return NextQuestion(_rounded(step, horizon))


def origin_of(first_steps: Sequence[float]) -> float:
    """The step from which the moments of a trial are counted: 0, if it has not gone on from a later one.

    A trial has gone on from a later step, such as one of fine-tuning, if its first report lies more than two
    report intervals after step 0. Its moments are then counted from one interval before that report.

    Args:
        first_steps: Steps of its first two reports, or of the only one.

    Example:
        >>> [origin_of(steps) for steps in ([10], [10, 20], [50_200, 50_400], [3, 4])]
        [0.0, 0.0, 50000.0, 2.0]
    """
    if len(first_steps) < 2:
        return 0.0
    first, second = first_steps[:2]
    between = second - first
    return float(first - between) if first > 2 * between else 0.0


def _next_moment(config: PrunerConfig, origin: float, horizon: float, used: float | None) -> float:
    """The first step of the next moment that is not used up; ``used`` is the step of the last judgement.

    A moment is the start of an interval of ``interval_steps``. Policy ``study`` takes the first interval that
    starts at or after each of its :data:`MOMENTS`.
    """
    n_intervals = 0 if used is None else max(interval_of(config, used) + 1, 0)
    if config.policy == "study":
        moments, length = moments_of(config), horizon - origin
        n_judgements = 0 if used is None else moments.n_judgements((used - origin) / length)
        moment = origin + length * moments.first_share * moments.step_ratio**n_judgements
        n_intervals = max(n_intervals, math.ceil((moment - config.min_steps) / config.interval_steps - 1e-9))
    return config.min_steps + config.interval_steps * n_intervals


def _rounded(step: float, horizon: float) -> float:
    """``step`` without errors of rounding; infinite at the horizon."""
    step = float(f"{step:.9g}")
    return step if step < horizon else math.inf


def interval_of(config: PrunerConfig, step: float) -> int:
    """Number of the interval of ``interval_steps``, from 0 at ``min_steps`` on; negative before that."""
    return math.floor((step - config.min_steps) / config.interval_steps + 1e-9)


def is_silent(config: PrunerConfig, last_values: Sequence[float]) -> bool:
    """Whether the last ``diverged_after`` of these values are all NaN or infinite."""
    n = config.diverged_after
    return len(last_values) >= n and not any(map(math.isfinite, last_values[-n:]))


@dataclass(frozen=True, eq=False)
class Question:
    """A trial that is to be judged at its last report.

    Attributes:
        trial: What it has reported.
        is_due: Whether it is judged by its finite reports.
        is_silent: Whether its last ``diverged_after`` reports are all NaN or infinite.
        prefixes: The finite part of its curve; before it, where its judgements are not on record, those at
            its last judgements, ``patience`` of them or fewer, oldest first. None of a trial with too few
            finite reports.
        said_stop: What the judgements on record before this one said, ``patience - 1`` of them or fewer,
            oldest first.
        asked_at_n_ended: Number of ended trials at the last try, if another one must have ended since; None
            otherwise.
    """

    trial: Curve
    is_due: bool
    is_silent: bool
    prefixes: Sequence[Curve]
    said_stop: Sequence[bool] = ()
    asked_at_n_ended: int | None = None


def question_at(
    config: PrunerConfig,
    trial: Curve,
    records: Sequence[JudgementRecord] | None,
    *,
    always: bool = False,
) -> Question | None:
    """What the last report of ``trial`` calls for; None if no judgement is due. Needs no other trial.

    Args:
        config: The options.
        trial: What it has reported.
        records: Its judgements and questions so far; None if they are unknown. Each report then counts as
            asked and judged.
        always: Whether there is a question, due or not.
    """
    if not len(trial):
        return Question(trial, is_due=True, is_silent=False, prefixes=()) if always else None
    known = assumed_records(config, trial) if records is None else records
    asked = next_question(config, trial.steps[:2].tolist(), trial.horizon, known)
    before_horizon = trial.cutoff < trial.horizon
    is_due = always or (before_horizon and trial.cutoff >= asked.step)
    may_be_due = before_horizon and asked.n_ended is not None
    silent = is_silent(config, trial.values[-config.diverged_after :].tolist())
    if not (is_due or may_be_due or silent):
        return None
    judged = [record for record in known if record.is_judged and record.step < trial.cutoff]
    last = judged[max(0, len(judged) - config.patience + 1) :]
    if records is not None:
        prefixes = _with_evidence(config, [trial])
        said_stop = [record.says_stop for record in last]
    else:
        before = [trial.prefix(int((trial.steps <= record.step).sum())) for record in last]
        prefixes, said_stop = _with_evidence(config, [*before, trial]), []
    asked_at_n_ended = None if is_due else asked.n_ended
    return Question(trial, is_due or may_be_due, silent, prefixes, said_stop, asked_at_n_ended)


def assumed_records(config: PrunerConfig, trial: Curve) -> list[JudgementRecord]:
    """The judgements of a trial that was asked and judged at each report but the last one."""
    records: list[JudgementRecord] = []
    first = trial.steps[:2].tolist()
    for step in trial.steps[:-1].tolist():
        if step >= next_question(config, first, trial.horizon, records).step:
            records.append(JudgementRecord(step, "go on"))
    return records


def n_judgements(config: PrunerConfig, trial: Curve) -> int:
    """Number of judgements, at most `patience`, of a trial that is judged whenever it can be.

    Example:
        >>> config, steps = PrunerConfig(horizon=50, patience=9), range(1, 51)
        >>> trial = Curve(steps, [0.5] * 50, horizon=50)
        >>> [n_judgements(config, trial.prefix(n)) for n in (1, 5, 50)]
        [0, 4, 9]
    """
    steps = trial.finite().steps[_n_reports_needed(config) - 1 :]
    records: list[JudgementRecord] = []
    while len(records) < config.patience:
        asked = next_question(config, trial.steps[:2].tolist(), trial.horizon, records)
        i = int(steps.searchsorted(asked.step))
        if i == len(steps) or steps[i] >= trial.horizon:
            break
        records.append(JudgementRecord(float(steps[i]), "go on"))
    return len(records)


def _n_reports_needed(config: PrunerConfig) -> int:
    """Number of finite reports that a trial needs to be judged by others."""
    return 1 if config.min_steps == 1 else 2


def _with_evidence(config: PrunerConfig, prefixes: Sequence[Curve]) -> list[Curve]:
    """The finite parts of those that have enough of them; one that adds no finite report is left out."""
    found: list[Curve] = []
    for prefix in prefixes:
        finite = prefix.finite()
        if len(finite) >= _n_reports_needed(config):
            found = [*(one for one in found if len(one) < len(finite)), finite]
    return found
