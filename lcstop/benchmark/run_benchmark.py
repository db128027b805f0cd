"""The work of ``lcstop bench``: from its options to files and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from lcstop._utils.process_pool import map_as_completed, worker_processes
from lcstop._utils.progress import count_progress
from lcstop._utils.summary_file import write_summary
from lcstop.benchmark import lcstop_rule, reference_rules
from lcstop.benchmark.pictures import draw
from lcstop.benchmark.readers import read_packs
from lcstop.benchmark.replay_work import finish, outcome_store, plan, run_unit
from lcstop.benchmark.settings import LIMITS, OURS, RuleSources, parse
from lcstop.benchmark.summary import NO_STOPPING, summarise
from lcstop.benchmark.table import tables
from lcstop.curves.curve import Target
from lcstop.simulation.task import Task

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

RunAll = Callable[..., Iterator[tuple[Any, Any]]]
"""Applies a function to items, in any order; see :func:`lcstop._utils.process_pool.map_as_completed`."""

OWN_SOURCES: RuleSources = {OURS: lambda: lcstop_rule.RULES, LIMITS: lambda: reference_rules.RULES}
"""Sources of rules that need no framework."""


@dataclass(frozen=True)
class BenchmarkOptions:
    """The options of a benchmark.

    Attributes:
        curves: A file of recorded curves, or a folder of such files.
        policies: Names of settings, as for :func:`lcstop.benchmark.settings.parse`.
        orders: Number of random orders of each task.
        workers: Number of trials that run in parallel.
        jobs: Number of processes.
        tasks: Pattern of the names of tasks, such as ``lcbench/*``.
        target: ``best`` or ``final``: the value that counts.
        grid: Whether a rule without options stands for all settings of its grid.
        seed: Seed of the orders.
        resume_cost: Epochs that it costs to take up a trial that has waited.
    """

    curves: Path
    policies: Sequence[str]
    orders: int = 20
    workers: int = 1
    jobs: int = 1
    tasks: str = "*"
    target: Target = "best"
    grid: bool = True
    seed: int = 0
    resume_cost: float = 0.0


def run(
    options: BenchmarkOptions,
    out: Path,
    console: Console,
    adapters: RuleSources,
    run_all: RunAll | None = None,
) -> dict[str, Any]:
    """Replay every task under every policy. Writes ``results.jsonl``, a summary and figures into ``out``.

    Args:
        options: The options.
        out: Folder of the files. Outcomes of earlier commands in it are reused.
        console: Prints progress and notes.
        adapters: Sources of the rules of the frameworks.
        run_all: Runs the units; by default processes of this computer.

    Returns:
        The content of the summary file (``bench.json`` for one worker and the target ``best``).

    Raises:
        ValueError: If an option is wrong, or a file cannot be used.
        OSError: If a file cannot be read or written, or a process dies.
    """
    sources = {**OWN_SOURCES, **adapters}
    settings = parse([*options.policies, NO_STOPPING], options.grid, sources)
    tasks = read_tasks(options.curves, options.tasks)
    units = plan(
        tasks,
        settings,
        sources,
        options.target,
        options.workers,
        options.seed,
        options.orders,
        options.resume_cost,
    )
    store = outcome_store(out / "results.jsonl")
    with executor(options.jobs, run_all) as run_units, count_progress(console) as progress:
        bar = progress.add_task("replays", total=sum(len(unit.orders) for unit in units))
        results = finish(
            units, run_unit, store, run_units, lambda unit: progress.advance(bar, len(unit.orders))
        )
    summary = summarise(tasks, settings, results, options.target, options.workers)
    name = name_of(options)
    write_summary(summary, used(options), out / f"{name}.json", lambda: draw(summary, out, name), console)
    return summary


def show(summary: dict[str, Any], console: Console) -> None:
    """Print the tables of a summary."""
    for table in tables(summary):
        console.print(table)


def name_of(options: BenchmarkOptions) -> str:
    """Name of the files of a benchmark, without suffix. It differs by target and workers.

    Example:
        >>> name_of(BenchmarkOptions(Path("."), []))
        'bench'
        >>> name_of(BenchmarkOptions(Path("."), [], workers=4, target="final"))
        'bench-final-4-workers'
    """
    parts = ["bench"]
    if options.target != "best":
        parts.append(options.target)
    if options.workers != 1:
        parts.append(f"{options.workers}-workers")
    if options.resume_cost:
        parts.append(f"resume-{options.resume_cost:g}")
    return "-".join(parts)


def used(options: DataclassInstance) -> dict[str, Any]:
    """The options that the results of a benchmark depend on, by name."""
    return {name: value for name, value in asdict(options).items() if name not in ("curves", "jobs")}


def read_tasks(curves: Path, pattern: str) -> list[Task]:
    """The tasks of a file or a folder whose names match a pattern.

    Raises:
        ValueError: If there is none, two have the same name, or a file is damaged.
        OSError: If a file cannot be read.
    """
    tasks = [Task.from_pack(pack) for pack in read_packs(curves) if fnmatch(pack.name, pattern)]
    if not tasks:
        raise ValueError(f"no task in {curves} has a name that matches {pattern!r}")
    names = [task.name for task in tasks]
    if duplicates := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{curves} has several tasks named {', '.join(sorted(duplicates))}")
    return tasks


@contextmanager
def executor(jobs: int, run_all: RunAll | None) -> Iterator[RunAll]:
    """What runs the units: ``run_all``, or processes of this computer if it is None."""
    if run_all is not None:
        yield run_all
    else:
        with worker_processes(jobs) as pool:
            yield partial(map_as_completed, pool)
