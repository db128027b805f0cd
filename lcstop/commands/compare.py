"""``lcstop explain --compare``: what other settings and other rules would have done with a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lcstop.commands import adapters
from lcstop.config.keep import KEEP
from lcstop.config.pruner import PrunerConfig
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import RecordedTrial
from lcstop.review.rule_replay import stops_of_rule
from lcstop.review.whatif import what_if

if TYPE_CHECKING:
    from lcstop.benchmark.settings import RuleSource


def compare(
    study: RecordedStudy, config: PrunerConfig, report: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Replay a study with each setting of ``lcstop`` and with the default rules of installed frameworks.

    The trials run in the order of their numbers, one after another. Trials that were stopped on record end at
    their stop.

    Args:
        study: The recorded study.
        config: Options of ``lcstop`` other than the compared ones.
        report: Called after each rule.

    Returns:
        A dictionary for JSON: what each rule saves, and whether it loses the best trial.
    """
    rows = []
    for name, options in settings_of(config).items():
        found = what_if(study, PrunerConfig(**options))
        stopped = {run.trial.number: run.n for run in found.stopped}
        rows.append(_row(study, config, name, stopped))
        report()
    missing = []
    for source in adapters.names():
        try:
            rules: RuleSource = adapters.provided_by(source, "rule_source", needed_by=f"rules of {source}")
        except ValueError as error:
            missing.append(str(error))
            continue
        for setting in rules.settings:
            if setting.default:
                ended = stops_of_rule(study, partial(rules.build, setting), config.target)
                rows.append(_row(study, config, setting.rule_name, ended))
                report()
    winner = study.winner(config.target)
    return {
        "study": study.name,
        "trials": len(study.trials),
        "stopped_on_record": sum(trial.state == "stopped" for trial in study.trials),
        "epochs_recorded": study.epochs,
        "best_trial": None if winner is None else winner.number,
        "best_recorded": None if winner is None else study.value_of(winner.curve, config.target),
        "rules": rows,
        "missing": missing,
    }


def settings_of(config: PrunerConfig) -> dict[str, dict[str, Any]]:
    """The settings of ``lcstop`` to compare, by name: each value of the dial, other options as given."""
    replaced = {"policy", "preset", "keep", "n_trials"} | (
        {"confidence"} if config.min_gain is None else set()
    )
    others = config.model_dump(exclude=replaced) | {"audit": 0.0, "shadow": False}
    return {f"lcstop {keep}": {**others, "keep": keep} for keep in KEEP}


def n_rules(config: PrunerConfig) -> int:
    """Number of rules that are at least compared, for a progress bar."""
    return len(settings_of(config))


def _row(study: RecordedStudy, config: PrunerConfig, name: str, stopped: Mapping[int, int]) -> dict[str, Any]:
    """What a rule does. ``stopped``: reports up to the stop, by the number of the trial."""
    saved = sum(
        trial.curve.cutoff - trial.curve.prefix(stopped[trial.number]).cutoff
        for trial in study.trials
        if trial.number in stopped
    )
    kept = [trial for trial in study.trials if trial.number not in stopped]
    winner, best = study.winner(config.target), study.winner(config.target, kept)
    return {
        "rule": name,
        "stopped": len(stopped),
        "epochs_saved": saved,
        "share_saved": saved / study.epochs if study.epochs else 0.0,
        "best": _value(study, config, best),
        "best_trial": None if best is None else best.number,
        "lost": winner is not None and winner.number in stopped,
    }


def _value(study: RecordedStudy, config: PrunerConfig, trial: RecordedTrial | None) -> float | None:
    return None if trial is None else study.value_of(trial.curve, config.target)


def show_comparison(content: Mapping[str, Any], console: Console) -> None:
    """Print the result of :func:`compare`."""
    console.print(Text(f"What each rule would have done with {content['study']}", "bold"))
    console.print(Text("a replay: the trials run in the order of their numbers, one after another", "dim"))
    if content["stopped_on_record"]:
        text = f"{content['stopped_on_record']} of {content['trials']} trials were stopped on record: each "
        console.print(Text(f"{text}counts up to its stop", "dim"))
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("rule", overflow="fold")
    for title in ("saved", "stopped", "best value", "best trial"):
        table.add_column(title, justify="right", overflow="fold")
    for row in content["rules"]:
        best = "" if row["best"] is None else f"{row['best']:.5g}"
        fate = f"{content['best_trial']} lost" if row["lost"] else "kept"
        cells = (f"{100 * row['share_saved']:.0f} %", f"{row['stopped']} of {content['trials']}", best, fate)
        table.add_row(row["rule"], *cells, style="bold" if row["lost"] else None)
    console.print(table)
    for missing in content["missing"]:
        console.print(Text(f"left out: {missing}"))
