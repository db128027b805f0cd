"""Draw docs/images/decision.svg, one decision in an artificial study, and pausing.svg, who ran when."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lcstop import Curve, PrunerConfig, PrunerCore
from lcstop._utils.palette import BAND, GREY, INCUMBENT, LINE
from lcstop.plots.matplotlib import plot_curves, plot_trial
from lcstop.review import Review
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import RecordedTrial
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import Action, replay
from lcstop.simulation.pausing_policy import PausingPolicy
from lcstop.simulation.task import ReplayStudy, Task

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


def epochs_of(task: Task, order: int, *, pause: bool) -> list[int]:
    """The trial that is trained in each epoch of a search with one worker."""
    core = PrunerCore(PrunerConfig(horizon=EPOCHS, upper=1, n_trials=TRIALS, pause=pause))
    study = ReplayStudy(task, task.order(order).tolist(), "best", "example")
    policy = (PausingPolicy if pause else CorePolicy)(core, study)
    ran, report = list[int](), policy.report

    def watched(trial: int, step: int, value: float) -> Action:
        ran.append(trial)
        return report(trial, step, value)

    policy.report = watched  # type: ignore[method-assign]
    replay(task, order, 0, policy, 1, EPOCHS * TRIALS)
    return ran


def draw_runs(ax: Axes, best: int, ran: list[int]) -> None:
    """Draw a bar for each time in which a trial ran, and a line from its first to its last epoch."""
    for trial in range(TRIALS):
        epochs = np.flatnonzero(np.array(ran) == trial)
        colour = INCUMBENT if trial == best else BAND if len(epochs) == EPOCHS else GREY
        ax.hlines(trial, epochs[0], epochs[-1] + 1, color=LINE, lw=1, zorder=1)
        times = np.split(epochs, np.flatnonzero(np.diff(epochs) > 1) + 1)
        bars = [(int(time[0]), len(time)) for time in times]
        ax.broken_barh(bars, (trial - 0.4, 0.8), color=colour, lw=0, zorder=2)
    ax.set(ylim=(TRIALS, -1), xlabel="epochs of the search")


def draw_pausing(order: int = 3) -> None:
    """Draw who ran when: on the left with the default, on the right with ``pause=True``."""
    values = np.stack([trial.curve.values for trial in study().trials])
    task = Task("example", "example", "maximize", values, np.full(TRIALS, EPOCHS))
    best = task.order(order).tolist().index(int(np.argmax(task.later_best[:, 0])))
    figure = Figure(figsize=(10, 3.4), layout="constrained", facecolor="white")
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, pause, title in zip(axes, (False, True), ("default", "pause=True"), strict=True):
        ran = epochs_of(task, order, pause=pause)
        draw_runs(ax, best, ran)
        ax.set_title(title, size=10, loc="left")
        n = int(np.flatnonzero(np.array(ran) == best)[-1]) + 1
        print(f"order {order}, {title}: {len(ran)} epochs, the best trial, {best}, ends after {n}")
    axes[0].set_ylabel("trial")
    save(figure, "pausing.svg")


if __name__ == "__main__":
    mpl.rcParams.update({"svg.hashsalt": "lcstop", "font.size": 8.5})
    IMAGES.mkdir(exist_ok=True)
    draw_decision()
    draw_pausing()
