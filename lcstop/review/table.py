"""Tables that ``lcstop explain`` and ``lcstop report`` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lcstop._utils.number_words import distinct, percents
from lcstop.config.pruner import PrunerConfig
from lcstop.pruning.audit import Audit
from lcstop.review.recorded_trial import STATE_WORDS
from lcstop.review.summary import MIN_AUDITED, StudySummary

if TYPE_CHECKING:
    from lcstop.review.review import Review


def show_record(content: Mapping[str, Any], console: Console) -> None:
    """Print what is on record of a study that ran with ``lcstop``, and a replay with other options if any."""
    console.print(Text(f"Study {content['study']}, as recorded", "bold"))
    console.print(Text(content["summary"]))
    facts = [f"{content['epochs']:,g} epochs trained, {content['epochs_saved']:,g} saved"]
    if content["seconds_saved"] >= 1:
        facts[0] += f" (about {duration(content['seconds_saved'])})"
    if content["best"] is not None:
        facts.append(f"best so far {content['best']:.5g} (trial {content['best_trial']})")
    console.print(Text("\n".join(facts)))
    _show_audit(content, console)
    heading = "Would have been stopped" if content["shadow"] else "Stopped"
    audited = [] if content["shadow"] else content["spared"]
    for title, rows in ((heading, content["stops"]), ("Audited: not stopped, to check", audited)):
        if rows:
            _show_reasons(title, rows, console)
    if content["what_if"]:
        console.print()
        show_what_if(content["what_if"], console)


def show_trial(content: Mapping[str, Any], console: Console) -> None:
    """Print the record of a trial, and then what would be decided on it."""
    name = f" ({content['name']})" if content["name"] else ""
    state = STATE_WORDS[content["state"]] + (", infeasible" if content["infeasible"] else "")
    console.print(Text(f"Trial {content['trial']}{name} of {content['study']}: {state}", "bold"))
    if content["infeasible"]:
        console.print("it breaks a recorded constraint: it is not the best so far, nor compared with others")
    for kind in ("params", "attrs"):
        if content[kind]:
            console.print(
                Text(", ".join(f"{key}={_short(value)}" for key, value in content[kind].items()), "dim")
            )
    _show_judgements(content, console)
    if not content["history"]:
        result = "it is a result without a curve: " if not content["has_curve"] else ""
        console.print(f"{result}no decision was due on this trial")
        return
    console.print(Text("\nWhat would be decided with these options, at each report", "bold"))
    console.print(Text("reports are taken to be evenly spread in time, so this may differ", "dim"))
    rows = content["history"]
    columns = {
        "step": [f"{row['step']:g}" for row in rows],
        "value": [_number(row["value"]) for row in rows],
        **_chances(rows),
        "best so far": [_number(row["incumbent"]) for row in rows],
        "predicted": [_predicted(row["median"], *(row["interval"] or (None, None))) for row in rows],
    }
    table = _table(columns)
    table.add_column("decision", overflow="fold")
    cells = [*columns.values()]
    for i, row in enumerate(rows):
        decided = Text(_outcome(row))
        table.add_row(*(c[i] for c in cells if any(c)), decided, style="bold" if row["stop"] else None)
    console.print(table)
    option = content["alternatives"][0]["option"]
    console.print(Text(f"\nAt other values of {option}, with the other trials as recorded", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in (option, "stopped at", "wrong"):
        table.add_column(title, justify="right")
    given = PrunerConfig.from_record(content["config"])
    configured = given.confidence if given.keep_probability is None else given.keep_probability
    for row in content["alternatives"]:
        step = row["stopped_at"]
        table.add_row(
            f"{row['value']:g}",
            "never" if step is None else f"step {step:g}",
            "" if step is None else _yes_no(row["wrong"]),
            style="bold" if row["value"] == configured else None,
        )
    console.print(table)
    _show_audit(content, console)


def _show_judgements(content: Mapping[str, Any], console: Console) -> None:
    """Print what is on record of a trial: its reason, and the numbers of each judgement."""
    suppressed = content["spared"]
    if content["reason"]:
        console.print(Text(f"on record: {content['reason']}"))
    for wait in content["waits"]:
        console.print(Text(f"{wait['text']} after {duration(wait['seconds'])}"))
    if suppressed:
        console.print(Text(f"on record: {suppressed['reason']}"))
        console.print(f"it would have been a wrong stop: {_yes_no(suppressed['wrong'])}")
    rows = content["judgements"]
    if not rows:
        return
    console.print(Text("\nJudgements on record", "bold"))
    columns = {
        "step": [f"{row['step']:g}" for row in rows],
        **_chances(rows),
        "predicted": [_predicted(row.get("median"), row.get("low"), row.get("high")) for row in rows],
    }
    table = _table(columns)
    table.add_column("verdict", overflow="fold")
    cells = [*columns.values()]
    for i, row in enumerate(rows):
        verdict = row["verdict"] + (f": {row['why']}" if row.get("why") else "")
        table.add_row(*(c[i] for c in cells if any(c)), Text(verdict))
    console.print(table)


def _chances(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The probability that decided and its threshold, as columns."""
    pairs = [
        percents(row["probability"], row["threshold"]) if row.get("threshold") is not None else ("", "")
        for row in rows
    ]
    return {"chance": [chance for chance, _ in pairs], "needs": [needs for _, needs in pairs]}


