"""``lcstop predict``: forecasts the rest of a curve."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from lcstop.commands.common import Json, errors, print_json
from lcstop.commands.study_options import Mode, ResultsFolder, Storage, StudyName, read_study

if TYPE_CHECKING:
    from lcstop.curves.curve import Curve


def predict(
    file: Annotated[
        Path, typer.Argument(metavar="CSV", help="File of the curve, with a header line; - reads stdin.")
    ],
    horizon: Annotated[
        float | None, typer.Option(min=1, help="Last step of a full trial; by default that of the study.")
    ] = None,
    direction: Annotated[
        Literal["maximize", "minimize"] | None,
        typer.Option(help="Whether higher or lower values are better; by default as in the study."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Column of the values, and metric of --results; optional if there is only one."),
    ] = None,
    step: Annotated[
        str | None, typer.Option(help="Column of the steps; by default step, epoch, ... or the row number.")
    ] = None,
    lower: Annotated[float | None, typer.Option(help="Lowest possible value of the metric.")] = None,
    upper: Annotated[float | None, typer.Option(help="Highest possible value of the metric.")] = None,
    incumbent: Annotated[
        float | None, typer.Option(help="Value to beat; adds the probability of beating it.")
    ] = None,
    other: Annotated[
        list[Path] | None,
        typer.Option(help="CSV of another trial, for the range of good values; may be repeated."),
    ] = None,
    storage: Storage = None,
    study: StudyName = None,
    results: ResultsFolder = None,
    mode: Mode = None,
    surrogate: Annotated[str, typer.Option(help="Surrogate that makes the forecast.")] = "lcpfn",
    out: Annotated[
        Path | None,
        typer.Option(
            help="File of the plot: .png, .pdf or .svg; by default forecast.png, and none with --json."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict the rest of a learning curve. Prints a sparkline and a table, and writes a plot.

    With --json it prints the figures alone, and writes a plot only to --out.

    An empty field is a step without a report. nan and inf are diverged reports. A forecast needs the range of
    good values: a bound of the metric, the value to beat, or the curve of another trial.

    With a study (--storage or --results) the curve is that of one more trial: it is compared with the others,
    and the forecast agrees with its chance to beat the best so far.

    Examples:

    lcstop predict curve.csv --horizon 50 --metric val_acc --direction maximize --upper 1

    cat curve.csv | lcstop predict - --horizon 50 --direction minimize --lower 0 --json

    lcstop predict curve.csv --storage sqlite:///study.db --study tuning
    """
    if any(given is not None for given in (storage, study, results, mode)):
        if direction is not None or incumbent is not None or other:
            raise ValueError(
                "a study has its own direction, best so far and other trials: leave out --direction, "
                "--incumbent and --other"
            )
        from lcstop.commands.study_prediction import predict_in_study

        # The metric of a folder of Ray is the column of the curve.
        named = metric if results is not None else None
        options = {"horizon": horizon, "lower": lower, "upper": upper}
        found = read_study(storage, study, results, named, mode, None, options)
        curve = _read(file, found.study.horizon, metric, step)
        prediction = predict_in_study(curve, found.study, found.config, surrogate)
    else:
        from lcstop.commands.prediction import predict_curve

        for name, value in (("horizon", horizon), ("direction", direction)):
            if value is None:
                raise ValueError(f"--{name} is missing: give it, or a study by --storage or --results")
        assert horizon is not None
        assert direction is not None
        curve = _read(file, horizon, metric, step)
        others = [_read(path, horizon, metric, step, is_whole=True) for path in other or ()]
        prediction = predict_curve(
            curve, direction, metric or "value", lower, upper, incumbent, surrogate, others
        )
    if as_json:
        print_json(prediction.as_dict())
    else:
        console = Console()
        console.print(prediction.sparkline(console.width, console.options.ascii_only))
        console.print(prediction.table())
        if prediction.reason:
            reason = f"as a trial of the study: {prediction.reason}"
            console.print(reason, highlight=False, markup=False)
    if out is None:
        if as_json:
            return
        out = Path("forecast.png")
    try:
        prediction.draw(out)
    except ImportError:
        errors.print("no plot written: it needs matplotlib; pip install 'lcstop[plot]'", markup=False)
    else:
        errors.print(f"plot: {out}", highlight=False, markup=False)


def _read(
    file: Path, horizon: float, metric: str | None, step: str | None, *, is_whole: bool = False
) -> Curve:
    """The curve in a CSV file, or on stdin."""
    from lcstop.commands.curve_csv import read_curve

    if str(file) == "-":
        name, content = "stdin", sys.stdin.buffer.read()
    else:
        name, content = str(file), file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8 text") from error
    return read_curve(text, name, horizon, metric, step, is_whole=is_whole)
