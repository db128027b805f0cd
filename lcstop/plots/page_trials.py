"""The data of one trial on the page: its curve, its judgements, and the words beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop._utils.number_words import distinct, percents
from lcstop.config.pruner import PrunerConfig
from lcstop.plots.figures import round_all
from lcstop.plots.series import group_of
from lcstop.pruning.decision import Decision
from lcstop.review.recorded_trial import STATE_WORDS
from lcstop.review.review import Review, ReviewedTrial
from lcstop.review.snapshot import Snapshot


def trial_data(review: Review, trial: ReviewedTrial) -> dict[str, Any]:
    """What the page needs to know of a trial, for JSON.

    Args:
        review: The review.
        trial: One of its trials.
    """
    study, record = review.study, trial.record
    full = record.full_curve or record.curve
    last = trial.snapshots[-1].decision if trial.snapshots else None
    kind: str = record.state
    status = STATE_WORDS[record.state]
    if not record.has_curve:
        status = "a result without a curve"
    if trial.stop:
        kind, status = "stopped", f"stopped at {trial.curve.cutoff:g}"
    elif trial is review.winner:
        kind, status = "best", "best"
    elif record.suppressed_stop:
        status += ", audited"
    if record.is_infeasible:
        status += ", infeasible"
    note = _note(trial, last)
    named = [*(record.curve.params or {}).items(), *record.attrs.items()]
    return {
        "number": record.number,
        "name": record.name,
        "kind": kind,
        "status": status,
        "last": trial.curve.cutoff,
        "best": trial.curve.best(study.direction),
        "p": last and last.probability,
        "threshold": last and last.threshold,
        **_chance(last),
        "group": group_of(review, trial),
        "note": None if last and note == last.reason else note,  # the page takes it from the snapshot
        "wrong": None if not trial.stop else {True: "yes", False: "no", None: "not known"}[trial.wrong],
        "params": [[str(name), _text(value)] for name, value in named]
        + [["waits", str(wait)] for wait in record.waits],
        "n": trial.n,
        "x": _steps(full.steps),
        "y": round_all(full.values),
        "snapshots": [_snapshot(snapshot, review.config) for snapshot in trial.snapshots],
    }


def _note(trial: ReviewedTrial, last: Decision | None) -> str:
    if trial.stop:
        return trial.stop.reason
    if suppressed_stop := trial.record.suppressed_stop:
        return f"step {suppressed_stop.step:g}: {suppressed_stop.reason}"
    return last.reason if last else "never judged"


def _snapshot(snapshot: Snapshot, config: PrunerConfig) -> dict[str, Any]:
    decision, band = snapshot.decision, snapshot.band
    drawn: dict[str, Any] = {}
    if band is not None:
        # The steps are evenly spaced up to the last one. Their spacing and end make a smaller page.
        drawn = {
            part: _within(config, round_all(getattr(band, part), 4)) for part in ("low", "median", "high")
        }
        drawn["end"] = band.steps[-1]
    return {
        "n": snapshot.n,
        "step": decision.cutoff,
        **_chance(decision),
        "incumbent": _rounded(decision.incumbent),
        "predicted": _predicted(decision),
        "reason": decision.reason,
        "spacing": band and round_all([(band.steps[-1] - band.steps[0]) / max(len(band.steps) - 1, 1)])[0],
        **drawn,
    }


def _within(config: PrunerConfig, values: Sequence[float | None]) -> list[float | None]:
    """Rounded values, which may lie beyond the bounds of the metric, within them."""
    low = -math.inf if config.lower is None else config.lower
    high = math.inf if config.upper is None else config.upper
    return [None if value is None else min(max(value, low), high) for value in values]


def _steps(steps: NDArray[np.float64]) -> list[float | None] | dict[str, float]:
    """The steps of a curve. First step, distance and number, if they are evenly spaced: a smaller page."""
    gaps = np.diff(steps)
    if len(gaps) and (gaps == gaps[0]).all():
        return {"first": float(steps[0]), "gap": float(gaps[0]), "n": len(steps)}
    return round_all(steps)


def _chance(decision: Decision | None) -> dict[str, str | None]:
    """The probability that decided and its threshold, as in the reason."""
    if decision is None or decision.probability is None or decision.threshold is None:
        return {"chance": None, "needs": None}
    chance, needs = percents(decision.probability, decision.threshold)
    return {"chance": chance, "needs": needs}


def _predicted(decision: Decision) -> str | None:
    """The predicted end, as in the reason."""
    if decision.median is None or decision.interval is None:
        return None
    median, low, high = distinct([decision.median, *decision.interval])
    return f"{median} [{low}, {high}]"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round_all([value])[0]


def _text(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)
