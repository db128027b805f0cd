"""The work of ``lcstop bench --sampler``: from its options to files and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from lcstop._utils.progress import count_progress
from lcstop._utils.summary_file import write_summary
from lcstop.benchmark.replay_work import finish
from lcstop.benchmark.run_benchmark import OWN_SOURCES, RunAll, executor, read_tasks, used
from lcstop.benchmark.search_pictures import draw
from lcstop.benchmark.search_space import SearchSpace
from lcstop.benchmark.search_summary import summarise
from lcstop.benchmark.search_table import tables
from lcstop.benchmark.search_work import SamplerName, Searcher, plan, record_store, run_unit
from lcstop.benchmark.settings import RuleSources, parse
from lcstop.benchmark.summary import NO_STOPPING
from lcstop.curves.curve import Target
from lcstop.simulation.task import Task


@dataclass(frozen=True)
class SearchOptions:
    """The options of a benchmark of searches.

    Attributes:
        curves: A file of recorded curves, or a folder of such files.
        policies: Names of settings, as for :func:`lcstop.benchmark.settings.parse`.
        sampler: Name of the sampler.
        trials: Number of trials of each search.
        seeds: Number of searches of each task, each with another seed of the sampler.
        workers: Number of trials that run in parallel.
        min_configs: Minimum number of distinct configurations of a task.
        jobs: Number of processes.
        tasks: Pattern of the names of tasks, such as ``lcbench/*``.
        target: ``best`` or ``final``: the value that counts.
        grid: Whether a rule without options stands for all settings of its grid.
        seed: The first seed.
        engine: Framework that searches.
    """

    curves: Path
    policies: Sequence[str]
    sampler: SamplerName = "tpe"
    trials: int = 100
    seeds: int = 20
    workers: int = 1
    min_configs: int = 200
    jobs: int = 1
    tasks: str = "*"
    target: Target = "best"
    grid: bool = True
    seed: int = 0
    engine: str = "optuna"


def run(
    options: SearchOptions,
    out: Path,
    console: Console,
    adapters: RuleSources,
    searcher: Searcher,
    run_all: RunAll | None = None,
) -> dict[str, Any]:
    """Search every task under every policy. Writes ``searches.jsonl``, a summary and figures into ``out``.

    Args:
        options: The options.
        out: Folder of the files. Searches of earlier commands in it are reused.
        console: Prints progress and notes.
        adapters: Sources of the rules of the frameworks.
        searcher: Runs the searches.
        run_all: Runs the units; by default processes of this computer.

    Returns:
        The content of the summary file (``searches-tpe-100.json`` for the sampler ``tpe`` and 100 trials).

    Raises:
        ValueError: If an option is wrong, or a file cannot be used.
        OSError: If a file cannot be read or written, or a process dies.
    """
    sources = {**OWN_SOURCES, **adapters}
    settings = parse([*options.policies, NO_STOPPING], options.grid, sources)
    tasks = _tasks(options)
    seeds = range(options.seed, options.seed + options.seeds)
    units = plan(
        tasks, settings, searcher, options.sampler, options.target, options.trials, options.workers, seeds
    )
    store = record_store(out / "searches.jsonl")
    with executor(options.jobs, run_all) as run_units, count_progress(console) as progress:
        bar = progress.add_task("searches", total=sum(len(unit.seeds) for unit in units))
        results = finish(
            units, run_unit, store, run_units, lambda unit: progress.advance(bar, len(unit.seeds))
        )
    summary = summarise(tasks, settings, results, options.target)
    name = name_of(options)
    write_summary(summary, used(options), out / f"{name}.json", lambda: draw(summary, out, name), console)
    return summary


def show(summary: dict[str, Any], console: Console) -> None:
    """Print the tables of a summary."""
    for table in tables(summary):
        console.print(table)


def name_of(options: SearchOptions) -> str:
    """Name of the files of a benchmark, without suffix. It differs by all options but policies and seeds.

    Example:
        >>> name_of(SearchOptions(Path("."), []))
        'searches-tpe-100'
        >>> name_of(SearchOptions(Path("."), [], sampler="random", trials=30, target="final"))
        'searches-random-30-final'
        >>> name_of(SearchOptions(Path("."), [], engine="ray", workers=4))
        'searches-ray-tpe-100-4-workers'
    """
    parts = ["searches", *([] if options.engine == "optuna" else [options.engine])]
    parts += [options.sampler, str(options.trials)]
    if options.target != "best":
        parts.append(options.target)
    if options.workers != 1:
        parts.append(f"{options.workers}-workers")
    return "-".join(parts)


def _tasks(options: SearchOptions) -> list[Task]:
    """The tasks that are large enough, and have hyperparameters if they are to be proposed."""
    tasks = read_tasks(options.curves, options.tasks)
    large = [
        task
        for task in tasks
        if task.n_distinct >= options.min_configs
        and (options.sampler == "shuffle" or SearchSpace.of(task).columns)
    ]
    if not large:
        raise ValueError(
            f"no task in {options.curves} that matches {options.tasks!r} has hyperparameters and at least "
            f"{options.min_configs} configurations, which a search needs"
        )
    return large
