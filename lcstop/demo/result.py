"""The result of a demo: figures, a plot and a report of its two searches."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from lcstop.config.pruner import PrunerConfig
from lcstop.plots import write_page
from lcstop.plots.matplotlib import write_figure
from lcstop.review import RecordedStudy, Review


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
class DemoResult:
    """The result of a demo.

    Attributes:
        n_trials: Number of trials of each search.
        n_epochs: Number of epochs of a full trial.
        with_pruning: The search with pruning.
        without_pruning: The search without pruning, with the same configurations.
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
        """The figures of both searches, side by side."""
        pruned, unpruned = self.with_pruning, self.without_pruning
        table = Table(
            title=f"{self.n_trials} configurations, {self.n_epochs} epochs each",
            caption=f"{self.png}\n{self.html}",
            caption_justify="left",
        )
        table.add_column("")
        table.add_column("with pruning", justify="right")
        table.add_column("without pruning", justify="right")
        table.add_column("saved", justify="right")
        table.add_row("epochs", f"{pruned.epochs:,}", f"{unpruned.epochs:,}", f"{self.epochs_saved:.0%}")
        saved = 1 - pruned.seconds / unpruned.seconds
        table.add_row("wall time", f"{pruned.seconds:.1f} s", f"{unpruned.seconds:.1f} s", f"{saved:.0%}")
        table.add_row(
            "best validation accuracy", f"{pruned.best:.4f}", f"{unpruned.best:.4f}", end_section=True
        )
        table.add_row("trials stopped", str(self.n_stopped))
        table.add_row("would have beaten incumbent", str(self.stopped_that_beat_incumbent))
        table.add_row("would have beaten final best", str(self.stopped_that_beat_best))
        table.add_row("decision per report, median", f"{self.decision_ms:.1f} ms")
        return table


def compare(
    study: RecordedStudy,
    config: PrunerConfig,
    seconds: tuple[float, float],
    studies: tuple[str, str],
    decision_ms: float,
    out: Path,
) -> DemoResult:
    """Compare the two searches of a demo. Writes ``curves.png`` and ``report.html``.

    Args:
        study: The search with pruning. The ``full_curve`` of a trial is its curve without pruning. At least
            one trial was not stopped.
        config: The options of the pruner.
        seconds: Wall times in seconds, with pruning and without.
        studies: Names of the studies, with pruning and without.
        decision_ms: Median milliseconds of the pruner per report.
        out: Folder of the two files.

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
    return DemoResult(
        n_trials=len(review.trials),
        n_epochs=int(study.horizon),
        with_pruning=pruned,
        without_pruning=unpruned,
        n_stopped=len(review.stopped),
        stopped_that_beat_incumbent=len(review.wrong),
        stopped_that_beat_best=sum(end > pruned.best for end in ends),
        decision_ms=decision_ms,
        png=png,
        html=html,
    )
