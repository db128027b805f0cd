"""The work of ``lcstop evaluate``: from its options to files and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from lcstop._utils.process_pool import worker_processes
from lcstop._utils.progress import count_progress
from lcstop._utils.summary_file import write_summary
from lcstop.curves.packs import find_packs, read_pack
from lcstop.evaluation.cases import ForecastTask, pack_task, prior_task
from lcstop.evaluation.figures import draw
from lcstop.evaluation.forecast_work import evaluate, plan, score_store
from lcstop.evaluation.specs import fingerprint, load
from lcstop.evaluation.summary import summarise
from lcstop.evaluation.table import tables
from lcstop.evaluation.timing import latencies


def run(
    surrogates: Sequence[str],
    sources: Sequence[str],
    n_curves: int,
    limits: Sequence[str],
    jobs: int,
    seed: int,
    out: Path,
    console: Console,
) -> dict[str, Any]:
    """Score surrogates on sources. Writes ``results.jsonl``, ``evaluation.json`` and figures into ``out``.

    Args:
        surrogates: Names as for :func:`lcstop.evaluation.specs.load`. The first is the reference.
        sources: Each one is ``prior``, ``prior:LENGTH`` or ``curves:PATH``.
        n_curves: Number of curves of the prior, and maximum number of curves of each pack.
        limits: Each one is ``SURROGATE=CURVES``, a lower number of curves for a slow surrogate.
        jobs: Number of processes.
        seed: Seed of the curves of the prior and of the sample of recorded ones.
        out: Folder of the files. Scores of earlier commands in it are reused.
        console: Prints progress and notes.

    Returns:
        The content of ``evaluation.json``.

    Raises:
        ValueError: If an option is wrong, or a file cannot be used.
        OSError: If a file cannot be read or written, or a process dies.
    """
    surrogates = list(dict.fromkeys(surrogates))
    max_curves = _parse_limits(limits, surrogates)
    for surrogate in surrogates:
        load(surrogate)  # fails before the others have run for hours
    fingerprints = {surrogate: fingerprint(surrogate) for surrogate in surrogates}
    tasks = _tasks(sources, n_curves, seed)
    work = plan(tasks, fingerprints, max_curves)
    store = score_store(out / "results.jsonl")
    with worker_processes(jobs) as pool:
        with count_progress(console, "curves") as progress:
            bars = {
                name: progress.add_task(name, total=sum(item.surrogate == name for item in work))
                for name in surrogates
            }
            results = evaluate(work, store, pool, lambda item: progress.advance(bars[item.surrogate]))
        times = latencies(surrogates, pool)
    summary = summarise(tasks, surrogates, results)
    summary["surrogates"] = fingerprints
    summary["latency"] = {surrogate: asdict(latency) for surrogate, latency in times.items()}
    config = {
        "surrogates": surrogates,
        "on": list(sources),
        "curves": n_curves,
        "limits": max_curves,
        "jobs": jobs,
        "seed": seed,
    }
    write_summary(summary, config, out / "evaluation.json", lambda: draw(summary, out), console)
    return summary


def show(summary: dict[str, Any], console: Console) -> None:
    """Print the tables of a summary."""
    for table in tables(summary):
        console.print(table)


def _tasks(sources: Sequence[str], n_curves: int, seed: int) -> list[ForecastTask]:
    tasks: dict[str, ForecastTask] = {}
    for source in sources:
        for task in _tasks_of(source, n_curves, seed):
            if task.name in tasks:
                raise ValueError(f"--on names {task.name} twice")
            tasks[task.name] = task
    return list(tasks.values())


def _tasks_of(source: str, n_curves: int, seed: int) -> list[ForecastTask]:
    kind, _, argument = source.partition(":")
    if kind == "prior" and (not argument or argument.isdecimal()):
        return [prior_task(n_curves, seed, *([int(argument)] if argument else []))]
    if kind == "curves" and argument:
        return [pack_task(read_pack(*found), n_curves, seed) for found in find_packs(Path(argument))]
    raise ValueError(f"--on must be prior, prior:LENGTH or curves:PATH, got {source!r}")


def _parse_limits(limits: Sequence[str], surrogates: Sequence[str]) -> dict[str, int]:
    max_curves = {}
    for limit in limits:
        name, _, count = limit.partition("=")
        if name not in surrogates or not count.isdecimal():
            raise ValueError(f"--limit must be SURROGATE=CURVES for one of the surrogates, got {limit!r}")
        max_curves[name] = int(count)
    return max_curves
