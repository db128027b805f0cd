"""Tables that ``lcstop explain`` and ``lcstop report`` print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lcstop.pruning.audit import Audit
from lcstop.review.review import Review


def show_trial(content: Mapping[str, Any], console: Console) -> None:
    """Print the content of the JSON of ``lcstop explain STUDY TRIAL``."""
    name = f" ({content['name']})" if content["name"] else ""
    state = content["state"] + (", infeasible" if content["infeasible"] else "")
    console.print(Text(f"Trial {content['trial']}{name} of {content['study']}: {state}", "bold"))
    if content["infeasible"]:
        console.print("it breaks a recorded constraint: it is not the best so far, nor compared with others")
    if content["reason"]:
        console.print(Text(f"on record: {content['reason']}"))
    if content["spared"]:
        audited = content["spared"]
        console.print(Text(f"on record, step {audited['step']:g}: {audited['reason']}"))
        console.print(f"it would have been a wrong stop: {_yes_no(audited['wrong'])}")
    for kind in ("params", "attrs"):
        if content[kind]:
            console.print(
                Text(", ".join(f"{key}={_short(value)}" for key, value in content[kind].items()), "dim")
            )
    if not content["history"]:
        result = "it is a result without a curve: " if not content["has_curve"] else ""
        console.print(f"{result}no decision was due on this trial")
        return
    table = Table(title="What was known at each decision", title_justify="left")
    rows = content["history"]
    columns = {
        "step": [f"{row['step']:g}" for row in rows],
        "value": [_number(row["value"]) for row in rows],
        "P(top)": [_number(row["p_top"], ".3g") for row in rows],
        "P(beat)": [_number(row["p_beat"], ".3g") for row in rows],
        "incumbent": [_number(row["incumbent"]) for row in rows],
        "predicted": [_number(row["median"]) for row in rows],
        "5 % to 95 %": [
            "" if row["interval"] is None else " to ".join(map(_number, row["interval"])) for row in rows
        ],
    }
    columns = {title: cells for title, cells in columns.items() if any(cells)}
    for title in columns:
        table.add_column(title, justify="right")
    table.add_column("judgement")
    table.add_column("decision", overflow="fold")
    for i, row in enumerate(rows):
        table.add_row(
            *(cells[i] for cells in columns.values()),
            "stop" if row["vote"] else "go on",
            Text(_outcome(row)),
            style="bold" if row["stop"] else None,
        )
    console.print(table)
    table = Table(title="At other confidences, with the other trials as recorded", title_justify="left")
    for title in ("confidence", "stopped at", "wrong"):
        table.add_column(title, justify="right")
    for row in content["confidences"]:
        step = row["stopped_at"]
        table.add_row(
            f"{row['confidence']:g}",
            "never" if step is None else f"step {step:g}",
            "" if step is None else _yes_no(row["wrong"]),
            style="bold" if row["confidence"] == content["config"]["confidence"] else None,
        )
    console.print(table)
    _show_audit(content, console)


def _show_audit(content: Mapping[str, Any], console: Console) -> None:
    """Print the audit of the study, if it has audited trials."""
    audit = Audit(content["audit"]["audited"], content["audit"]["wrong"], content["config"]["confidence"])
    if audit.n:
        console.print(Text(f"in this study {audit}"))


def _outcome(row: Mapping[str, Any]) -> str:
    """The decision, with its reason unless the columns give it."""
    word = "stop" if row["stop"] else "go on"
    if row["spared"]:
        return f"{word}: {row['spared']}"
    if row["p_beat"] is None:
        return f"{word}: {row['reason']}"
    return f"{word}: patience asks for another judgement" if row["vote"] and not row["stop"] else word


def show_what_if(content: Mapping[str, Any], console: Console) -> None:
    """Print the result of :meth:`lcstop.review.WhatIf.as_dict`."""
    console.print(Text(f"What lcstop would have done with {content['study']}", "bold"))
    console.print(Text("trials run in the order of their numbers, one after another", "dim"))
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("epochs on record", f"{content['epochs_recorded']:,g}")
    table.add_row("epochs with lcstop", f"{content['epochs']:,g}")
    table.add_row("saved", f"{content['epochs_saved']:,g} ({content['share_saved']:.1%})")
    table.add_row("time saved", duration(content["seconds_saved"]))
    for title, n in (("on record", "stopped_on_record"), ("before their last report", "stopped")):
        table.add_row(f"trials stopped {title}", f"{content[n]} of {content['trials']}")
    table.add_row("of those, would have beaten the incumbent", str(content["wrong"]))
    table.add_row("of those, not known", str(content["unknown"]))
    if content["infeasible"]:
        table.add_row("infeasible trials, never the best", str(content["infeasible"]))
    table.add_row("best value on record", _number(content["best_recorded"], ".5g"))
    table.add_row("best value with lcstop", _number(content["best"], ".5g"))
    console.print(table)
    _show_audit(content, console)
    for title, rows in (
        ("Trials that would have been stopped", content["stops"]),
        ("On record: trials whose stop was suppressed", content["spared"]),
    ):
        if not rows:
            continue
        table = Table(title=title, title_justify="left")
        for column in ("trial", "step", "wrong"):
            table.add_column(column, justify="right")
        table.add_column("reason", overflow="fold")
        for row in rows:
            table.add_row(
                str(row["trial"]),
                f"{row['step']:g}",
                _yes_no(row["wrong"]),
                Text(row["reason"]),
                style="bold" if row["wrong"] else None,
            )
        console.print(table)


def summary(review: Review) -> dict[str, Any]:
    """The figures at the top of a report, as a dictionary for JSON."""
    share = 1 - review.epochs / review.epochs_without_stops if review.epochs_without_stops else 0.0
    winner = review.winner
    return {
        "study": review.study.name,
        "live": review.live,
        "shadow": review.shadow,
        "trials": len(review.trials),
        "infeasible": sum(trial.record.is_infeasible for trial in review.trials),
        "stopped": len(review.stopped),
        "wrong": len(review.wrong),
        "unknown": sum(trial.wrong is None for trial in review.stopped),
        "audit": review.study.audit(review.config).as_dict(),
        "epochs": review.epochs,
        "epochs_saved": review.epochs_without_stops - review.epochs,
        "share_saved": share,
        "seconds_saved": review.seconds_saved,
        "best": None if winner is None else review.study.value_of(winner.curve, review.config.target),
        "best_recorded": review.study.best(review.config.target),
        "best_trial": None if winner is None else winner.record.number,
        "config": review.config.model_dump(),
    }


def duration(seconds: float) -> str:
    """A time in seconds as text, in one or two units.

    Example:
        >>> duration(0.4), duration(75), duration(5400), duration(200000)
        ('0.4 s', '1 min 15 s', '1 h 30 min', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    units = [("d", 86400), ("h", 3600), ("min", 60), ("s", 1)]
    i = next(i for i, (_, size) in enumerate(units) if seconds >= size)
    (big, size), (small, part) = units[i], units[i + 1]
    return f"{int(seconds // size)} {big} {int(seconds % size // part)} {small}"


def _yes_no(wrong: bool | None) -> str:
    return "not known" if wrong is None else "yes" if wrong else "no"


def _number(value: float | None, form: str = ".4g") -> str:
    return "" if value is None else format(value, form)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
