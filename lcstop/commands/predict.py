"""``lcstop predict``: the rest of one curve."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lcstop.commands.common import Json, errors, print_json
from lcstop.commands.curve_csv import read_curve
from lcstop.curves.curve import Direction


def predict(
    file: Annotated[Path, typer.Argument(metavar="CSV", help="Curve with a header line; - reads stdin.")],
    horizon: Annotated[float, typer.Option(min=1, help="Last step that the trial would reach.")],
    direction: Annotated[Direction, typer.Option(help="Which values are better.")],
    metric: Annotated[str | None, typer.Option(help="Column of the values; optional if only one.")] = None,
    step: Annotated[
        str | None, typer.Option(help="Column of the steps; by default step, epoch, ... or the row's number.")
    ] = None,
    lower: Annotated[float | None, typer.Option(help="Least possible value of the metric.")] = None,
    upper: Annotated[float | None, typer.Option(help="Greatest possible value of the metric.")] = None,
    incumbent: Annotated[float | None, typer.Option(help="A value to beat.")] = None,
    surrogate: Annotated[str, typer.Option(help="What predicts.")] = "lcpfn",
    out: Annotated[Path, typer.Option(help="The picture; .png, .pdf or .svg.")] = Path("forecast.png"),
    as_json: Json = False,
) -> None:
    """Predict the rest of a learning curve: a table, a line of bars, and a picture.

    An empty field is a step without a report; nan and inf are diverged reports. Bounds of the metric, where
    there are any, make the forecast better.

    Examples:

    lcstop predict curve.csv --horizon 50 --metric val_acc --direction maximize --upper 1

    cat curve.csv | lcstop predict - --horizon 50 --direction minimize --json
    """
    from lcstop.commands.prediction import predict_curve

    if str(file) == "-":
        name, content = "stdin", sys.stdin.buffer.read()
    else:
        name, content = str(file), file.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8 text") from error
    curve = read_curve(text, name, horizon, metric, step)
    found = predict_curve(curve, direction, metric or "value", lower, upper, incumbent, surrogate)
    if as_json:
        print_json(found.as_dict())
    else:
        console = Console()
        console.print(found.sparkline(console.width, console.options.ascii_only))
        console.print(found.table())
    try:
        found.draw(out)
    except ImportError:
        errors.print("no picture: it needs matplotlib, pip install 'lcstop[plot]'", markup=False)
    else:
        errors.print(f"picture: {out}", highlight=False, markup=False)
