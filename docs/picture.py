"""Draw the pictures of the documentation: `python docs/picture.py`.

docs/images/decision.svg shows one decision in an artificial study, drawn by the plots of lcstop.
docs/images/benchmark.svg shows docs/figures.json.
"""

import json
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
from figures import FIGURES, RULES
from matplotlib.figure import Figure

from lcstop import Curve, PrunerConfig
from lcstop._utils.palette import INCUMBENT, INK, LINE, WHOLE
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


def draw_benchmark() -> None:
    """Draw docs/figures.json: the epochs that each rule trains, and how often it keeps the best trial."""
    rules = json.loads(FIGURES.read_text(encoding="utf-8"))["rules"]
    shown = [(name, rules[setting]) for setting, name in RULES.items() if setting in rules]
    names = [re.sub(r"[*`]", "", name) for name, _ in shown]
    figure = Figure(figsize=(8, 0.9 + 0.3 * len(shown)), layout="constrained", facecolor="white")
    columns = (("share", "epochs trained"), ("kept", "best trial kept"))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (key, title) in zip(axes, columns, strict=True):
        values = [100 * row[key] for _, row in shown]
        colors = [INCUMBENT if name.startswith("lcstop") else WHOLE for name in names]
        bars = ax.barh(range(len(shown)), values, color=colors, height=0.6)
        ax.bar_label(bars, [f"{value:.0f} %" for value in values], padding=4, color=INK)
        ax.set_title(title, size=10, loc="left", color=INK)
        ax.set_xlim(0, 115)
        ax.set_xticks([])
        ax.set_yticks(range(len(shown)), names)
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        ax.spines["left"].set_color(LINE)
        ax.tick_params(colors=INK, length=0)
    axes[0].invert_yaxis()
    save(figure, "benchmark.svg")
    print(f"{len(shown)} rules")


if __name__ == "__main__":
    mpl.rcParams.update({"svg.hashsalt": "lcstop", "font.size": 8.5})
    IMAGES.mkdir(exist_ok=True)
    draw_decision()
    draw_benchmark()
