"""``lcstop explain``: why a trial of a study on record was stopped, or what would be stopped."""

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
        int | None, typer.Option(help="Number of a trial; without it, a what-if replay.")
    ] = None,
    results: ResultsFolder = None,
    metric: Metric = None,
    mode: Mode = None,
    config: PrunerFile = None,
    horizon: Horizon = None,
    confidence: Confidence = None,
    as_json: Json = False,
) -> None:
    """Say why a trial was stopped or not; without --trial, what lcstop would have done with the study.

    Works on any study whose trials reported values on their way, whatever pruner or scheduler it ran with.

    Examples:

    lcstop explain --storage sqlite:///study.db --study tuning --trial 17

    lcstop explain --results ~/ray_results/search --mode max
    """
    from lcstop.review import table, what_if

    recorded, options = read_study(storage, study, results, metric, mode, config, horizon, confidence)
    if trial is not None:
        found, show = _explained(recorded, options, trial), table.show_trial
    else:
        with trial_progress(len(recorded.trials)) as advance:
            found, show = what_if(recorded, options, report=advance).as_dict(), table.show_what_if
    if as_json:
        print_json(found)
    else:
        show(found, table_console(120))


def _explained(study: RecordedStudy, config: PrunerConfig, number: int) -> dict[str, Any]:
    """The decisions on one trial, and those of other confidences.

    Raises:
        ValueError: If the study has no such trial, or it has reported nothing.
    """
    from lcstop.review.history import at_confidences, history, suppressed_stop_as_dict

    trial = study.trial(number)
    return {
        "study": study.name,
        "trial": trial.number,
        "name": trial.name,
        "state": trial.state,
        "reason": trial.reason,
        "params": dict(trial.curve.params or {}),
        "attrs": dict(trial.attrs),
        "spared": suppressed_stop_as_dict(study, trial, config.target),
        "audit": study.audit(config).as_dict(),
        "history": [row.as_dict() for row in history(config, study, trial)],
        "confidences": [row.as_dict() for row in at_confidences(config, study, trial)],
        "config": config.model_dump(),
    }