def _table(columns: Mapping[str, Sequence[str]]) -> Table:
    """A table with these columns, without those that are empty."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title, cells in columns.items():
        if any(cells):
            table.add_column(title, justify="right", overflow="fold")
    return table


def _show_reasons(title: str, rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print a trial and a reason in each row, and whether the stop was wrong where that is known."""
    console.print(Text(f"\n{title}", "bold"))
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("trial", justify="right")
    with_wrong = any("wrong" in row for row in rows)
    if with_wrong:
        table.add_column("wrong", justify="right")
    table.add_column("reason", overflow="fold")
    for row in rows:
        number = f"{row['trial']} ({row['name']})" if row.get("name") else str(row["trial"])
        wrong = [_yes_no(row["wrong"])] if with_wrong else []
        table.add_row(number, *wrong, Text(row["reason"]), style="bold" if row.get("wrong") else None)
    console.print(table)


def _show_audit(content: Mapping[str, Any], console: Console) -> None:
    """Print the outcome of the audited trials, once there are enough of them."""
    audit = Audit(content["audit"]["audited"], content["audit"]["wrong"], content["audit"]["certainty"])
    if audit.n >= MIN_AUDITED:
        console.print(Text(str(audit)))


def _outcome(row: Mapping[str, Any]) -> str:
    """The decision, with its reason unless the columns give it."""
    word = "stop" if row["stop"] else "go on"
    if row["spared"]:
        return f"{word}: {row['spared']}"
    if row["threshold"] is None:
        return f"{word}: {row['reason']}"
    return f"{word}: patience asks for another judgement" if row["vote"] and not row["stop"] else word


def show_what_if(content: Mapping[str, Any], console: Console) -> None:
    """Print the result of :meth:`lcstop.review.WhatIf.as_dict`."""
    console.print(Text(f"What lcstop would have done with {content['study']}", "bold"))
    console.print(Text("a replay: the trials run in the order of their numbers, one after another", "dim"))
    if content["stopped_on_record"]:
        text = f"{content['stopped_on_record']} of {content['trials']} trials were stopped on record: each "
        console.print(Text(f"{text}counts up to its stop", "dim"))
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right", overflow="fold")
    table.add_row("epochs on record", f"{content['epochs_recorded']:,g}")
    table.add_row("epochs with lcstop", f"{content['epochs']:,g}")
    table.add_row("saved", f"{content['epochs_saved']:,g} ({100 * content['share_saved']:.0f} %)")
    table.add_row("time saved, about", duration(content["seconds_saved"]))
    table.add_row("trials stopped", f"{content['stopped']} of {content['trials']}")
    table.add_row("of those, would have beaten the best so far", str(content["wrong"]))
    table.add_row("of those, not known", str(content["unknown"]))
    if content["infeasible"]:
        table.add_row("infeasible trials, never the best", str(content["infeasible"]))
    table.add_row("best value on record", _number(content["best_recorded"], ".5g"))
    table.add_row("best value with lcstop", _number(content["best"], ".5g"))
    console.print(table)
    if content["stops"]:
        _show_reasons("Trials that would have been stopped", content["stops"], console)


def summary(review: Review) -> dict[str, Any]:
    """The figures at the top of a report, as a dictionary for JSON."""
    winner, study = review.winner, review.study
    unknown = sum(trial.wrong is None for trial in review.stopped)
    found: dict[str, Any]
    if study.ran_with_lcstop:
        on_record = StudySummary.of(study)
        found = {**on_record.as_dict(), "summary": str(on_record)}
    else:
        total = review.epochs_without_stops
        share = 1 - review.epochs / total if total else 0.0
        found = {
            "study": study.name,
            "live": False,
            "shadow": False,
            "trials": len(review.trials),
            "stopped": len(review.stopped),
            "epochs": review.epochs,
            "epochs_saved": total - review.epochs,
            "share_saved": share,
            "seconds_saved": review.seconds_saved,
            "p_kept": None,
            "expected_lost": None,
            "best": None if winner is None else study.value_of(winner.curve, review.config.target),
            "best_trial": None if winner is None else winner.record.number,
            "audit": study.audit(review.config).as_dict(),
            "summary": f"would have stopped {len(review.stopped)} of {len(review.trials)} trials, "
            f"would have saved {100 * share:.0f} % of the epochs",
        }
    return {
        **found,
        "infeasible": sum(trial.record.is_infeasible for trial in review.trials),
        "wrong": len(review.wrong),
        "unknown": unknown,
        "best_recorded": study.best(review.config.target),
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


def _predicted(median: float | None, low: float | None, high: float | None) -> str:
    if median is None or low is None or high is None:
        return ""
    return "{} [{}, {}]".format(*distinct([median, low, high]))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
