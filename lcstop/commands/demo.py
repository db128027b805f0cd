"""``lcstop demo``: compares a search with pruning to the same search without."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lcstop.commands import adapters
from lcstop.commands.common import Json, errors, print_json


def _installed(engine: str) -> str:
    if engine not in adapters.names():
        known = ", ".join(map(repr, adapters.names()))
        raise typer.BadParameter(f"{engine!r} is not one of {known}.")
    return engine


def demo(
    engine: Annotated[
        str,
        typer.Option(
            metavar="[optuna|ray]",
            callback=_installed,
            autocompletion=adapters.names,
            help="Framework that runs the search.",
        ),
    ] = "optuna",
    storage: Annotated[
        str | None, typer.Option(help="Optuna storage URL or Ray results folder; by default a temporary one.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the plot and the report.")] = Path("demo-output"),
    trials: Annotated[int, typer.Option(min=1, help="Number of trials.")] = 60,
    epochs: Annotated[int, typer.Option(min=3, help="Number of epochs of a full trial.")] = 40,
    as_json: Json = False,
) -> None:
    """Tune a network on handwritten digits, with and without pruning, and compare.

    Example: lcstop demo --json
    """
    run_demo = adapters.provided_by(engine, "demo_runner", extra=f"demo,{engine}")
    result = run_demo(storage=storage, out=out, n_trials=trials, n_epochs=epochs, console=errors)
    if as_json:
        print_json(result.as_dict())
    else:
        Console().print(result.table())
