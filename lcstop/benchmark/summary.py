"""All figures of a benchmark, as a dictionary for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean, median
from typing import Any

import numpy as np

from lcstop.benchmark.regret import Figures, figures, geometric_mean, regrets
from lcstop.benchmark.replay_work import OutcomesByTask
from lcstop.benchmark.settings import LIMITS, OURS, Setting, is_stock
from lcstop.curves.curve import Target
from lcstop.pruning.audit import exact_interval
from lcstop.simulation.loop import MILESTONES, Outcome, replay_budget
from lcstop.simulation.task import Task

NO_STOPPING = f"{LIMITS}.none"
"""The reference setting. It is part of every benchmark."""

SEARCHES, ALL = "searches", "all tasks"
"""Names of the scopes that are not families: all tasks that are not small, and all tasks."""

_POINTS = 200
"""Maximum number of points of a curve of mean regret in the summary."""

Cells = Mapping[tuple[str, str], Figures]


def summarise(
    tasks: Sequence[Task], settings: Sequence[Setting], results: OutcomesByTask, target: Target, workers: int
) -> dict[str, Any]:
    """The figures of every setting, on each task and over all tasks.

    Args:
        tasks: The tasks.
        settings: The settings; they must include :data:`NO_STOPPING`.
        results: All outcomes.
        target: ``best`` or ``final``: the value that counts.
        workers: Number of trials that ran in parallel.
    """
    cells = {
        (task.name, setting.name): figures(
            task,
            results[task.name, setting.name],
            results[task.name, NO_STOPPING],
            target,
            replay_budget(task, workers),
        )
        for task in tasks
        for setting in settings
    }
    scopes = [_scope(name, part, settings, cells) for name, part in scopes_of(tasks).items()]
    shown = columns_of(settings, scopes[0]["best_stock"])
    return {
        "tasks": [_describe(task, replay_budget(task, workers)) for task in tasks],
        "settings": [
            {"setting": s.name, "source": s.source, "rule": s.rule_name, "default": s.default}
            for s in settings
        ],
        "scopes": scopes,
        "shown": shown,
        "cells": [
            {"task": task, "setting": setting, **asdict(cell)} for (task, setting), cell in cells.items()
        ],
        "regret": {
            task.name: {name: _regret(task, results[task.name, name], target, workers) for name in shown}
            for task in tasks
        },
    }


def scopes_of(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """Tasks of each scope: the tasks that are not small, all tasks, and each family."""
    scopes = {SEARCHES: [task for task in tasks if not task.is_small], ALL: list(tasks)}
    for task in tasks:
        scopes.setdefault(task.family, []).append(task)
    return {name: part for name, part in scopes.items() if part}


def columns_of(settings: Sequence[Setting], best_stock: str | None) -> list[str]:
    """The settings of the table by task: ours, the best stock setting, defaults, and the limits."""
    ours = [s.name for s in settings if s.source == OURS]
    defaults = [s.name for s in settings if is_stock(s.source) and s.default]
    limits = [s.name for s in settings if s.name in (NO_STOPPING, f"{LIMITS}.clairvoyant")]
    return list(dict.fromkeys([*ours, *([best_stock] if best_stock else []), *defaults, *limits]))


def _regret(task: Task, outcomes: Sequence[Outcome], target: Target, workers: int) -> list[float]:
    """Mean regret at evenly spaced epochs of the budget, the first and the last included."""
    budget = replay_budget(task, workers)
    mean = regrets(task, outcomes, target, budget).mean(0)
    points = np.linspace(0, budget - 1, min(_POINTS, budget)).round().astype(int)
    return [float(f"{y:.6g}") for y in mean[points]]


def _describe(task: Task, budget: int) -> dict[str, Any]:
    return {
        "task": task.name,
        "family": task.family,
        "counts": not task.is_small,
        "trials": task.n_trials,
        "configurations": task.n_distinct,
        "horizon": task.horizon,
        "budget": budget,
        "direction": task.direction,
        "best": task.best_value,
        "best_final": task.best_final_value,
        "start": task.start_value,
    }


def _scope(name: str, tasks: Sequence[Task], settings: Sequence[Setting], cells: Cells) -> dict[str, Any]:
    speed_ups = {s.name: [cells[task.name, s.name].speed_up for task in tasks] for s in settings}
    rows = [
        {
            "setting": s.name,
            **_averages(speed_ups[s.name]),
            **_kills(cells[task.name, s.name] for task in tasks),
        }
        | {
            "regret_ratio": median(cells[task.name, s.name].regret_ratio for task in tasks),
            "worse_regret": sum(_is_worse(cells[task.name, s.name]) for task in tasks),
            "seen": [
                _median_seen(cells[task.name, s.name].seen[i] for task in tasks)
                for i in range(len(MILESTONES))
            ],
            "milliseconds": fmean(cells[task.name, s.name].milliseconds for task in tasks),
        }
        for s in settings
    ]
    stock = [s for s in settings if is_stock(s.source)]
    ours = [s for s in settings if s.source == OURS]
    return {
        "scope": name,
        "tasks": [task.name for task in tasks],
        "settings": sorted(rows, key=lambda row: -row["geometric_mean"]),
        "best_stock": max((s.name for s in stock), key=lambda s: geometric_mean(speed_ups[s]), default=None),
        "hindsight": _hindsight(stock, speed_ups),
        "duels": [
            {"setting": one.name, "against": other.name, **_duel(speed_ups[one.name], speed_ups[other.name])}
            for one in ours
            for other in settings
            if other.name != one.name
        ],
    }


def _averages(speed_ups: Sequence[float]) -> dict[str, Any]:
    return {
        "mean": fmean(speed_ups),
        "geometric_mean": geometric_mean(speed_ups),
        "worst": min(speed_ups),
        "failures": sum(speed_up == 0 for speed_up in speed_ups),
    }


def _median_seen(shares: Iterable[float | None]) -> float | None:
    middle = median(math.inf if share is None else share for share in shares)
    return middle if math.isfinite(middle) else None


def _kills(cells: Iterable[Figures]) -> dict[str, Any]:
    pairs = [(cell.killed, cell.wrong) for cell in cells]
    killed, wrong = sum(k for k, _ in pairs), sum(w for _, w in pairs)
    low, high = exact_interval(wrong, killed)
    return {"killed": killed, "wrong": wrong, "wrong_low": low, "wrong_high": high}


def _is_worse(cell: Figures) -> bool:
    """Whether the final regret exceeds that of no stopping by more than one standard error."""
    return cell.regret_excess > cell.regret_error


def _hindsight(stock: Sequence[Setting], speed_ups: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """Speed-ups of each stock rule, and of all stock rules, with the best setting of each task."""
    groups = {"any stock rule": [s.name for s in stock]} if stock else {}
    for setting in stock:
        groups.setdefault(setting.rule_name, []).append(setting.name)
    best = {
        rule: [max(column) for column in zip(*(speed_ups[name] for name in names), strict=True)]
        for rule, names in groups.items()
    }
    return [{"rule": rule, "settings": len(groups[rule]), **_averages(best[rule])} for rule in best]


def _duel(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, int]:
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "won": sum(a > b for a, b in pairs),
        "tied": sum(a == b for a, b in pairs),
        "lost": sum(a < b for a, b in pairs),
    }
