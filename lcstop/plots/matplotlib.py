"""The figures of :mod:`lcstop.plots` by matplotlib, like those of ``optuna.visualization.matplotlib``.

Each function takes the axes to draw on. Without axes it makes a figure with pyplot.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcstop._utils.number_words import percent
from lcstop._utils.palette import BAND, GREY, INCUMBENT, INK, LINE, STOPPED, WHOLE
from lcstop.curves.curve import Curve
from lcstop.plots.parameter_axes import parameter_axes
from lcstop.plots.series import (
    MIN_FORECASTS,
    calibration,
    group_of,
    incumbents,
    savings,
    value_axis,
)
from lcstop.review.review import Review

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GROUPS: dict[str, dict[str, Any]] = {
    "stopped": {"color": GREY, "lw": 0.7},
    "not stopped": {"color": BAND, "lw": 1.1},
    "best": {"color": INCUMBENT, "lw": 2.6, "zorder": 5},
}
"""Groups of trials and the styles of their lines. Width tells them apart where colours do not."""

_MAX_STOPS = 8
"""Maximum number of stops with a panel of their own, four in a row."""


def plot_incumbent(review: Review, ax: Axes | None = None) -> Axes:
    """See :func:`lcstop.plots.plot_incumbent`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from lcstop.review.example import example
        >>> len(plot_incumbent(example(), Figure().subplots()).lines)
        2
    """
    ax = _axes(ax, "epochs trained, all trials together", review.study.metric)
    kept, without = incumbents(review)
    if without is not None:
        ax.step(without.x, without.y, where="post", color=GREY, ls=":", label="without stopping")
    ax.step(kept.x, kept.y, where="post", color=INCUMBENT, lw=2.5, label="with lcstop")
    axis = value_axis(review)
    values = [*kept.y, *(without.y if without else ())]
    if axis.log or not all(axis.low <= value <= axis.high for value in values):
        _scale_values(ax, review)  # the first value must not hide the progress
    return _legend(ax)


def plot_curves(review: Review, ax: Axes | None = None) -> Axes:
    """See :func:`lcstop.plots.plot_curves`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from lcstop.review.example import example
        >>> axes = plot_curves(example(), Figure().subplots())
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('epoch', 'accuracy')
    """
    ax = _axes(ax, review.study.step, review.study.metric)
    for trial in review.trials:
        name = group_of(review, trial)
        ax.plot(trial.curve.steps, trial.curve.values, label=name, **_GROUPS[name])
    for trial in review.stopped:
        name = "wrong stop" if trial.wrong else "stop"
        _dot(ax, trial.curve, label=name, marker="X" if trial.wrong else "o")
    _scale_values(ax, review)
    ax.set_xlim(0, review.study.horizon * 1.01)
    ax.locator_params(axis="x", integer=True)
    return _legend(ax)


def plot_trial(review: Review, number: int, snapshot: int = -1, ax: Axes | None = None) -> Axes:
    """See :func:`lcstop.plots.plot_trial`.

    Raises:
        ValueError: If there is no such trial, or it has made no report.
        IndexError: If it has no such snapshot.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from lcstop.review.example import example
        >>> plot_trial(example(), 1, ax=Figure().subplots()).get_title(loc="left")
        'trial 1, epoch 2'
    """
    study, trial = review.study, review.trial(number)
    ax = _axes(ax, study.step, study.metric)
    shown = trial.snapshots[snapshot] if trial.snapshots else None
    full, n = trial.record.full_curve or trial.record.curve, shown.n if shown else trial.n
    ax.plot(full.steps[n - 1 :], full.values[n - 1 :], color=GREY, ls=":", label="later")
    if shown and shown.band:
        band = shown.band
        ax.fill_between(band.steps, band.low, band.high, color=BAND, alpha=0.25, lw=0, label="90 % interval")
        ax.plot(band.steps, band.median, color=BAND, lw=1.8, label="median")
    if shown and shown.decision.incumbent is not None:
        ax.axhline(shown.decision.incumbent, color=INCUMBENT, lw=1.4, ls=(0, (4, 2)), label="best so far")
    known = full.prefix(n)
    ax.plot(known.steps, known.values, color=INK, lw=1.8, label="known")
    _dot(ax, known)
    ax.set_title(f"trial {number}, {study.step} {known.cutoff:g}", size=10, loc="left", color=INK)
    if shown and (probability := shown.decision.probability) is not None:
        ax.set_title(f"chance {percent(probability)}", size=10, loc="right", color=GREY)
    if value_axis(review).log:
        ax.set_yscale("log")
    ax.set_xlim(0, study.horizon * 1.01)
    ax.locator_params(axis="x", integer=True)
    return ax


def plot_calibration(review: Review, ax: Axes | None = None) -> Axes:
    """See :func:`lcstop.plots.plot_calibration`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from lcstop.review.example import example
        >>> len(plot_calibration(example(), Figure().subplots()).lines)
        3
    """
    ax = _axes(ax, "predicted interval", "share that held")
    ax.plot([0, 1], [0, 1], color=GREY, ls=":")
    for part, color, dash in zip(calibration(review), (WHOLE, BAND), ("-", "--"), strict=True):
        if part.n >= MIN_FORECASTS:
            ax.plot(part.line.x, part.line.y, f"o{dash}", color=color, ms=4, label=f"{part.name} ({part.n})")
    return _legend(ax)


def plot_savings(review: Review, ax: Axes | None = None) -> Axes:
    """See :func:`lcstop.plots.plot_savings`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from lcstop.review.example import example
        >>> len(plot_savings(example(), Figure().subplots()).collections)
        1
    """
    ax = _axes(ax, "trials", "epochs")
    kept, without = savings(review)
    ax.fill_between(kept.x, kept.y, without.y, color=WHOLE, alpha=0.3, lw=0, label="saved")
    ax.plot(kept.x, kept.y, color=BAND, lw=2, label="with lcstop")
    ax.set_ylim(bottom=0)
    return _legend(ax)


def plot_parameters(review: Review, ax: Axes | None = None) -> Axes:
    """See :func:`lcstop.plots.plot_parameters`.

    Raises:
        ValueError: If no hyperparameter has two values.

    Example:
        >>> from matplotlib.figure import Figure
        >>> from lcstop.review.example import example
        >>> len(plot_parameters(example(), Figure().subplots()).lines)
        14
    """
    axes = parameter_axes(review)
    if not axes:
        raise ValueError(f"study {review.study.name!r} has no hyperparameter with two values")
    ax = _axes(ax, "", "")
    for place, axis in enumerate(axes):
        ax.axvline(place, color=GREY, lw=0.8)
        for position, word in axis.ticks:
            ax.annotate(
                _escape(word), (place, position), xytext=(3, 2), textcoords="offset points", color=INK
            )
    for row, trial in enumerate(review.trials):
        name = group_of(review, trial)
        y = [math.nan if (p := axis.positions[row]) is None else p for axis in axes]
        ax.plot(range(len(axes)), y, label=name, **_GROUPS[name])
    ax.set_xticks(range(len(axes)), [_escape(axis.name) for axis in axes])
    ax.set_yticks([])
    return _legend(ax)


def write_figure(review: Review, path: Path) -> None:
    """Write a figure of all curves, and below it panels of some stops with their forecasts.

    Args:
        review: The review.
        path: The file. Its folder is created if it does not exist.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> import tempfile
        >>> from lcstop.review.example import example
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_figure(example(), Path(folder, "study.png"))
        ...     Path(folder, "study.png").read_bytes()[1:4]
        b'PNG'
    """
    # pyplot has global state and may open windows, so the figure is made without it.
    from matplotlib.figure import Figure

    others = [trial for trial in review.stopped if not trial.wrong]
    chosen = review.wrong[:_MAX_STOPS]
    n_more = min(_MAX_STOPS - len(chosen), len(others))
    chosen += [others[round(i * (len(others) - 1) / max(n_more - 1, 1))] for i in range(n_more)]
    rows = math.ceil(len(chosen) / 4)
    figure = Figure(figsize=(12.5, 5 + 2.3 * rows), dpi=150, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(1 + rows, 4, height_ratios=[2.2] + [1] * rows)
    top = plot_curves(review, figure.add_subplot(grid[0, :]))
    title = f"{review.study.name}: {len(review.stopped)} of {len(review.trials)} trials stopped"
    top.set_title(_escape(title), size=14, weight="bold", color=INK, loc="left", pad=28)
    for i, trial in enumerate(sorted(chosen, key=lambda trial: trial.record.number)):
        panel = plot_trial(review, trial.record.number, ax=figure.add_subplot(grid[1 + i // 4, i % 4]))
        panel.set_xlabel("")
        panel.set_ylabel("")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _axes(ax: Axes | None, x: str, y: str) -> Axes:
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    ax.set_xlabel(_escape(x), color=INK)
    ax.set_ylabel(_escape(y), color=INK)
    ax.grid(axis="y", color=LINE, lw=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color("#bbbbbb")
    ax.tick_params(colors=INK, length=0)
    return ax


def _scale_values(ax: Axes, review: Review) -> None:
    axis = value_axis(review)
    if axis.log:
        ax.set_yscale("log")
    ax.set_ylim(axis.low, axis.high)


def _escape(text: str) -> str:
    """``text`` with escaped dollar signs, which would start a formula."""
    return text.replace("$", r"\$")


def _dot(ax: Axes, curve: Curve, **style: Any) -> None:
    end = curve.finite()
    defaults: dict[str, Any] = {"color": STOPPED, "marker": "o", "ms": 5, "ls": "", "zorder": 6}
    ax.plot(end.steps[-1:], end.values[-1:], **{**defaults, **style})


def _legend(ax: Axes) -> Axes:
    """Adds a legend above the axes, with one entry per label."""
    named = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    ax.legend(
        named.values(),
        named.keys(),
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=max(len(named), 1),
        frameon=False,
        labelcolor=INK,
    )
    return ax
