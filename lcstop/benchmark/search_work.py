"""The work units of a benchmark of searches, and what runs them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lcstop._utils.result_store import ResultStore
from lcstop.benchmark.replay_work import hash_of, in_chunks
from lcstop.benchmark.search_record import Run, SearchRecord
from lcstop.benchmark.settings import Setting
from lcstop.curves.curve import Target
from lcstop.simulation.task import Task

SamplerName = Literal["tpe", "random", "shuffle"]
"""``shuffle`` runs the recorded trials in a random order, the same as in a replay of that number."""


@dataclass(frozen=True)
class SearchUnit:
    """Searches of one task under one setting, one for each seed.

    Attributes:
        task: The recorded study.
        setting: The rule that stops trials.
        search: Runs one search. A function at module level, so that it can be pickled.
        sampler: Name of the sampler.
        target: Target of a rule that depends on it.
        n_trials: Trials of each search.
        workers: Number of trials that run in parallel.
        seeds: Seeds of the sampler.
        key: Hash of everything the records depend on.
    """

    task: Task
    setting: Setting
    search: Callable[[SearchUnit, int], SearchRecord]
    sampler: SamplerName
    target: Target
    n_trials: int
    workers: int
    seeds: tuple[int, ...]
    key: str


SearchedTrial = Generator[None, None, Run]
"""A trial that runs: it yields after each epoch but the last, and returns how it has run."""


def run_in_turn(trials: Iterator[SearchedTrial], workers: int) -> list[Run]:
    """Run trials, as many at once as there are workers, which train one epoch each in turn.

    Args:
        trials: The trials. Each is created when a worker is free.
        workers: Number of trials that run in parallel.
    """
    runs, running = dict[int, Run](), list[tuple[int, SearchedTrial] | None]([None] * workers)
    waiting, busy = enumerate(trials), True
    while busy:
        busy = False
        for worker in range(workers):
            current = running[worker] or next(waiting, None)
            running[worker] = current
            if current is None:
                continue
            busy = True
            number, trial = current
            try:
                next(trial)
            except StopIteration as ended:
                runs[number], running[worker] = ended.value, None
    return [run for _, run in sorted(runs.items())]


@dataclass(frozen=True)
class Searcher:
    """What runs searches: a framework with its samplers, provided by an adapter.

    Attributes:
        search: Runs the search of a unit with one of its seeds. A function at module level, so that it can
            be pickled.
        check: Raises ValueError if the setting of a unit cannot be used on its task.
        fingerprint: Everything that the searches of a setting depend on beside the task, as text.
    """

    search: Callable[[SearchUnit, int], SearchRecord]
    check: Callable[[SearchUnit], None]
    fingerprint: Callable[[Setting], str]


def plan(
    tasks: Sequence[Task],
    settings: Sequence[Setting],
    searcher: Searcher,
    sampler: SamplerName,
    target: Target,
    n_trials: int,
    workers: int,
    seeds: Sequence[int],
) -> list[SearchUnit]:
    """All units of a benchmark.

    Args:
        tasks: The tasks to search.
        settings: The rules that stop trials.
        searcher: What runs the searches.
        sampler: Name of the sampler.
        target: ``best`` or ``final``.
        n_trials: Trials of each search; fewer where a task has fewer.
        workers: Number of trials that run in parallel.
        seeds: Seeds of the sampler.

    Raises:
        ValueError: If a setting cannot be used.
    """
    chunks = in_chunks(seeds)
    units = []
    for setting in settings:
        # Rules that ignore the target share their records between targets.
        goal: Target = target if setting.by_target else "best"
        fingerprint = searcher.fingerprint(setting)
        for task in tasks:
            parts = ["search", fingerprint, task.digest, sampler, goal, n_trials, workers]
            found = [
                SearchUnit(
                    task,
                    setting,
                    searcher.search,
                    sampler,
                    goal,
                    n_trials,
                    workers,
                    chunk,
                    hash_of([*parts, chunk]),
                )
                for chunk in chunks
            ]
            searcher.check(found[0])
            units += found
    return units


def run_unit(unit: SearchUnit) -> list[SearchRecord]:
    """Run the searches of a unit. Returns one record per seed."""
    return [unit.search(unit, seed) for seed in unit.seeds]


def record_store(path: Path) -> ResultStore[SearchRecord]:
    """The store of records in a file.

    Args:
        path: A ``.jsonl`` file. It is created if it does not exist.

    Raises:
        ValueError: If a line other than the last is damaged.
        OSError: If the file cannot be read or written.
    """
    return ResultStore(path, "searches", SearchRecord.to_json, SearchRecord.from_json)
