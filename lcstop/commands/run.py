"""``lcstop run``: runs a search described by a YAML file."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from lcstop.commands import adapters
from lcstop.commands.common import Json, errors, print_json

if TYPE_CHECKING:
    from lcstop.config.search_config import SearchResult


def run(
    file: Annotated[Path, typer.Argument(metavar="SEARCH", help="A YAML file, such as configs/search.yaml.")],
    as_json: Json = False,
) -> None:
    """Run a search described by a YAML file. Run the same command again to resume after an interruption.

    The file has the objective (a generator that yields the metric after every step), the space, the sampler,
    the storage, the number of trials, the direction, the options of the pruner, and the engine: Optuna or Ray
    Tune. A search can only be resumed with an unchanged file; with Optuna, n_trials may be increased.

    Exit codes: 0 all trials have ended, 1 the objective failed in some trials, 2 a mistake in the file,
    130 interrupted. After 1 and 130 the same command resumes the search.

    Examples:

    lcstop run configs/search.yaml

    lcstop run search.yaml --json > result.json
    """
    from lcstop.config.search_config import SearchConfig
    from lcstop.config.yaml_file import read_yaml

    config = read_yaml(file, SearchConfig)
    sys.path.insert(0, str(Path.cwd()))  # as for `python -m`, for the module of the objective
    run_search = adapters.provided_by(config.engine, "search_runner")
    try:
        with contextlib.redirect_stdout(
            sys.stderr
        ):  # stdout has only our result, not the output of the objective
            result: SearchResult = run_search(config, errors)
    except KeyboardInterrupt:
        errors.print(
            "lcstop: interrupted; run the same command again to resume", style="red", highlight=False
        )
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
