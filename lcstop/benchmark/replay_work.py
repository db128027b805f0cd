"""The work of a benchmark: what is to be replayed, where finished work is kept, who does the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lcstop._utils.result_store import ResultStore
from lcstop.benchmark.settings import RuleSources, Setting
from lcstop.curves.curve import Target
from lcstop.simulation.loop import Outcome, Policy, budget_of, replay
from lcstop.simulation.task import ReplayStudy, Task

OutcomesByTask = dict[tuple[str, str], list[Outcome]]
"""Outcomes by name of task and setting, one for each order."""

_CHUNK = 5
"""Orders of a unit: what a kill can cost, against what it takes to hand one out."""


@dataclass(frozen=True)
class ReplayUnit:
    """Some orders of one task under one setting.

    Attributes:
        task: What is replayed.
        setting: By what.
        build: Makes the policy; a function of a module, so that other processes find it.
        target: What a policy that asks is told to go for.
        workers: Trials that run at a time.
        seed: Of the orders.
        orders: Numbers of the orders.
        key: Hash of all that the outcomes depend on.
    """

    task: Task
    setting: Setting
    build: Callable[[Setting, ReplayStudy], Policy]
    target: Target
    workers: int
    seed: int
    orders: tuple[int, ...]
    key: str


def plan(
    tasks: Sequence[Task],
    settings: Sequence[Setting],
    sources: RuleSources,
    target: Target,
    workers: int,
    seed: int,
    n_orders: int,
) -> list[ReplayUnit]:
    """All units of a benchmark.

    Raises:
        ValueError: If a setting has an option that is not allowed, or no policy can be made of it.
    """
    chunks = [tuple(range(start, min(start + _CHUNK, n_orders))) for start in range(0, n_orders, _CHUNK)]
    units = []
    for setting in settings:
        source = sources[setting.source]()
        fingerprint = source.fingerprint(setting)
        asked: Target = target if setting.by_target else "best"
        for task in tasks:
            source.build(setting, ReplayStudy(task, range(task.n_trials), asked, "a check"))
            parts = [fingerprint, task.digest, asked, workers, seed]
            units += [
                ReplayUnit(task, setting, source.build, asked, workers, seed, orders, _hash([*parts, orders]))
                for orders in chunks
            ]
    return units


def run_unit(unit: ReplayUnit) -> list[Outcome]:
    """Replay the orders of a unit."""
    task, budget = unit.task, budget_of(unit.task, unit.workers)
    outcomes = []
    for number in unit.orders:
        order = task.order(number, unit.seed).tolist()
        study = ReplayStudy(task, order, unit.target, f"{task.name} {unit.seed} {number}")
        policy = unit.build(unit.setting, study)
        outcomes.append(replay(task, number, unit.seed, policy, unit.workers, budget))
    return outcomes


def outcome_store(path: Path) -> ResultStore[Outcome]:
    """The outcomes in a file.

    Raises:
        ValueError: If a line other than the last is damaged.
        OSError: If the file cannot be read or written.
    """
    return ResultStore(path, "outcomes", Outcome.to_json, Outcome.from_json)


def finish(
    units: Sequence[ReplayUnit],
    store: ResultStore[Outcome],
    run_all: Callable[
        [Callable[[ReplayUnit], list[Outcome]], Iterable[ReplayUnit]],
        Iterator[tuple[ReplayUnit, list[Outcome]]],
    ],
    report: Callable[[ReplayUnit], None],
) -> OutcomesByTask:
    """Do what of ``units`` is not in ``store`` yet, and return the outcomes of all of them.

    Outcomes, seconds apart, do not depend on who works: each replay depends on nothing but its unit.

    Args:
        units: From :func:`plan`.
        store: Keeps each unit as soon as it is finished.
        run_all: Applies a function to items, in any order, as
            :func:`lcstop._utils.process_pool.map_as_completed` does.
        report: Told of every unit that was in the store or has been finished.
    """
    missing = []
    for unit in units:
        if unit.key in store:
            report(unit)
        else:
            missing.append(unit)
    for unit, outcomes in run_all(run_unit, missing):
        store.add(unit.key, outcomes, task=unit.task.name, setting=unit.setting.name)
        report(unit)
    results: OutcomesByTask = {}
    for unit in units:
        results.setdefault((unit.task.name, unit.setting.name), []).extend(store[unit.key])
    return results


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
