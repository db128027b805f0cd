"""``lcstop explain`` and ``lcstop report``: a study on record, looked back on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lcstop.commands.common import Json, errors, load, print_json
from lcstop.config.pruner import load_config

if TYPE_CHECKING:
    from lcstop.config.pruner import PrunerConfig
    from lcstop.review import RecordedStudy


class Mode(str, Enum):
    """Which values are better, in Ray's words."""

    MIN = "min"
    MAX = "max"


Storage = Annotated[str | None, typer.Option(help="URL of the Optuna storage that holds the study.")]
StudyName = Annotated[
    str | None, typer.Option("--study", help="Its name; may be left out where the storage holds one study.")
]
Results = Annotated[Path | None, typer.Option(help="Ray Tune's results folder, instead of a storage.")]
Metric = Annotated[str | None, typer.Option(help="Result to look at in that folder.")]
ModeOption = Annotated[Mode | None, typer.Option(help="Which values are better, for that folder.")]
PrunerFile = Annotated[Path | None, typer.Option("--config", help="YAML file with the pruner's options.")]
Horizon = Annotated[
    float | None, typer.Option(help="Last step of a trial; as on record, or else that of the longest trial.")
]
Confidence = Annotated[float | None, typer.Option(help="Judge at this confidence.")]


def explain(
    storage: Storage = None,
    study: StudyName = None,
    trial: Annotated[
        int | None, typer.Option(help="Number of a trial; without it, a what-if replay.")
    ] = None,
    results: Results = None,
    metric: Metric = None,
    mode: ModeOption = None,
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
    from lcstop.review import command, table

    given = _given(config, horizon=horizon, confidence=confidence)
    recorded, options = _read(storage, study, results, metric, mode, given)
    if trial is not None:
        found, show = command.explain_trial(recorded, options, trial), table.show_trial
    else:
        found, show = command.replayed(recorded, options, errors).as_dict(), table.show_what_if
    if as_json:
        print_json(found)
    else:
        show(found, Console(width=None if sys.stdout.isatty() else 120))


def report(
    storage: Storage = None,
    study: StudyName = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.")] = Path("report.html"),
    results: Results = None,
    metric: Metric = None,
    mode: ModeOption = None,
    config: PrunerFile = None,
    horizon: Horizon = None,
    confidence: Confidence = None,
    as_json: Json = False,
) -> None:
    """Write a page that shows a study: what was saved, every curve, and why each trial was stopped.

    The page is one file and needs no network. Of a study that ran without lcstop it shows what lcstop would
    have done.

    Examples:

    lcstop report --storage sqlite:///study.db --study tuning -o report.html

    lcstop report --results ~/ray_results/search --mode max
    """
    from lcstop.review import command, table

    load("plotly", "plot")  # to say that it is missing before the work
    given = _given(config, horizon=horizon, confidence=confidence)
    recorded, options = _read(storage, study, results, metric, mode, given)
    found = table.summary(command.write_report(recorded, options, out, errors))
    if as_json:
        print_json({**found, "page": str(out)})
    else:
        would = "" if found["live"] else "would have "
        typer.echo(
            f"{found['study']}: {would}stopped {found['stopped']} of {found['trials']} trials, "
            f"{would}saved {found['share_saved']:.1%} of the epochs"
        )
        typer.echo(f"report: {out}")


def _given(config: Path | None, **options: float | None) -> dict[str, Any]:
    """The pruner's options that the user gives: those of the file, with the command's in their place."""
    written = {} if config is None else load_config(config).model_dump(exclude_unset=True)
    return written | {name: value for name, value in options.items() if value is not None}


def _read(
    storage: str | None,
    study: str | None,
    results: Path | None,
    metric: str | None,
    mode: Mode | None,
    given: Mapping[str, Any],
) -> tuple[RecordedStudy, PrunerConfig]:
    """The study, and the options to judge it by: those given, or else those on record."""
    from lcstop.review.review import options_of

    if (storage is None) == (results is None):
        raise ValueError("--storage URL or --results FOLDER says where the study is; give one of them")
    found: RecordedStudy
    horizon = given.get("horizon")
    if results is not None:
        adapter = load("lcstop_ray.folder", "ray")
        found = adapter.read_folder(results, metric, mode and mode.value, horizon=horizon)
    else:
        found = load("lcstop_optuna.records", "optuna").read_storage(storage, study, horizon)
    return found, options_of(found, given)
