"""``lcstop bench``: replays recorded studies against stopping rules."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcstop.commands import adapters
from lcstop.commands.common import Json, errors, print_json, split_words, table_console
from lcstop.curves.curve import Target

if TYPE_CHECKING:
    from lcstop.benchmark.settings import RuleSources


def bench(
    curves: Annotated[
        Path, typer.Option(envvar="LCSTOP_CURVES", help="Recorded curves: a file, or a folder of them.")
    ],
    policies: Annotated[
        str, typer.Option(help="Separated by commas: a source, optuna.sha, lcstop:confidence=0.99, ...")
    ] = "lcstop,optuna,ray,limits",
    orders: Annotated[int, typer.Option(min=1, help="Random orders of each task.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Trials that run at a time.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for results and pictures.")] = Path("runs/bench"),
    tasks: Annotated[str, typer.Option(help="Only tasks with a name like this, such as 'taskset/*'.")] = "*",
    target: Annotated[Target, typer.Option(help="Best value of any run, or of finished runs.")] = "best",
    grid: Annotated[bool, typer.Option(help="Run each rule over its grid, not only at its defaults.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of the orders.")] = 0,
    on_ray: Annotated[bool, typer.Option("--ray", help="Spread the work over a Ray cluster.")] = False,
    as_json: Json = False,
) -> None:
    """Replay recorded studies against stopping policies; run again to go on after a kill.

    Finished replays are kept in OUT and found again by the policy's name, options, weights and version and
    by the study. After a change of a policy's code take another folder.

    Example: lcstop bench --curves PATH --orders 20 --jobs 2 --out runs/bench
    """
    from lcstop.benchmark import run_benchmark

    options = run_benchmark.BenchmarkOptions(
        curves, split_words(policies), orders, workers, jobs, tasks, target, grid, seed
    )
    sources: RuleSources = {
        name: partial(adapters.provided_by, name, "rule_source", needed_by=name) for name in adapters.names()
    }
    run_all = adapters.provided_by("ray", "executor", needed_by="--ray") if on_ray else None
    summary = run_benchmark.run(options, out, errors, sources, run_all)
    if as_json:
        print_json(summary)
    else:
        run_benchmark.show(summary, table_console(160))
        typer.echo(f"all figures and pictures: {out}")
