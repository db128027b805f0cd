"""``lcstop bench``: replays recorded studies under stopping policies."""

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
        Path, typer.Option(envvar="LCSTOP_CURVES", help="Recorded curves: a file or a folder of files.")
    ],
    policies: Annotated[
        str, typer.Option(help="Policies, separated by commas: optuna, ray.asha, lcstop:confidence=0.99, ...")
    ] = "lcstop,optuna,ray,limits",
    orders: Annotated[int, typer.Option(min=1, help="Number of random orders of each task.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Number of trials that run in parallel.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for results and plots.")] = Path("runs/bench"),
    tasks: Annotated[str, typer.Option(help="Pattern of the names of tasks, such as 'taskset/*'.")] = "*",
    target: Annotated[
        Target, typer.Option(help="Value that counts: the best of any report, or of final values.")
    ] = "best",
    grid: Annotated[
        bool, typer.Option(help="Run each rule with all settings of its grid, not only with its defaults.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the orders.")] = 0,
    on_ray: Annotated[bool, typer.Option("--ray", help="Run the work on a Ray cluster.")] = False,
    as_json: Json = False,
) -> None:
    """Replay recorded studies under stopping policies. Run the same command again to resume.

    Finished replays are stored in OUT. They are reused for the same study and the same policy: name, options,
    weights and version. After a change of a policy's code choose another folder.

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
        typer.echo(f"all figures and plots: {out}")
