"""``lcstop report``: writes an HTML page about a recorded study."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from lcstop.commands.common import Json, print_json
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
    Target,
    Upper,
    progress,
    read_study,
)


def report(
    storage: Storage = None,
    study: StudyName = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="File of the page.")] = Path("report.html"),
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
    as_json: Json = False,
) -> None:
    """Write an HTML page about a study: savings, curves, and the reason of each stop.

    The page is a single file and needs no network. For a study that ran without lcstop it shows what lcstop
    would have done.

    Examples:

    lcstop report --storage sqlite:///study.db --study tuning -o report.html

    lcstop report --results ~/ray_results/search --mode max
    """
    from lcstop.plots import write_page
    from lcstop.review import Review
    from lcstop.review.table import summary

    try:
        importlib.import_module("plotly")  # fails before the work if it is missing
    except ModuleNotFoundError as error:
        raise ValueError(f"this command needs {error.name}: pip install 'lcstop[plot]'") from error
    options = {
        "horizon": horizon,
        "keep": keep,
        "confidence": confidence,
        "target": target,
        "lower": lower,
        "upper": upper,
    }
    found = read_study(storage, study, results, metric, mode, config, options)
    out.parent.mkdir(parents=True, exist_ok=True)  # fails before the work
    with progress("trials", len(found.study.trials)) as advance:
        review = Review.of(found.study, found.config, report=advance)
    write_page(review, out)
    figures = summary(review)
    if as_json:
        print_json({**figures, "page": str(out)})
    else:
        typer.echo(f"{figures['study']}: {figures['summary']}")
        typer.echo(f"report: {out}")
