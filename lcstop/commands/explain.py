"""``lcstop explain``: what is on record of a study or a trial, and what would be decided otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcstop.commands.common import Json, print_json, table_console
from lcstop.commands.study_options import (
    Confidence,
    Horizon,
    Keep,
    Lower,
    Metric,
    Mode,
    PrunerFile,
    ResultsFolder,
    Storage,
    StudyName,
    StudyToReview,
    Target,
    Upper,
    progress,
    read_study,
)

if TYPE_CHECKING:
    from lcstop.config.pruner import PrunerConfig
    from lcstop.review import RecordedStudy


def explain(
    storage: Storage = None,
    study: StudyName = None,
    trial: Annotated[int | None, typer.Option(help="Number of a trial, to explain it alone.")] = None,
    results: ResultsFolder = None,
    metric: Metric = None,
    mode: Mode = None,
    config: PrunerFile = None,
    horizon: Horizon = None,
    keep: Keep = None,
    confidence: Confidence = None,
    target: Target = None,
    lower: Lower = None,
    upper: Upper = None,
    with_rules: Annotated[
        bool,
        typer.Option(
            "--compare", help="Compare lcstop's settings and the rules of Optuna and Ray on the study."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what lcstop did in a study: what it saved, and why it stopped each trial.

    With options of the pruner, such as --keep, also show what it would have done with them. For a study
    that ran with another pruner or scheduler, show what lcstop would have done. With --trial, show each
    judgement of one trial.

    Examples:

    lcstop explain --storage sqlite:///study.db --study tuning

    lcstop explain --storage sqlite:///study.db --study tuning --trial 17

    lcstop explain --results ~/ray_results/search --mode max

    lcstop explain --storage sqlite:///study.db --study tuning --compare
    """
    from lcstop.review import table

    options = {
        "horizon": horizon,
        "keep": keep,
        "confidence": confidence,
        "target": target,
        "lower": lower,
        "upper": upper,
    }
    found = read_study(storage, study, results, metric, mode, config, options)
    if with_rules:
        from lcstop.commands.compare import show_comparison

        content, show = _compare(found), show_comparison
    elif trial is not None:
        content, show = _explain_trial(found.study, found.config, trial), table.show_trial
    elif found.study.ran_with_lcstop:
        content, show = _explain_record(found), table.show_record
    else:
        content, show = _explain_what_if(found), table.show_what_if
    if as_json:
        print_json(content)
    else:
        show(content, table_console(80))


def _explain_record(found: StudyToReview) -> dict[str, Any]:
    """What is on record of a study, as a dictionary for JSON, and a replay if there are other options."""
    from lcstop.review.options import options_of
    from lcstop.review.summary import StudySummary, stop_as_dict

    summary = StudySummary.of(found.study)
    return {
        **summary.as_dict(),
        "summary": str(summary),
        "stops": [stop_as_dict(stop) for stop in summary.stops],
        "spared": [stop_as_dict(stop) for stop in [*summary.stops, *summary.audited] if stop.kind != "stop"],
        "config": options_of(found.study, {}).model_dump(),
        "what_if": _explain_what_if(found) if found.has_own_options else None,
    }


def _explain_what_if(found: StudyToReview) -> dict[str, Any]:
    """A replay of a study, as a dictionary for JSON."""
    from lcstop.review import what_if

    with progress("trials", len(found.study.trials)) as advance:
        return what_if(found.study, found.config, report=advance).as_dict()


def _compare(found: StudyToReview) -> dict[str, Any]:
    """What other settings and other rules would have done, as a dictionary for JSON."""
    from lcstop.commands.compare import compare, n_rules

    with progress("rules", n_rules(found.config)) as advance:
        return compare(found.study, found.config, advance)


def _explain_trial(study: RecordedStudy, config: PrunerConfig, number: int) -> dict[str, Any]:
    """The record of one trial, and what would be decided otherwise, as a dictionary for JSON.

    Raises:
        ValueError: If the study has no such trial, or it has made no report.
    """
    from lcstop.review.history import at_other_values, history, suppressed_stop_as_dict

    trial = study.trial(number)
    alternatives = at_other_values(config, study, trial) if trial.has_curve else []
    return {
        "study": study.name,
        "trial": trial.number,
        "name": trial.name,
        "state": trial.state,
        "infeasible": trial.is_infeasible,
        "has_curve": trial.has_curve,
        "reason": trial.reason,
        "waits": [{**wait.as_dict(), "text": str(wait)} for wait in trial.waits],
        "judgements": [record.to_json() for record in trial.judgements],
        "params": dict(trial.curve.params or {}),
        "attrs": dict(trial.attrs),
        "spared": suppressed_stop_as_dict(study, trial, config.target),
        "audit": study.audit(config).as_dict(),
        "history": [row.as_dict() for row in history(config, study, trial)] if trial.has_curve else [],
        "alternatives": [row.as_dict() for row in alternatives],
        "config": config.model_dump(),
    }
