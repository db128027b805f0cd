"""The work units of a benchmark, their execution, and the store of their outcomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from lcstop._utils.result_store import ResultStore
from lcstop.benchmark.settings import RuleSources, Setting
from lcstop.curves.curve import Target
from lcstop.simulation.loop import Outcome, Policy, replay, replay_budget
from lcstop.simulation.task import ReplayStudy, Task

OutcomesByTask = dict[tuple[str, str], list[Outcome]]
"""Outcomes by names of task and setting, one per order."""

_CHUNK = 5
"""Orders or seeds per unit. Larger units lose more when they are killed. Smaller ones add overhead."""


@dataclass(frozen=True)
class ReplayUnit:
    """Some orders of one task under one setting.

    Attributes:
        task: The task to replay.
        setting: The setting of the policy.
        build: Builds the policy. A function at module level, so that it can be pickled.
        target: Target of a policy that depends on it.
        workers: Number of trials that run in parallel.
        seed: Seed of the orders.
        orders: Numbers of the orders.
        key: Hash of everything the outcomes depend on.
        resume_cost: As in :func:`lcstop.simulation.loop.replay`.
    """

    task: Task
    setting: Setting
    build: Callable[[Setting, ReplayStudy], Policy]
    target: Target
    workers: int
    seed: int
    orders: tuple[int, ...]
    key: str
    resume_cost: float = 0.0


def plan(
    tasks: Sequence[Task],
    settings: Sequence[Setting],
    sources: RuleSources,
    target: Target,
    workers: int,
    seed: int,
    n_orders: int,
    resume_cost: float = 0.0,
) -> list[ReplayUnit]:
    """All units of a benchmark.

    Args:
        tasks: The tasks to replay.
        settings: The settings to replay them with.
        sources: Sources of the rules.
        target: ``best`` or ``final``.
        workers: Number of trials that run in parallel.
        seed: Seed of the orders.
        n_orders: Number of orders of each task.
        resume_cost: As in :func:`lcstop.simulation.loop.replay`.

    Raises:
        ValueError: If a setting has an option that is not allowed, or its policy cannot be built.
    """
    chunks = in_chunks(range(n_orders))
    units = []
    for setting in settings:
        source = sources[setting.source]()
        fingerprint = source.fingerprint(setting)
        # Policies that ignore the target share their outcomes between targets.
        goal: Target = target if setting.by_target else "best"
        for task in tasks:
            source.build(setting, ReplayStudy(task, range(task.n_trials), goal, "a check"))
            parts = [fingerprint, task.digest, goal, workers, seed]
            parts += [resume_cost] if resume_cost else []  # stored outcomes keep their keys
            units += [
                ReplayUnit(
                    task,
                    setting,
                    source.build,
                    goal,
                    workers,
                    seed,
                    orders,
                    hash_of([*parts, orders]),
                    resume_cost,
                )
                for orders in chunks
            ]
    return units


def in_chunks(numbers: Sequence[int]) -> list[tuple[int, ...]]:
    """Orders or seeds, by unit."""
    return [tuple(numbers[start : start + _CHUNK]) for start in range(0, len(numbers), _CHUNK)]


def run_unit(unit: ReplayUnit) -> list[Outcome]:
    """Replay a unit. Returns one outcome per order."""
    task, budget = unit.task, replay_budget(unit.task, unit.workers)
    outcomes = []
    for number in unit.orders:
        order = task.order(number, unit.seed).tolist()
        study = ReplayStudy(task, order, unit.target, f"{task.name} {unit.seed} {number}")
        policy = unit.build(unit.setting, study)
        outcomes.append(replay(task, number, unit.seed, policy, unit.workers, budget, unit.resume_cost))
    return outcomes


def outcome_store(path: Path) -> ResultStore[Outcome]:
    """The store of outcomes in a file.

    Args:
        path: A ``.jsonl`` file. It is created if it does not exist.

    Raises:
        ValueError: If a line other than the last is damaged.
        OSError: If the file cannot be read or written.
    """
    return ResultStore(path, "outcomes", Outcome.to_json, Outcome.from_json)


class Unit(Protocol):
    """Work that is stored under a key. :class:`ReplayUnit` is one."""

    @property
    def task(self) -> Task:
        """The recorded study."""
        ...

    @property
    def setting(self) -> Setting:
        """The setting of the rule."""
        ...

    @property
    def key(self) -> str:
        """Hash of everything the results depend on."""
        ...


AnyUnit = TypeVar("AnyUnit", bound=Unit)
Result = TypeVar("Result")


def finish(
    units: Sequence[AnyUnit],
    run_unit: Callable[[AnyUnit], list[Result]],
    store: ResultStore[Result],
    run_all: Callable[
        [Callable[[AnyUnit], list[Result]], Iterable[AnyUnit]], Iterator[tuple[AnyUnit, list[Result]]]
    ],
    report: Callable[[AnyUnit], None],
) -> dict[tuple[str, str], list[Result]]:
    """Run the units that are not in the store. Returns the results of all units by names of task and setting.

    A result depends only on its unit. So all but the measured seconds are the same in any process.

    Args:
        units: The units of a plan.
        run_unit: Runs one unit. A function at module level, so that it can be pickled.
        store: Stores the results of each unit at once.
        run_all: Applies a function to items, in any order, as
            :func:`lcstop._utils.process_pool.map_as_completed` does.
        report: Called with each unit that was in the store or has been finished.
    """
    missing = []
    for unit in units:
        if unit.key in store:
            report(unit)
        else:
            missing.append(unit)
    for unit, done in run_all(run_unit, missing):
        store.add(unit.key, done, task=unit.task.name, setting=unit.setting.name)
        report(unit)
    results: dict[tuple[str, str], list[Result]] = {}
    for unit in units:
        results.setdefault((unit.task.name, unit.setting.name), []).extend(store[unit.key])
    return results


def hash_of(parts: object) -> str:
    """A hash of ``parts``, which JSON can hold."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
