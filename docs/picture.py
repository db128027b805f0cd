"""Draw docs/images/decision.svg: one decision in a study of artificial trials, by lcstop's own plots.

python docs/picture.py
"""

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
FILE = Path(__file__).parent / "images" / "decision.svg"


def study() -> RecordedStudy:
    """A study that ran to its end without stopping."""
    rng = np.random.default_rng(16)
    steps = np.arange(1.0, EPOCHS + 1)
    trials = []
    for number in range(TRIALS):
        top, speed = 0.5 + 0.45 * rng.beta(2, 2), rng.uniform(3, 10)
        values = 0.1 + (top - 0.1) * (1 - np.exp(-steps / speed)) + rng.normal(0, 0.006, EPOCHS)
        curve = Curve(steps, values, EPOCHS)
        trials.append(RecordedTrial(number, curve, "finished", start=float(number), end=number + 1.0))
    return RecordedStudy("example", "Optuna", "accuracy", "epoch", "maximize", trials)


def main() -> None:
    """Every curve on the left, on the right the moment of a stop about halfway."""
    review = Review.of(study(), PrunerConfig(horizon=EPOCHS, upper=1))
    trial = max((trial for trial in review.stopped if trial.n <= EPOCHS / 2 + 1), key=lambda trial: trial.n)
    mpl.rcParams.update({"svg.hashsalt": "lcstop", "font.size": 8.5})
    figure = Figure(figsize=(10, 3.8), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1.3, 1], sharey=True)
    plot_curves(review, left).set_title(
        f"{len(review.stopped)} of {TRIALS} trials stopped", size=10, loc="left"
    )
    plot_trial(review, trial.record.number, ax=right)
    named = dict(zip(*left.get_legend_handles_labels()[::-1], strict=True))
    left.legend(named.values(), named.keys(), loc="lower right", ncols=2, frameon=False)
    right.set_ylabel("")
    right.legend(loc="lower right", frameon=False)
    FILE.parent.mkdir(exist_ok=True)
    figure.savefig(FILE, metadata={"Date": None, "Creator": None})
    text = "\n".join(line.rstrip() for line in FILE.read_text(encoding="utf-8").splitlines())
    FILE.write_text(text + "\n", encoding="utf-8")
    print(f"trial {trial.record.number}: {trial.stop.reason if trial.stop else ''}")


if __name__ == "__main__":
    main()
