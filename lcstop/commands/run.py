"""``lcstop run``: a whole search from one YAML file."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lcstop.commands import adapters
from lcstop.commands.common import Json, errors, print_json
from lcstop.config.search_config import SearchConfig, SearchResult
from lcstop.config.yaml_file import read_yaml


def run(
    file: Annotated[Path, typer.Argument(metavar="SEARCH", help="Such as configs/search.yaml.")],
    as_json: Json = False,
) -> None:
    """Run a search that a YAML file describes; run again to go on after a kill or an interrupt.

    The file names the objective (a generator that yields the metric after every step), the space, the
    sampler, the storage, the number of trials, the direction and the options of the pruner, and chooses
    Optuna or Ray Tune. A search goes on only with the configuration that it was begun with; with Optuna,
    n_trials may grow.

    Exit codes: 0 all trials have ended, 1 the objective failed in some, 2 a mistake in the file,
    130 interrupted. After 1 and 130 the same command goes on.

    Examples:

    lcstop run configs/search.yaml

    lcstop run search.yaml --json > result.json
    """
    config = read_yaml(file, SearchConfig)
    sys.path.insert(0, str(Path.cwd()))  # where `python -m` looks for modules, and a console script does not
    run_search = adapters.provided_by(config.engine, "search_runner")
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what the objective prints is no figure of ours
            result: SearchResult = run_search(config, errors)
    except KeyboardInterrupt:
        errors.print("lcstop: interrupted; the same command goes on", style="red", highlight=False)
        raise typer.Exit(130) from None
    if as_json:
        print_json(result.as_dict())
    else:
        Console().print(_table(result))
    if result.n_failed:
        raise typer.Exit(1)


def _table(result: SearchResult) -> Table:
    saved = 1 - result.steps / result.steps_unpruned if result.steps_unpruned else 0.0
    table = Table(
        title=f"{result.study}: {result.n_trials} trials", caption=result.storage, show_header=False
    )
    table.add_row("stopped early", str(result.n_stopped))
    if result.n_failed:
        table.add_row("failed in this run", str(result.n_failed), style="red")
    table.add_row("steps", f"{result.steps:,} of {result.steps_unpruned:,} ({saved:.0%} saved)")
    table.add_row("time of this run", f"{result.seconds:.1f} s", end_section=True)
    if result.best is not None:
        table.add_row(f"best {result.metric}", f"{result.best:.6g} (trial {result.best_trial})")
        for name, value in result.best_params.items():
            table.add_row(name, f"{value:.6g}" if isinstance(value, float) else str(value))
    return table
