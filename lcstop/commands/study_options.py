"""Options that ``lcstop explain`` and ``lcstop report`` share: which study, and how to judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lcstop.commands import adapters
from lcstop.commands.common import errors
from lcstop.config.pruner import load_config

if TYPE_CHECKING:
    from lcstop.config.pruner import PrunerConfig
    from lcstop.review import RecordedStudy

Storage = Annotated[str | None, typer.Option(help="URL of the Optuna storage that holds the study.")]
StudyName = Annotated[
    str | None, typer.Option("--study", help="Its name; may be left out where the storage holds one study.")
]
ResultsFolder = Annotated[
    Path | None, typer.Option("--results", help="Ray Tune's results folder, instead of a storage.")
]
Metric = Annotated[str | None, typer.Option(help="Result to look at in that folder.")]
Mode = Annotated[Literal["min", "max"] | None, typer.Option(help="Which values are better, for that folder.")]
PrunerFile = Annotated[Path | None, typer.Option("--config", help="YAML file with the pruner's options.")]
Horizon = Annotated[
    float | None, typer.Option(help="Last step of a trial; as on record, or else that of the longest trial.")
]
Confidence = Annotated[float | None, typer.Option(help="Judge at this confidence.")]


def read_study(
    storage: str | None,
    study: str | None,
    results: Path | None,
    metric: str | None,
    mode: str | None,
    config: Path | None,
    horizon: float | None,
    confidence: float | None,
) -> tuple[RecordedStudy, PrunerConfig]:
    """The study that the options name, and the pruner's options to judge it by.

    Options of the command replace those of the file ``config``. Where neither says anything, options on
    record are taken.

    Raises:
        ValueError: If the options do not name one study, or it cannot be read.
        OSError: If a file cannot be read.
    """
    from lcstop.review.review import options_of

    given = {} if config is None else load_config(config).model_dump(exclude_unset=True)
    given |= {
        name: value for name, value in (("horizon", horizon), ("confidence", confidence)) if value is not None
    }
    if (storage is None) == (results is None):
        raise ValueError("--storage URL or --results FOLDER says where the study is; give one of them")
    found: RecordedStudy
    if results is not None:
        read_folder = adapters.provided_by("ray", "study_reader")
        found = read_folder(results, metric, mode, horizon=given.get("horizon"))
    else:
        read_storage = adapters.provided_by("optuna", "study_reader")
        found = read_storage(storage, study, given.get("horizon"))
    return found, options_of(found, given)


@contextmanager
def trial_progress(n_trials: int) -> Iterator[Callable[[], None]]:
    """A progress display; the function that it gives is called when a trial is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        bar = progress.add_task("trials", total=n_trials)
        yield lambda: progress.advance(bar)
