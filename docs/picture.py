"""Draw docs/images/decision.svg: one decision in an artificial study, by the plots of lcstop."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from lcstop import Curve, PrunerConfig
from lcstop.plots.matplotlib import plot_curves, plot_trial
from lcstop.review import Review
from lcstop.review.record import RecordedStudy, RecordedTrial

EPOCHS = 40
TRIALS = 24
IMAGES = Path(__file__).parent / "images"


def study() -> RecordedStudy:
    """An artificial study in which no trial was stopped."""
    rng = np.random.default_rng(16)
    steps = np.arange(1.0, EPOCHS + 1)
    trials = []
    for number in range(TRIALS):
        top, speed = 0.5 + 0.45 * rng.beta(2, 2), rng.uniform(3, 10)
        values = 0.1 + (top - 0.1) * (1 - np.exp(-steps / speed)) + rng.normal(0, 0.006, EPOCHS)
        curve = Curve(steps, values, EPOCHS)
        trials.append(RecordedTrial(number, curve, "finished", start=float(number), end=number + 1.0))
    return RecordedStudy("example", "Optuna", "accuracy", "epoch", "maximize", trials)


def save(figure: Figure, name: str) -> None:
    """Write a picture without dates, so that drawing it again gives the same bytes."""
    path = IMAGES / name
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def draw_decision() -> None:
    """Draw all curves on the left, and on the right the last stop up to about half of the horizon."""
    review = Review.of(study(), PrunerConfig(horizon=EPOCHS, upper=1))
    halfway = (trial for trial in review.stopped if trial.n <= EPOCHS / 2 + 1)
    trial = max(halfway, key=lambda trial: (trial.n, trial.record.number))
    figure = Figure(figsize=(10, 3.8), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1.3, 1], sharey=True)
    plot_curves(review, left)
    left.set_title(f"{len(review.stopped)} of {TRIALS} trials stopped", size=10, loc="left")
    named = dict(zip(*left.get_legend_handles_labels()[::-1], strict=True))
    left.legend(named.values(), named.keys(), loc="lower right", ncols=2, frameon=False)
    plot_trial(review, trial.record.number, ax=right)
    right.set_ylabel("")
    right.legend(loc="lower right", frameon=False)
    save(figure, "decision.svg")
    print(f"trial {trial.record.number}: {trial.stop.reason if trial.stop else ''}")


if __name__ == "__main__":
    mpl.rcParams.update({"svg.hashsalt": "lcstop", "font.size": 8.5})
    IMAGES.mkdir(exist_ok=True)
    draw_decision()
