"""The figures and the pictures of a demo, from what both of its searches did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from lcstop.core import Decision
from lcstop.curve import Curve
from lcstop.plots import DrawnTrial, Stop, StudyPicture, draw_html, draw_png, forecast_band
from lcstop.surrogates import load_surrogate


@dataclass(frozen=True)
class Side:
    """One side of the comparison.

    Attributes:
        study: Name of the study.
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


@dataclass(frozen=True)
class ComparedTrial:
    """One configuration in both searches.

    Attributes:
        number: The trial's number.
        curve: What it reported with pruning.
        whole: What it reported without.
        decision: The decision that stopped it, None if nothing did.
    """

    number: int
    curve: Curve
    whole: Curve
    decision: Decision | None


def compare(
    trials: Sequence[ComparedTrial],
    seconds: tuple[float, float],
    studies: tuple[str, str],
    decision_ms: float,
    out: Path,
) -> DemoResult:
    """Draw the pictures into ``out`` and count what happened.

    Args:
        trials: Every configuration, by number; at least one was not stopped.
        seconds: Wall time with pruning and without.
        studies: Names of the two studies.
        decision_ms: Median milliseconds of the pruner for a report.
        out: Folder for ``curves.png`` and ``curves.html``.

    Raises:
        OSError: If ``out`` cannot be written.
    """
    pruned = Side(
        studies[0],
        sum(len(trial.curve) for trial in trials),
        seconds[0],
        max(float(trial.curve.values.max()) for trial in trials if trial.decision is None),
    )
    whole = Side(
        studies[1],
        sum(len(trial.whole) for trial in trials),
        seconds[1],
        max(float(trial.whole.values.max()) for trial in trials),
    )
    picture = _picture(trials, pruned, whole)
    png, html = out / "curves.png", out / "curves.html"
    draw_png(picture, png)
    draw_html(picture, html)
    stopped = [trial for trial in trials if trial.decision is not None]
    return DemoResult(
        n_trials=len(trials),
        n_epochs=int(trials[0].curve.horizon),
        with_pruning=pruned,
        without_pruning=whole,
        n_stopped=len(stopped),
        stopped_that_beat_incumbent=sum(picture.wrongly_stopped(trial) for trial in picture.stopped),
        stopped_that_beat_best=sum(bool(trial.whole.values.max() > pruned.best) for trial in stopped),
        decision_ms=decision_ms,
        png=png,
        html=html,
    )


def _picture(trials: Sequence[ComparedTrial], pruned: Side, whole: Side) -> StudyPicture:
    """Every trial with its curve, its whole curve, and the forecast at the moment of its stop."""
    surrogate = load_surrogate()
    drawn = []
    for trial in trials:
        stop = None
        if trial.decision is not None:
            scale = trial.decision.scale
            stop = Stop(trial.decision, forecast_band(surrogate, trial.curve, scale) if scale else None)
        drawn.append(DrawnTrial(trial.number, trial.curve, stop, trial.whole))
    n_stopped = sum(trial.decision is not None for trial in trials)
    return StudyPicture(
        title="A search for handwritten digits, pruned by forecasts of its learning curves",
        subtitle=(
            f"{len(trials)} trials, {n_stopped} of them stopped: {pruned.epochs:,} epochs instead of "
            f"{whole.epochs:,}; best {pruned.best:.4f}, and {whole.best:.4f} without pruning"
        ),
        metric="validation accuracy",
        step="epoch",
        direction="maximize",
        ideal=1.0,
        trials=drawn,
    )
