"""The figures of the demo."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Side:
    """One side of the comparison.

    Attributes:
        study: Name of the Optuna study.
        epochs: Epochs trained.
        seconds: Wall time of the whole search: training, sampling, storage and decisions.
        best: Best validation accuracy of the trials that were not stopped.
    """

    study: str
    epochs: int
    seconds: float
    best: float


@dataclass(frozen=True)
class DemoResult:
    """What happened in the demo.

    Attributes:
        n_trials: Trials of each side.
        n_epochs: Epochs of a whole trial.
        with_pruning: The search with pruning.
        without_pruning: The same configurations, each trained to the end.
        n_stopped: Trials stopped.
        stopped_that_beat_incumbent: Stopped trials that, trained on, beat the incumbent they were judged by.
        stopped_that_beat_best: Stopped trials that, trained on, beat the best value found with pruning.
        decision_ms: Median milliseconds that the pruner took for a report.
        png: Still picture of the curves and forecasts.
        html: The same to explore in a browser.
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
        """Share of the epochs that pruning saved, in [0, 1]."""
        return 1 - self.with_pruning.epochs / self.without_pruning.epochs

    def as_dict(self) -> dict[str, Any]:
        """Every figure, ready for JSON."""
        paths = {"png": str(self.png), "html": str(self.html)}
        return {**asdict(self), "epochs_saved": self.epochs_saved, **paths}

    def table(self) -> Table:
        """The figures side by side."""
        pruned, whole = self.with_pruning, self.without_pruning
        table = Table(
            title=f"{self.n_trials} configurations, {self.n_epochs} epochs each",
            caption=f"{self.png}\n{self.html}",
            caption_justify="left",
        )
        table.add_column("")
        table.add_column("with pruning", justify="right")
        table.add_column("without pruning", justify="right")
        table.add_column("saved", justify="right")
        table.add_row("epochs", f"{pruned.epochs:,}", f"{whole.epochs:,}", f"{self.epochs_saved:.0%}")
        saved = 1 - pruned.seconds / whole.seconds
        table.add_row("wall time", f"{pruned.seconds:.1f} s", f"{whole.seconds:.1f} s", f"{saved:.0%}")
        table.add_row("best validation accuracy", f"{pruned.best:.4f}", f"{whole.best:.4f}", end_section=True)
        table.add_row("trials stopped", str(self.n_stopped))
        table.add_row("would have beaten incumbent", str(self.stopped_that_beat_incumbent))
        table.add_row("would have beaten final best", str(self.stopped_that_beat_best))
        table.add_row("decision per report, median", f"{self.decision_ms:.1f} ms")
        return table
