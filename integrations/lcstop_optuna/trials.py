"""The curve of an Optuna trial, and the names of the attributes that ``lcstop`` writes."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from lcstop import Curve
from lcstop.config.horizon import horizon_of

REASON_ATTR = "lcstop_reason"
"""User attribute of a stopped trial: the reason. ``study.trials_dataframe()`` shows it."""

STOP_ATTR = "lcstop_stop"
"""User attribute of a stopped trial: the judgement that stopped it, as numbers.

See :class:`lcstop.pruning.judgement_record.JudgementRecord`; the step is the one that was reported.
"""

CONVERGED_ATTR = "lcstop_converged"
"""User attribute of a converged trial: the reason. Such a trial counts as finished."""

CONFIG_ATTR = "lcstop_config"
"""User attribute of a study: the options of the process that first judged a trial last."""

CERTIFICATE_ATTR = "lcstop_certificate"
"""User attribute of a study: what its stops may have lost and what they have saved, as of the last stop.

See :meth:`lcstop.pruning.certificate.Certificate.as_dict`.
"""

_CONSTRAINTS_KEY = "constraints"
"""System attribute in which Optuna keeps the values of a trial's constraints; those above 0 are violated."""

AUDIT_ATTR = "lcstop_audit"
"""User attribute of a trial whose stop was suppressed: the step, the reason, and the value to beat.

The user attribute of a study with the same name holds the outcome of its audited trials, as of the last stop
or suppressed stop.
"""


RESUMES_ATTR = "lcstop_resumes"
"""User attribute of a trial that continues one that waited: the number of that trial."""

LCSTOP_ATTRS = (REASON_ATTR, CONVERGED_ATTR, AUDIT_ATTR, STOP_ATTR, RESUMES_ATTR)
"""User attributes of a trial that ``lcstop`` writes."""


def to_curve(trial: FrozenTrial, horizon: float | str, from_0: bool | None = None) -> Curve:
    """The reports of a trial as a curve. A complete trial without reports has one point, at the horizon.

    Args:
        trial: The trial.
        horizon: As in :class:`lcstop.PrunerConfig`.
        from_0: See :meth:`lcstop.Curve.from_reports`.

    Raises:
        ValueError: If ``horizon`` is a name, and the trial has no valid horizon under that name.
    """
    horizon = horizon_of(horizon, trial.params, trial.user_attrs)
    if trial.state == TrialState.COMPLETE and not trial.intermediate_values:
        return Curve([horizon], [trial.values[0]], horizon, trial.params)
    return Curve.from_reports(trial.intermediate_values, horizon, trial.params, from_0=from_0)


def is_infeasible(trial: FrozenTrial) -> bool:
    """Whether a recorded constraint of a trial is violated, as ``study.best_trial`` counts it.

    A trial without recorded constraints is feasible.
    """
    if hasattr(trial, "constraints"):
        return any(value > 0 for value in trial.constraints.values())
    # Older versions of Optuna have no such property.
    return any(value > 0 for value in trial.system_attrs.get(_CONSTRAINTS_KEY) or ())


def store_in_study(study: optuna.Study, name: str, content: dict[str, Any]) -> None:
    """Store a user attribute with the study, unless it is there already."""
    storage = study._storage
    if storage.get_study_user_attrs(study._study_id).get(name) != content:
        storage.set_study_user_attr(study._study_id, name, content)


def check_single_objective(study: optuna.study.Study) -> None:
    """Check that a study has one objective.

    Raises:
        ValueError: If it has more than one.
    """
    if len(study.directions) > 1:
        raise ValueError(
            "LCPFNPruner works on studies with one objective, "
            f"got {len(study.directions)} directions in study {study.study_name!r}"
        )
