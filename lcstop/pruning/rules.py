"""The two rules by which a trial is stopped: by its standing in the study, and as published."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.pruning.decision import Decision, StudyView
from lcstop.pruning.schedule import MUCH_TO_COME, SCHEDULES
from lcstop.surrogates import Surrogate
from lcstop.surrogates.forecast import Forecast

if TYPE_CHECKING:
    from lcstop.ranking.ranker import StudyPolicy, Verdict

_MAX_QUERIES = 32
"""Later steps that one decision looks at: all of them, or this many evenly spaced up to the horizon."""


class Case(NamedTuple):
    """What is judged.

    Attributes:
        config: The options.
        trial: The trial.
        prefixes: Its curve at its last judgements, ``patience`` of them or fewer, oldest first.
        study: The other trials.
        confidence: The confidence to decide with.
        careful: What the reason says where that is not the one of the options.
        quick: Whether what cannot change the decision is left out.
    """

    config: PrunerConfig
    trial: Curve
    prefixes: Sequence[Curve]
    study: StudyView
    confidence: float
    careful: str
    quick: bool


def stop_in_study(
    case: Case, incumbent: float | None, policy: StudyPolicy, surrogate: Callable[[], Surrogate]
) -> Decision:
    """Stop if ``patience`` judgements all find that the trial hardly ends in the study's best tenth.

    Among few trials a tenth is less than one of them, so that even the best is not likely to be in it:
    who leads at its step goes on. The surrogate is asked only about trials that stop.

    Raises:
        ValueError: If the forecast is not finite.
    """
    config, trial, prefixes, study, confidence, careful, quick = case
    schedule = SCHEDULES[config.preset]
    others = study.finished, study.unfinished, study.direction

    def verdict(prefix: Curve) -> Verdict | None:
        asked = partial(schedule.asked, prefix.share, confidence, informed=True) if quick else None
        return policy.verdict(prefix, *others, use_params=config.use_params, asked=asked)

    found = [verdict(prefix) for prefix in prefixes]
    verdicts = [verdict for verdict in found if verdict is not None]
    if len(verdicts) < len(found):
        return Decision(False, "no other trial to compare with", trial.cutoff, incumbent=incumbent)
    if not all(math.isfinite(verdict.p_top + verdict.p_beat) for verdict in verdicts):
        raise ValueError("the forecast is not finite")
    asked = [
        schedule.asked(prefix.share, confidence, verdict.to_come, informed=verdict.informed)
        for prefix, verdict in zip(prefixes, verdicts, strict=True)
    ]
    low = [verdict.p_top <= least for verdict, least in zip(verdicts, asked, strict=True)]
    votes = [is_low and not verdict.leads for is_low, verdict in zip(low, verdicts, strict=True)]
    p_top, p_beat, _, _, to_come = verdicts[-1]
    reason = (
        f"P(best tenth of the study by step {trial.horizon:g}) = {p_top:.3g} "
        f"{'<=' if low[-1] else '>'} {asked[-1]:.2g}"
    )
    if incumbent is not None:
        reason += f", P(beat {incumbent:.5g}) = {p_beat:.3g}"
    if to_come > MUCH_TO_COME:
        reason += f"; less is asked where trials may still gain {to_come:.2g} times their spread"
    if low[-1] and not votes[-1]:
        reason += "; leads at its step"
    reason += careful
    decision = Decision(False, reason, trial.cutoff, p_beat, incumbent, p_top=p_top)
    if not votes[-1]:
        return decision
    if not (all(votes) and len(votes) == config.patience):
        return replace(decision, reason=reason + _in_a_row(votes, config))
    scale = MetricScale.from_study(study.direction, study.finished or study.unfinished, judged=trial)
    forecast = surrogate().forecast(prefixes[-1:], [trial.horizon], scale)
    median, interval = predicted(forecast, config)
    return replace(
        decision,
        stop=True,
        reason=f"{reason}; predicted {median:.4g} [{interval[0]:.4g}, {interval[1]:.4g}]",
        median=median,
        interval=interval,
        scale=scale,
    )


def stop_as_published(case: Case, incumbent: float, surrogate: Surrogate) -> Decision:
    """Stop if ``patience`` judgements all find that the incumbent stays ahead; the last is reported.

    Raises:
        ValueError: If the forecast is not finite.
    """
    config, trial, prefixes, study, confidence, careful, _ = case
    # Not from unfinished trials: what they show changes while they run, and one may be dead.
    scale = MetricScale.from_study(study.direction, study.finished, judged=trial)
    others = [*study.finished, *study.unfinished]
    at = [trial.horizon] if config.target == "final" else trial.ahead(_MAX_QUERIES).tolist()
    forecast = surrogate.forecast(prefixes, at, scale, others)
    p_beat: list[float] = forecast.prob_better(incumbent).max(-1).tolist()  # of each prefix
    if not np.isfinite(p_beat).all():
        raise ValueError("the forecast is not finite")
    at_horizon = forecast[-1:, -1:]
    threshold = 1 - confidence
    votes = [p <= threshold for p in p_beat]
    median, (low, high) = predicted(at_horizon, config)
    reason = (
        f"P(beat {incumbent:.5g} {'by' if config.target == 'best' else 'at'} step {trial.horizon:g}) "
        f"= {p_beat[-1]:.3g} {'<=' if votes[-1] else '>'} {threshold:.2g}; "
        f"predicted {median:.4g} [{low:.4g}, {high:.4g}]{careful}"
    )
    stop = all(votes) and len(votes) == config.patience
    if votes[-1] and not stop:
        reason += _in_a_row(votes, config)
    return Decision(stop, reason, trial.cutoff, p_beat[-1], incumbent, median, (low, high), scale)


def _in_a_row(votes: Sequence[bool], config: PrunerConfig) -> str:
    n = next((i for i, vote in enumerate(reversed(votes)) if not vote), len(votes))
    return f"; {n} of {config.patience} votes"


def predicted(at_horizon: Forecast, config: PrunerConfig) -> tuple[float, tuple[float, float]]:
    """Median and 90 % interval at the horizon, within the bounds of the metric."""
    lower = -math.inf if config.lower is None else config.lower
    upper = math.inf if config.upper is None else config.upper
    found = at_horizon.quantile([[[0.5]], [[0.05]], [[0.95]]])[:, 0, 0]
    median, low, high = np.clip(found, lower, upper).tolist()
    return median, (low, high)
