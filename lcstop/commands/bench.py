"""``lcstop bench``: replays recorded studies under stopping policies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from lcstop.commands import adapters
from lcstop.commands.common import Json, errors, print_json, split_words, table_console

if TYPE_CHECKING:
    from lcstop.benchmark.settings import RuleSources


def bench(
    curves: Annotated[
        Path, typer.Option(envvar="LCSTOP_CURVES", help="Recorded curves: a file or a folder of files.")
    ],
    policies: Annotated[
        str | None,
        typer.Option(
            help="Policies, separated by commas: optuna, ray.asha, lcstop:keep=0.8, ...",
            show_default="lcstop,optuna,ray,limits; of a search lcstop and the rules of the engine",
        ),
    ] = None,
    sampler: Annotated[
        Literal["order", "tpe", "random", "shuffle"],
        typer.Option(
            help="What proposes the next trial. order: random orders of the recorded trials, for a fixed "
            "budget. shuffle: the same orders, for a fixed number of trials. tpe, random: Optuna's samplers."
        ),
    ] = "order",
    engine: Annotated[
        str,
        typer.Option(
            help="Framework of the search: optuna, or ray for OptunaSearch. Not with --sampler order."
        ),
    ] = "optuna",
    orders: Annotated[
        int, typer.Option(min=1, help="Number of random orders of each task, with --sampler order.")
    ] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Number of trials that run in parallel.")] = 1,
    trials: Annotated[
        int, typer.Option(min=1, help="Number of trials of a search, not with --sampler order.")
    ] = 100,
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of searches of each task, not with --sampler order.")
    ] = 20,
    min_configs: Annotated[
        int,
        typer.Option(
            min=2, help="Configurations that a task needs to be searched, not with --sampler order."
        ),
    ] = 200,
    jobs: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for results and plots.")] = Path("runs/bench"),
    tasks: Annotated[str, typer.Option(help="Pattern of the names of tasks, such as 'taskset/*'.")] = "*",
    target: Annotated[
        Literal["best", "final"],
        typer.Option(help="Value that counts: the best of any report, or of final values."),
    ] = "best",
    grid: Annotated[
        bool, typer.Option(help="Run each rule with all settings of its grid, not only with its defaults.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the orders; the first seed of searches.")] = 0,
    resume_cost: Annotated[
        float,
        typer.Option(
            min=0, help="Epochs that it costs to take up a trial that has waited, with --sampler order."
        ),
    ] = 0.0,
    on_ray: Annotated[bool, typer.Option("--ray", help="Run the work on a Ray cluster.")] = False,
    as_json: Json = False,
) -> None:
    """Replay recorded studies under stopping policies. Run the same command again to resume.

    Finished replays are stored in OUT. They are reused for the same study and the same policy: name, options,
    weights and version. After a change of a policy's code choose another folder.

    With --sampler tpe or random, Optuna searches each recorded study: its sampler proposes hyperparameters,
    the nearest recorded trial that has not run yet runs, and the real pruner stops it. With shuffle, Optuna
    runs the recorded trials in a random order. With --engine ray, Ray Tune's OptunaSearch proposes, and the
    schedulers of Ray Tune stop the trials.

    Example: lcstop bench --curves PATH --sampler tpe --jobs 2 --out runs/bench
    """
    names = split_words(
        policies or ("lcstop,optuna,ray,limits" if sampler == "order" else f"lcstop,{engine}")
    )
    sources: RuleSources = {
        name: partial(adapters.provided_by, name, "rule_source", needed_by=name) for name in adapters.names()
    }
    run_all = adapters.provided_by("ray", "executor", needed_by="--ray") if on_ray else None
    show: Callable[[dict[str, Any], Console], None]
    if sampler == "order":
        from lcstop.benchmark import run_benchmark

        options = run_benchmark.BenchmarkOptions(
            curves, names, orders, workers, jobs, tasks, target, grid, seed, resume_cost
        )
        summary = run_benchmark.run(options, out, errors, sources, run_all)
        show = run_benchmark.show
    elif resume_cost:
        raise ValueError(f"--resume-cost goes with --sampler order, got {resume_cost:g} with {sampler}")
    else:
        from lcstop.benchmark import run_searches

        searcher = adapters.provided_by(engine, "searcher", needed_by=f"--engine {engine}")
        search_options = run_searches.SearchOptions(
            curves,
            names,
            sampler,
            trials,
            seeds,
            workers,
            min_configs,
            jobs,
            tasks,
            target,
            grid,
            seed,
            engine,
        )
        summary = run_searches.run(search_options, out, errors, sources, searcher, run_all)
        show = run_searches.show
    if as_json:
        print_json(summary)
    else:
        show(summary, table_console(160))
        typer.echo(f"all figures and plots: {out}")
