"""All figures of a benchmark of searches, as a dictionary for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean, stdev
from typing import Any

import numpy as np

from lcstop._utils.seeds import stable_seed
from lcstop.benchmark.regret import FAILURE, geometric_mean
from lcstop.benchmark.search_figures import Searches, SearchFigures
from lcstop.benchmark.search_record import SearchRecord
from lcstop.benchmark.settings import OURS, Setting, is_stock
from lcstop.benchmark.summary import ALL, NO_STOPPING, columns_of
from lcstop.curves.curve import Target
from lcstop.simulation.task import Array, Task

RecordsByTask = Mapping[tuple[str, str], Sequence[SearchRecord]]
"""Records by names of task and setting, one per seed."""

_N_RESAMPLES = 200
"""Resamples of the seeds, for standard errors of times sooner."""

_MEANS = ("share", "regret", "excess", "worse", "worse_by_a_point", "kept", "seconds")
"""Figures whose mean over tasks is shown."""


def summarise(
    tasks: Sequence[Task], settings: Sequence[Setting], results: RecordsByTask, target: Target
) -> dict[str, Any]:
    """The figures of every setting, on each task and over all tasks.

    Args:
        tasks: The tasks.
        settings: The settings; they must include :data:`lcstop.benchmark.summary.NO_STOPPING`.
        results: All records.
        target: ``best`` or ``final``: the value that counts.
    """
    cells, luck = dict[tuple[str, str], SearchFigures](), dict[str, float]()
    resampled = dict[tuple[str, str], Array]()
    for task in tasks:
        reference = Searches(task, results[task.name, NO_STOPPING], target)
        luck[task.name] = reference.worse_than_itself()
        for setting in settings:
            searches = Searches(task, results[task.name, setting.name], target)
            cells[task.name, setting.name] = searches.figures(reference)
            # The same seeds are drawn for all settings of a task, so that their errors can be compared.
            drawn = _resamples(task.name, len(results[task.name, setting.name]))
            resampled[task.name, setting.name] = searches.sooner(reference, drawn)
    scopes = {ALL: list(tasks)}
    for task in tasks:
        scopes.setdefault(task.family, []).append(task)
    summaries = [_scope(name, part, settings, cells, luck, resampled) for name, part in scopes.items()]
    return {
        "tasks": [_describe(task) | {"worse_than_itself": luck[task.name]} for task in tasks],
        "settings": [_setting(setting) for setting in settings],
        "scopes": summaries,
        "shown": columns_of(settings, summaries[0]["best_stock"]),
        "cells": [
            {"task": task, "setting": setting, **asdict(cell)} for (task, setting), cell in cells.items()
        ],
    }


def line_of(setting: Setting) -> str:
    """Name of the line of a setting in the picture: its rule with all options but the last, which varies.

    Example:
        >>> line_of(Setting("optuna", "sha", {"reduction_factor": 2, "min_resource": "8%"}))
        'optuna.sha:reduction_factor=2'
        >>> line_of(Setting("lcstop", options={"keep": "safe"})), line_of(Setting("lcstop"))
        ('lcstop', 'lcstop')
    """
    options = dict(list(setting.options.items())[:-1])
    return Setting(setting.source, setting.rule, options).name


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "setting": setting.name,
        "source": setting.source,
        "line": line_of(setting),
        "default": setting.default,
    }


def _describe(task: Task) -> dict[str, Any]:
    return {
        "task": task.name,
        "family": task.family,
        "configurations": task.n_distinct,
        "horizon": task.horizon,
        "direction": task.direction,
        "best": task.best_value,
        "best_final": task.best_final_value,
        "start": task.start_value,
    }


def _scope(
    name: str,
    tasks: Sequence[Task],
    settings: Sequence[Setting],
    cells: Mapping[tuple[str, str], SearchFigures],
    luck: Mapping[str, float],
    resampled: Mapping[tuple[str, str], Array],
) -> dict[str, Any]:
    rows = [
        _row(setting, [cells[task.name, setting.name] for task in tasks])
        | {"sooner_error": _error([resampled[task.name, setting.name] for task in tasks])}
        for setting in settings
    ]
    stock = [row for row in rows if is_stock(row["source"])]
    return {
        "scope": name,
        "tasks": [task.name for task in tasks],
        "worse_than_itself": fmean(luck[task.name] for task in tasks),
        "best_stock": max(stock, key=lambda row: row["sooner"], default={"setting": None})["setting"],
        "settings": sorted(rows, key=lambda row: (row["source"] != OURS, row["source"], row["share"])),
    }


def _resamples(name: str, n_seeds: int) -> Array:
    """Weights of the seeds in random resamples of them, ``[_N_RESAMPLES, n_seeds]``."""
    rng = np.random.default_rng(stable_seed("resamples", name, n_seeds))
    return rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), _N_RESAMPLES) / n_seeds


def _error(sooner: Sequence[Array]) -> float:
    """Standard error of the geometric mean over tasks, by resampling the seeds of each task."""
    log = np.mean([np.log(np.where(times > 0, times, FAILURE)) for times in sooner], axis=0)
    return float(np.exp(log).std())


def _row(setting: Setting, cells: Sequence[SearchFigures]) -> dict[str, Any]:
    sooner = [cell.sooner for cell in cells]
    excess = [cell.excess for cell in cells]
    return {
        "setting": setting.name,
        "source": setting.source,
        **{name: fmean(getattr(cell, name) for cell in cells) for name in _MEANS},
        "excess_error": stdev(excess) / math.sqrt(len(excess)) if len(excess) > 1 else math.nan,
        "stopped": sum(cell.stopped for cell in cells),
        "sooner": geometric_mean(sooner),
        "worst": min(sooner),
        "failures": sum(times == 0 for times in sooner),
    }
