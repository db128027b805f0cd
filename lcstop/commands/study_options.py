"""Options of the commands that look back on a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lcstop.commands import adapters
from lcstop.commands.common import errors

if TYPE_CHECKING:
    from lcstop.config.pruner import PrunerConfig
    from lcstop.review import RecordedStudy

Storage = Annotated[str | None, typer.Option(help="URL of the Optuna storage of the study.")]
StudyName = Annotated[
    str | None, typer.Option("--study", help="Name of the study; optional if the storage has only one.")
]
ResultsFolder = Annotated[
    Path | None, typer.Option("--results", help="Results folder of Ray Tune, instead of a storage.")
]
Metric = Annotated[
    str | None, typer.Option(help="Name of the metric, for --results; by default the recorded one.")
]
Mode = Annotated[
    Literal["min", "max"] | None,
    typer.Option(
        help="Whether lower or higher values are better, for --results; by default what is recorded."
    ),
]
PrunerFile = Annotated[Path | None, typer.Option("--config", help="YAML file with options of the pruner.")]
Horizon = Annotated[
    float | None,
    typer.Option(
        min=1, help="Last step of a full trial; by default the recorded one, or that of the longest trial."
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(
        help="Probability that the best trial is not stopped: a number, safe, balanced or bold; by default "
        "the recorded one."
    ),
]
Confidence = Annotated[
    float | None, typer.Option(help="Confidence of the decisions, with policy published and min_gain.")
]
Target = Annotated[
    Literal["best", "final"] | None,
    typer.Option(help="Value of a trial: the best of its reports, or the last one."),
]
Lower = Annotated[float | None, typer.Option(help="Lowest possible value of the metric.")]
Upper = Annotated[float | None, typer.Option(help="Highest possible value of the metric.")]


@dataclass(frozen=True)
class StudyToReview:
    """The study that a command looks back on.

    Attributes:
        study: The recorded study.
        config: The options for judging it. Options of the command come first, then those of its file, then
            the recorded ones, then the defaults.
        has_own_options: Whether the command was given options that may decide otherwise.
    """

    study: RecordedStudy
    config: PrunerConfig
    has_own_options: bool


def read_study(
    storage: str | None,
    study: str | None,
    results: Path | None,
    metric: str | None,
    mode: str | None,
    config: Path | None,
    options: Mapping[str, Any],
) -> StudyToReview:
    """The study that a command names, and the options for judging it.

    Args:
        storage, study, results, metric, mode: Name the study.
        config: YAML file with options of the pruner.
        options: Options of the pruner by name; None where the command was not given one.

    Raises:
        ValueError: If the arguments do not name exactly one study, or it cannot be read.
        OSError: If a file cannot be read.
    """
    from lcstop.config.pruner import load_config
    from lcstop.review.options import options_of

    given: dict[str, Any] = {} if config is None else load_config(config).model_dump(exclude_unset=True)
    given |= {name: value for name, value in options.items() if value is not None}
    if (storage is None) == (results is None):
        raise ValueError("the study is missing: give --storage URL or --results FOLDER, not both")
    recorded: RecordedStudy
    if results is not None:
        read_folder = adapters.provided_by("ray", "study_reader")
        recorded = read_folder(results, metric, mode, horizon=given.get("horizon"))
    else:
        read_storage = adapters.provided_by("optuna", "study_reader")
        recorded = read_storage(storage, study, given.get("horizon"))
    for note in recorded.notes:
        errors.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    return StudyToReview(recorded, options_of(recorded, given), bool(given))


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Context of a progress bar. Its value is a function to call after each of ``total`` things."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as shown:
        bar = shown.add_task(what, total=total)
        yield lambda: shown.advance(bar)
