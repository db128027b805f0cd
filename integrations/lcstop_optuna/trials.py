"""One Optuna trial: its curve, and the attributes that ``lcstop`` writes."""

from __future__ import annotations

import optuna
from optuna.trial import FrozenTrial, TrialState

from lcstop import Curve
from lcstop.config.pruner import horizon_of
from lcstop.pruning.suppressed_stop import SuppressedStop

REASON_ATTR = "lcstop_reason"
"""User attribute of a stopped trial that holds the reason; ``trials_dataframe()`` shows it."""

CONVERGED_ATTR = "lcstop_converged"
"""User attribute of a trial that had converged, with the reason; such a trial has finished."""

CONFIG_ATTR = "lcstop_config"
"""User attribute of a study that holds the options with which the pruner last stopped a trial in it."""

AUDIT_ATTR = "lcstop_audit"
"""User attribute of a trial that would have been stopped and went on: when, why, and what it had to beat.

The one of the same name of a study says what has come of these trials, as of the last stop.
"""


def to_curve(trial: FrozenTrial, horizon: float | str) -> Curve:
    """What a trial has reported. A trial that was added with its result alone has one point, at the horizon.

    Raises:
        ValueError: If ``horizon`` is a name, and the trial has no length under it.
    """
    horizon = horizon_of(horizon, trial.params, trial.user_attrs)
    if trial.state == TrialState.COMPLETE and not trial.intermediate_values:
        return Curve([horizon], [trial.values[0]], horizon, trial.params)
    return Curve.from_reports(trial.intermediate_values, horizon, trial.params)


def to_suppressed_stop(trial: FrozenTrial) -> SuppressedStop | None:
    """The suppressed stop on record of a trial, None if there is none.

    A retried trial inherits the attributes of the first try. A record of another trial's number is ignored.
    """
    content = trial.user_attrs.get(AUDIT_ATTR)
    if not isinstance(content, dict) or content.get("trial") != trial.number:
        return None
    return SuppressedStop.from_json(content)


def check_single_objective(study: optuna.study.Study) -> None:
    """Refuse a study that the pruner cannot judge.

    Raises:
        ValueError: If it has more than one objective.
    """
    if len(study.directions) > 1:
        raise ValueError(
            "LCPFNPruner works on studies with one objective, "
            f"got {len(study.directions)} directions in study {study.study_name!r}"
        )
