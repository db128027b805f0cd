"""``lcstop explain``: the decisions on a trial of a recorded study, or a what-if replay of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcstop.commands.common import Json, print_json, table_console
from lcstop.commands.study_options import (
    Confidence,
    Horizon,
    Metric,
    Mode,
    PrunerFile,
    ResultsFolder,
    Storage,
    StudyName,
    read_study,
    trial_progress,
)

if TYPE_CHECKING:
    from lcstop.config.pruner import PrunerConfig
    from lcstop.review import RecordedStudy


def explain(
    storage: Storage = None,
    study: StudyName = None,
    trial: Annotated[
        int | None, typer.Option(help="Number of a trial; without it, a what-if replay of the study.")
    ] = None,
    results: ResultsFolder = None,
    metric: Metric = None,
    mode: Mode = None,
    config: PrunerFile = None,
    horizon: Horizon = None,
    confidence: Confidence = None,
    as_json: Json = False,
) -> None:
    """Show why a trial was stopped or not. Without --trial, show what lcstop would have done with the study.

    The study may have run with any pruner or scheduler. Its trials must have reported intermediate values.

    Examples:

    lcstop explain --storage sqlite:///study.db --study tuning --trial 17

    lcstop explain --results ~/ray_results/search --mode max
    """
    from lcstop.review import table, what_if

    recorded, options = read_study(storage, study, results, metric, mode, config, horizon, confidence)
    if trial is not None:
        content, show = _explain_trial(recorded, options, trial), table.show_trial
    else:
        with trial_progress(len(recorded.trials)) as advance:
            content, show = what_if(recorded, options, report=advance).as_dict(), table.show_what_if
    if as_json:
        print_json(content)
    else:
        show(content, table_console(120))


def _explain_trial(study: RecordedStudy, config: PrunerConfig, number: int) -> dict[str, Any]:
    """The decisions on one trial, also at other confidences, as a dictionary for JSON.

    Raises:
        ValueError: If the study has no such trial, or it has made no report.
    """
    from lcstop.review.history import at_confidences, history, suppressed_stop_as_dict

    trial = study.trial(number)
    confidences = at_confidences(config, study, trial) if trial.has_curve else []
    return {
        "study": study.name,
        "trial": trial.number,
        "name": trial.name,
        "state": trial.state,
        "infeasible": trial.is_infeasible,
        "has_curve": trial.has_curve,
        "reason": trial.reason,
        "params": dict(trial.curve.params or {}),
        "attrs": dict(trial.attrs),
        "spared": suppressed_stop_as_dict(study, trial, config.target),
        "audit": study.audit(config).as_dict(),
        "history": [row.as_dict() for row in history(config, study, trial)] if trial.has_curve else [],
        "confidences": [row.as_dict() for row in confidences],
        "config": config.model_dump(),
    }
