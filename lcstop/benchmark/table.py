"""The tables that ``lcstop bench`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from lcstop.benchmark.regret import FAILURE
from lcstop.benchmark.settings import OURS, is_stock
from lcstop.benchmark.summary import ALL, SEARCHES
from lcstop.simulation.loop import MILESTONES
from lcstop.simulation.task import MIN_CONFIGURATIONS


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """The table of speed-ups by task, and tables of the figures over tasks.

    Args:
        summary: Result of :func:`lcstop.benchmark.summary.summarise`, with ``config`` added.
    """
    scopes = {scope["scope"]: scope for scope in summary["scopes"]}
    shown = [scopes[name] for name in (SEARCHES, ALL) if name in scopes]
    if len(shown) == 2 and shown[0]["tasks"] == shown[1]["tasks"]:
        shown.pop()
    return [_by_task(summary), *(_over_tasks(summary, scope) for scope in reversed(shown))]


def empty_table(title: str, *columns: str, caption: str | None = None) -> Table:
    """A table without rows. The first column is aligned to the left, the others to the right."""
    table = Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left", no_wrap=not i, overflow="fold")
    return table


def _by_task(summary: Mapping[str, Any]) -> Table:
    columns = summary["shown"]
    cells = {(cell["task"], cell["setting"]): cell for cell in summary["cells"]}
    stock = [s["setting"] for s in summary["settings"] if is_stock(s["source"])]
    config = summary["config"]
    title = (
        f"Speed-up by task: {config['orders']} orders, {config['workers']} "
        f"{'worker' if config['workers'] == 1 else 'workers'}, target {config['target']}"
    )
    heads = [column.replace(".", "\n", 1).replace(":", "\n") for column in columns]
    if stock:
        heads.append("stock, in\nhindsight")
    table = empty_table(
        title, "task", *heads, caption=f"* fewer than {MIN_CONFIGURATIONS} distinct configurations"
    )
    for task in summary["tasks"]:
        name = task["task"]
        row = [times(cells[name, column]["speed_up"]) for column in columns]
        if stock:
            row.append(times(max(cells[name, setting]["speed_up"] for setting in stock)))
        table.add_row(name if task["counts"] else f"{name} *", *row)
    return table


def _over_tasks(summary: Mapping[str, Any], scope: Mapping[str, Any]) -> Table:
    n = len(scope["tasks"])
    ours = [s["setting"] for s in summary["settings"] if s["source"] == OURS]
    duels = {(duel["against"], duel["setting"]): duel for duel in scope["duels"]}
    title = (
        "Over all tasks"
        if scope["scope"] == ALL
        else f"Over the {n} tasks of at least {MIN_CONFIGURATIONS} configurations"
    )
    table = empty_table(
        title,
        "setting",
        "geometric\nmean",
        "mean",
        "worst",
        "failures",
        "regret\nratio",
        "worse\nregret",
        "wrong kills",
        *(f"share for\n{n} seen" for n in MILESTONES),
        "ms an\nepoch",
        *(f"beaten by\n{_short(name)}" for name in ours),
        caption=(
            "failures: tasks on which the regret of no stopping is never reached; "
            f"they count as {FAILURE} in the geometric mean; "
            "regret ratio: final regret divided by that of no stopping, median; "
            "worse regret: tasks on which it is higher by more than one standard error; "
            "wrong kills: share of stopped trials that would have beaten the incumbent, with 95 % interval; "
            "share for n seen: epochs until n trials had ended, divided by the epochs without stopping, "
            "median, empty if above the budget"
        ),
    )
    for row in scope["settings"]:
        won = [duels.get((row["setting"], name)) for name in ours]
        table.add_row(
            row["setting"],
            *_means(row),
            f"{row['regret_ratio']:.2f}",
            str(row["worse_regret"]),
            _share(row),
            *("" if share is None else f"{share:.2f}" for share in row["seen"]),
            f"{row['milliseconds']:.2g}",
            *(f"{duel['won']} of {n}" if duel else "" for duel in won),
        )
    table.add_section()
    for row in scope["hindsight"]:
        table.add_row(f"{row['rule']}, best of {row['settings']} in hindsight", *_means(row))
    return table


def _means(row: Mapping[str, Any]) -> Sequence[str]:
    return [*(times(row[name]) for name in ("geometric_mean", "mean", "worst")), str(row["failures"])]


def _share(row: Mapping[str, Any]) -> str:
    if not row["killed"]:
        return ""
    share, low, high = row["wrong"] / row["killed"], row["wrong_low"], row["wrong_high"]
    return f"{share:.1%} [{low:.1%}, {high:.1%}]"


def times(speed_up: float) -> str:
    """A speed-up with two digits; 0 for a failure."""
    return f"{speed_up:.2f}" if speed_up else "0"


def _short(name: str) -> str:
    """The name of a setting as the header of a narrow column."""
    return name.replace(":", "\n")
