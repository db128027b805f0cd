"""The tables of ``lcstop bench --sampler``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from lcstop.benchmark.regret import FAILURE
from lcstop.benchmark.search_figures import GOAL_TRIALS
from lcstop.benchmark.summary import ALL
from lcstop.benchmark.table import empty_table, times


def tables(summary: Mapping[str, Any]) -> Sequence[Table]:
    """The table over all tasks, and the one by task.

    Args:
        summary: Result of :func:`lcstop.benchmark.search_summary.summarise`, with ``config`` added.
    """
    (scope,) = (scope for scope in summary["scopes"] if scope["scope"] == ALL)
    return [_over_tasks(summary, scope), _by_task(summary)]


def _over_tasks(summary: Mapping[str, Any], scope: Mapping[str, Any]) -> Table:
    config = summary["config"]
    n = min(GOAL_TRIALS, config["trials"])
    table = empty_table(
        f"Searches of {config['trials']} trials over {len(scope['tasks'])} tasks: sampler "
        f"{config['sampler']}, {config['seeds']} seeds, {config['workers']} "
        f"{'worker' if config['workers'] == 1 else 'workers'}, target {config['target']}",
        "setting",
        "share of\nepochs",
        "regret\nat the end",
        "more than\nwithout",
        "searches\nworse",
        "worse by\na point",
        "best trial\nkept",
        "times\nsooner",
        "worst",
        "failures",
        "seconds a\nsearch",
        caption=(
            "regret: in % of the way from the start to the best value; more than without: than the same seed "
            "without a pruner, with the standard error over tasks; worse: than the same seed without a "
            f"pruner (no pruner against itself with other seeds, by a point: {scope['worse_than_itself']:.0%}"
            "); kept: no stop has lost the best value of the trials at full length; times sooner: to the "
            f"regret of {n} trials without a pruner, geometric mean, with its standard error over seeds; "
            f"failures: tasks on which that is never reached, they count as {FAILURE}"
        ),
    )
    for row in scope["settings"]:
        table.add_row(
            row["setting"],
            f"{row['share']:.2f}",
            f"{100 * row['regret']:.1f}",
            f"{100 * row['excess']:+.1f}{_error(row['excess_error'])}",
            f"{row['worse']:.0%}",
            f"{row['worse_by_a_point']:.0%}",
            f"{row['kept']:.0%}",
            f"{times(row['sooner'])}±{row['sooner_error']:.2f}",
            times(row["worst"]),
            str(row["failures"]),
            f"{row['seconds']:.2g}",
        )
    return table


def _error(error: float) -> str:
    return f"±{100 * error:.1f}" if math.isfinite(error) else ""


def _by_task(summary: Mapping[str, Any]) -> Table:
    cells = {(cell["task"], cell["setting"]): cell for cell in summary["cells"]}
    names = summary["shown"]
    heads = [name.replace(".", "\n", 1).replace(":", "\n") for name in names]
    table = empty_table("Times sooner, and regret at the end, by task", "task", *heads)
    for task in summary["tasks"]:
        row = [cells[task["task"], name] for name in names]
        table.add_row(task["task"], *(f"{times(cell['sooner'])} {100 * cell['regret']:.1f}" for cell in row))
    return table
