"""The tables that ``lcstop evaluate`` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from lcstop.evaluation.cases import LABELS
from lcstop.evaluation.summary import LEVELS, PACKS, scopes_of
from lcstop.evaluation.timing import BATCH

_MEASURES = {"log_likelihood": "log-lik.", "crps": "CRPS", "error": "MAE", "unit_error": "unit MAE"}


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """The tables of an evaluation, without empty ones.

    Args:
        summary: Result of :func:`lcstop.evaluation.summary.summarise`, with ``surrogates`` and ``latency``.
    """
    surrogates = list(summary["surrogates"])
    made = [
        _prior(summary, surrogates),
        _standings(summary),
        _coverage(summary, surrogates),
        _paired(summary, surrogates),
        _packs(summary, surrogates),
        _seconds(summary, surrogates),
        _not_scored(summary),
    ]
    return [table for table in made if table.row_count]


def _table(title: str, *columns: str, text_columns: int = 1) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < text_columns else "right")
    return table


def _number(value: float, digits: int = 3) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.{digits}f}" if abs(value) < 1e4 else f"{value:.1e}"


def _mean(mean: Mapping[str, Any], digits: int = 3) -> str:
    error = _number(mean["error"], digits)
    return _number(mean["mean"], digits) + (f" ±{error}" if error else "")


def _time(seconds: float | None) -> str:
    if seconds is None or math.isnan(seconds):
        return ""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def _prior(summary: Mapping[str, Any], surrogates: Sequence[str]) -> Table:
    title = "Curves of the prior: mean log-likelihood of all unseen points ± standard error (curves)"
    table = _table(title, "curves", "observed", *surrogates)
    families = {task["task"]: task["family"] for task in summary["tasks"]}
    cells = {(cell["task"], cell["cutoff"], cell["surrogate"]): cell for cell in summary["cells"]}
    for task in (name for name, family in families.items() if family == "prior"):
        for label in (label for label in LABELS if (task, label, surrogates[0]) in cells):
            means = [cells[task, label, surrogate]["log_likelihood"] for surrogate in surrogates]
            table.add_row(task, label, *(f"{_mean(mean)} ({mean['n']})" for mean in means))
        table.add_section()
    return table


def _standings(summary: Mapping[str, Any]) -> Table:
    columns = [f"{name}\n{what}" for name in _MEASURES.values() for what in ("rank", "won")]
    title = "Average rank over tasks (1 is best) and share of tasks won, over all cutoffs"
    table = _table(title, "on", "tasks", "of", "surrogate", *columns, text_columns=4)
    last = None
    order = scopes_of(summary["tasks"])
    shown = (row for row in summary["standings"] if row["scope"] in order)
    for row in sorted(shown, key=lambda row: order.index(row["scope"])):
        if last not in (None, (row["scope"], row["among"])):
            table.add_section()
        last = row["scope"], row["among"]
        figures = []
        for measure in _MEASURES:
            standing = row.get(measure)
            figures += [f"{standing['rank']:.2f}", f"{standing['won']:.0%}"] if standing else ["", ""]
        n_tasks = max(row[measure]["tasks"] for measure in _MEASURES if measure in row)
        table.add_row(row["scope"], str(n_tasks), str(row["among"]), row["surrogate"], *figures)
    return table


def _coverage(summary: Mapping[str, Any], surrogates: Sequence[str]) -> Table:
    title = "Coverage of the central intervals at the horizon, % ± standard error"
    table = _table(title, "on", "surrogate", *(f"{level:.0%}" for level in LEVELS), "cases", text_columns=2)
    rows = {(row["scope"], row["surrogate"]): row for row in summary["calibration"]}
    for scope in scopes_of(summary["tasks"]):
        for surrogate in surrogates:
            row = rows[scope, surrogate]
            covered = [row[f"coverage_{level:.0%}"] for level in LEVELS]
            percent = [{"mean": 100 * c["mean"], "error": 100 * c["error"]} for c in covered]
            table.add_row(scope, surrogate, *(_mean(c, 1) for c in percent), str(row["cases"]))
        table.add_section()
    return table


def _paired(summary: Mapping[str, Any], surrogates: Sequence[str]) -> Table:
    title = f"Log-likelihood of {surrogates[0]} minus that of another surrogate, same cases, ± standard error"
    labels = [label.replace(" ", "\n") for label in LABELS]
    table = _table(title, "on", "minus", "all", *labels, text_columns=2)
    rows = {(row["scope"], row["surrogate"], row["cutoff"]): row for row in summary["paired"]}
    for scope in scopes_of(summary["tasks"]):
        for other in surrogates[1:]:
            found = [rows.get((scope, other, label)) for label in LABELS]
            by_cutoff = [_number(row["log_likelihood"]["mean"], 2) if row else "" for row in found]
            table.add_row(scope, other, _mean(rows[scope, other, "all"]["log_likelihood"], 2), *by_cutoff)
        table.add_section()
    return table


def _packs(summary: Mapping[str, Any], surrogates: Sequence[str]) -> Table:
    main = surrogates[0]
    title = f"By pack: coverage of the 90 % interval of {main}, and its log-likelihood minus another's"
    table = _table(
        title, "pack", "curves", "left out", "90%", *(f"minus {other}" for other in surrogates[1:])
    )
    calibration = {(row["scope"], row["surrogate"]): row for row in summary["calibration"]}
    paired = {(row["scope"], row["surrogate"]): row for row in summary["paired"] if row["cutoff"] == "all"}
    for task in summary["tasks"]:
        if task["family"] == "prior" or not task["curves"]:
            continue
        name = task["task"]
        differences = [_mean(paired[name, other]["log_likelihood"], 2) for other in surrogates[1:]]
        coverage = f"{100 * calibration[name, main]['coverage_90%']['mean']:.0f}"
        left_out = str(sum(task["left_out"].values()))
        table.add_row(name, str(task["curves"]), left_out, coverage, *differences)
    return table


def _seconds(summary: Mapping[str, Any], surrogates: Sequence[str]) -> Table:
    columns = (
        "forecasts",
        "mean",
        "median",
        f"times {surrogates[0]}",
        "one step,\nalone",
        f"one step,\n{BATCH} at once",
    )
    table = _table("Time of a forecast on one thread", "on", "surrogate", *columns, text_columns=2)
    shown = {task["task"] for task in summary["tasks"] if task["family"] == "prior"} | {PACKS}
    # A latency does not depend on the scope, so only the first row of a surrogate has it.
    latencies = dict(summary["latency"])
    for row in (row for row in summary["seconds"] if row["scope"] in shown):
        latency = latencies.pop(row["surrogate"], {})
        table.add_row(
            row["scope"],
            row["surrogate"],
            str(row["forecasts"]),
            _time(row["mean"]),
            _time(row["median"]),
            _number(row["times_main"], 2),
            _time(latency.get("alone")),
            _time(latency.get("in_batch")),
        )
    return table


def _not_scored(summary: Mapping[str, Any]) -> Table:
    table = _table("Not scored", "surrogate", "Jacobian underflows", "forecasts failed", "first failure")
    for row in summary["not_scored"]:
        if row["jacobian_underflows"] or row["failed"]:
            figures = (str(row["jacobian_underflows"]), str(row["failed"]))
            table.add_row(row["surrogate"], *figures, row["first_failure"] or "")
    return table
