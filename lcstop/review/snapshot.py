"""Snapshots: a trial at some of its judgements, with the forecast at each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lcstop.config.pruner import PrunerConfig
from lcstop.curves.scale import MetricScale
from lcstop.pruning.decision import Decision
from lcstop.pruning.study_view import StudyView
from lcstop.review.recorded_trial import RecordedTrial
from lcstop.surrogates import Surrogate
from lcstop.surrogates.band import Band, forecast_band

_SNAPSHOTS = 5
"""Maximum number of snapshots of a trial that was not stopped."""

_SNAPSHOTS_OF_STOPPED = 3
"""Maximum number of snapshots of a stopped trial; the last one is the stop."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A trial at one of its judgements.

    Attributes:
        n: Number of reports up to the judgement.
        decision: The decision, of the live study or of the replay.
        band: The forecast at the judgement; None if there was too little data for one, or it failed.
    """

    n: int
    decision: Decision
    band: Band | None


def snapshot_times(due: Sequence[int], was_stopped: bool) -> list[int]:
    """Numbers of reports of the snapshots: evenly spaced members of ``due``."""
    if not due:
        return []
    n = min(len(due), _SNAPSHOTS_OF_STOPPED if was_stopped else _SNAPSHOTS)
    # Without a stop the last judgement is at the end of the trial, where no step is left to forecast.
    last = len(due) - 1 if was_stopped else max(len(due) - 2, 0)
    return sorted({due[round(i)] for i in np.linspace(0, last, n)})


def snapshot(
    trial: RecordedTrial,
    n: int,
    decision: Decision,
    view: StudyView,
    config: PrunerConfig,
    surrogate: Surrogate,
) -> Snapshot:
    """A trial after its first ``n`` reports, with the forecast of its own curve if there can be one."""
    known, full = trial.curve.prefix(n).finite(), trial.full_curve or trial.curve
    if len(known) < 2 or known.cutoff >= known.horizon:
        return Snapshot(n, decision, None)
    end = float(full.values[-1])
    over = (trial.full_curve is not None or trial.state == "finished") and full.cutoff >= full.horizon
    scale = decision.scale or MetricScale.from_study(view.direction, view.finished, known)
    try:
        with np.errstate(all="ignore"):
            others = [*view.finished, *view.unfinished]
            final = end if over and math.isfinite(end) else None
            to_beat = None
            if decision.p_top is not None and decision.incumbent is not None and decision.p_beat is not None:
                to_beat = decision.incumbent, decision.p_beat
            bounds = config.lower, config.upper
            band = forecast_band(surrogate, known, scale, bounds, others, final, to_beat=to_beat)
    except Exception:
        # A judgement also survives a surrogate that raises. The snapshot then has no band.
        return Snapshot(n, decision, None)
    finite = all(np.isfinite(values).all() for values in (band.low, band.median, band.high))
    return Snapshot(n, decision, band if finite else None)
