"""The result of a demo: figures, a plot and a report of its two searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from lcstop.config.pruner import PrunerConfig
from lcstop.plots import write_page
from lcstop.plots.matplotlib import write_figure
from lcstop.review import RecordedStudy, RecordedTrial, Review
from lcstop.review.rule_replay import stops_of_rule
from lcstop.simulation.loop import Policy
from lcstop.simulation.task import ReplayStudy


@dataclass(frozen=True)
class Side:
    """One of the two searches.

    Attributes:
        study: Name of the study.
        epochs: Number of trained epochs.
        seconds: Wall time of the search in seconds: training, sampling, storage and decisions.
        best: Best validation accuracy of the trials that were not stopped.
    """

    study: str
    epochs: int
    seconds: float
    best: float


@dataclass(frozen=True)
class OtherRule:
    """Another rule, replayed on the curves of the search without pruning.

    Attributes:
        name: Display name of the rule.
        epochs: Number of trained epochs.
        best: Best validation accuracy of the trials that it does not stop.
        n_stopped: Number of stopped trials.
    """

    name: str
    epochs: int
    best: float
    n_stopped: int


@dataclass(frozen=True)
class DemoResult:
    """The result of a demo.

    Attributes:
        n_trials: Number of trials of each search.
        n_epochs: Number of epochs of a full trial.
        with_pruning: The search with pruning.
        without_pruning: The search without pruning, with the same configurations.
        others: Other rules on the same configurations.
        n_stopped: Number of stopped trials.
        stopped_that_beat_incumbent: Number of stopped trials that beat the incumbent of their stop in the
            search without pruning.
        stopped_that_beat_best: Number of stopped trials that beat the best value of the search with pruning
            in the search without.
        decision_ms: Median milliseconds of the pruner per report.
        png: Path of the plot of curves and forecasts.
        html: Path of the report.
    """

    n_trials: int
    n_epochs: int
    with_pruning: Side
    without_pruning: Side
    others: Sequence[OtherRule]
    n_stopped: int
    stopped_that_beat_incumbent: int
    stopped_that_beat_best: int
    decision_ms: float
    png: Path
    html: Path

    @property
    def epochs_saved(self) -> float:
        """Share of the epochs that pruning saved."""
        return 1 - self.with_pruning.epochs / self.without_pruning.epochs

    def as_dict(self) -> dict[str, Any]:
        """All figures as a dictionary for JSON."""
        paths = {"png": str(self.png), "html": str(self.html)}
        return {**asdict(self), "epochs_saved": self.epochs_saved, **paths}

    def table(self) -> Table:
        """The figures of both searches and of the other rules, one a row."""
        pruned, unpruned = self.with_pruning, self.without_pruning
        notes = "Others: defaults of the framework, replayed on the curves of the search without a rule.\n"
        notes += f"Decision of lcstop per report: median {self.decision_ms:.1f} ms."
        table = Table(
            title=f"{self.n_trials} configurations, {self.n_epochs} epochs each",
            caption=f"{notes}\n{self.png}\n{self.html}",
            caption_justify="left",
        )
        table.add_column("rule")
        for title in ("epochs", "saved", "time", "stopped", "accuracy", "best trial"):
            table.add_column(title, justify="right", overflow="fold")
        table.add_row("none", *self._cells(unpruned.epochs, unpruned.seconds, 0, unpruned.best))
        table.add_row(
            "lcstop", *self._cells(pruned.epochs, pruned.seconds, self.n_stopped, pruned.best), style="bold"
        )
        for rule in self.others:
            table.add_row(rule.name, *self._cells(rule.epochs, None, rule.n_stopped, rule.best))
        return table

    def _cells(self, epochs: int, seconds: float | None, n_stopped: int, best: float) -> list[str]:
        whole = self.without_pruning
        return [
            f"{epochs:,}",
            f"{100 * (1 - epochs / whole.epochs):.0f} %",
            "" if seconds is None else f"{seconds:.1f} s",
            str(n_stopped),
            f"{best:.4f}",
            "kept" if best == whole.best else "lost",
        ]


def compare(
    study: RecordedStudy,
    config: PrunerConfig,
    seconds: tuple[float, float],
    studies: tuple[str, str],
    decision_ms: float,
    out: Path,
    rules: Mapping[str, Callable[[ReplayStudy], Policy]],
) -> DemoResult:
    """Compare the searches of a demo with other rules. Writes ``curves.png`` and ``report.html``.

    Args:
        study: The search with pruning. The ``full_curve`` of a trial is its curve without pruning. At least
            one trial was not stopped.
        config: The options of the pruner.
        seconds: Wall times in seconds, with pruning and without.
        studies: Names of the studies, with pruning and without.
        decision_ms: Median milliseconds of the pruner per report.
        out: Folder of the two files.
        rules: Build the policies of the other rules, by their display names.

    Raises:
        OSError: If ``out`` cannot be written.
    """
    review = Review.of(study, config)
    full_curves = [trial.record.full_curve or trial.record.curve for trial in review.trials]
    kept = [trial.curve for trial in review.trials if not trial.stop]
    pruned = Side(
        studies[0],
        sum(len(trial.curve) for trial in review.trials),
        seconds[0],
        max(float(curve.values.max()) for curve in kept),
    )
    unpruned = Side(
        studies[1],
        sum(len(curve) for curve in full_curves),
        seconds[1],
        max(float(curve.values.max()) for curve in full_curves),
    )
    png, html = out / "curves.png", out / "report.html"
    write_figure(review, png)
    write_page(review, html)
    ends = [
        float(trial.record.full_curve.values.max()) for trial in review.stopped if trial.record.full_curve
    ]
    whole = replace(study, trials=[_whole(trial) for trial in study.trials])
    return DemoResult(
        n_trials=len(review.trials),
        n_epochs=int(study.horizon),
        with_pruning=pruned,
        without_pruning=unpruned,
        others=[_other(whole, name, build) for name, build in rules.items()],
        n_stopped=len(review.stopped),
        stopped_that_beat_incumbent=len(review.wrong),
        stopped_that_beat_best=sum(end > pruned.best for end in ends),
        decision_ms=decision_ms,
        png=png,
        html=html,
    )


def _whole(trial: RecordedTrial) -> RecordedTrial:
    """A trial as it ran without pruning."""
    curve = trial.full_curve or trial.curve
    return RecordedTrial(trial.number, curve, "finished", trial.start, trial.end)


def _other(whole: RecordedStudy, name: str, build: Callable[[ReplayStudy], Policy]) -> OtherRule:
    stopped = stops_of_rule(whole, build, "best")
    kept = [trial.curve for trial in whole.trials if trial.number not in stopped]
    return OtherRule(
        name,
        sum(stopped.get(trial.number, len(trial.curve)) for trial in whole.trials),
        max(float(curve.values.max()) for curve in kept),
        len(stopped),
    )
