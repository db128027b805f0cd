"""A still picture of a study, by matplotlib: all curves, and some stops one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcstop.curve import Curve
from lcstop.plots.colors import BAND, GREY, INCUMBENT, INK, STOPPED, WHOLE
from lcstop.plots.picture import DrawnTrial, StudyPicture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROWS, _COLUMNS = 3, 4
"""Most rows and columns of single stops."""

_TOP, _OVERVIEW, _GAP, _ROW, _BOTTOM = 1.35, 4.2, 1.25, 2.15, 0.6
"""Heights in inches: title and legend; all curves; from there to the stops; a row of stops; what is below."""

_LEFT, _RIGHT = 0.055, 0.985
"""Margins as shares of the width."""


def draw_png(picture: StudyPicture, path: Path) -> None:
    """Draw every curve, and below them up to twelve stops with their forecasts; write ``path``.

    Example:
        >>> import tempfile
        >>> from lcstop.plots import DrawnTrial, StudyPicture
        >>> trials = [DrawnTrial(0, Curve([1, 2, 3], [0.2, 0.6, 0.8], horizon=3))]
        >>> picture = StudyPicture("A study", "1 trial", "accuracy", "epoch", "maximize", 1.0, trials)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw_png(picture, Path(folder, "study.png"))
        ...     Path(folder, "study.png").read_bytes()[1:4]
        b'PNG'
    """
    # A figure without pyplot: no window, no global state, safe in threads.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tiles = picture.highlights(_ROWS * _COLUMNS)
    n_rows = -(-len(tiles) // _COLUMNS)
    height = _TOP + _OVERVIEW + (_GAP + n_rows * _ROW if tiles else 0.0) + _BOTTOM
    figure = Figure(figsize=(12.5, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)

    def down(inches: float) -> float:
        return 1 - inches / height

    figure.text(_LEFT, down(0.42), picture.title, size=17, weight="bold", color=INK)
    figure.text(_LEFT, down(0.74), picture.subtitle, size=11, color=GREY)
    overview = figure.add_axes((_LEFT, down(_TOP + _OVERVIEW), _RIGHT - _LEFT, _OVERVIEW / height))
    _draw_overview(overview, picture)
    if tiles:
        below = _TOP + _OVERVIEW + _GAP
        count = f"{len(tiles)} of {len(picture.stopped)}"
        heading = f"{count} stops: trial and {picture.step}, with the forecast of that moment"
        figure.text(_LEFT, down(below - 0.4), heading, size=12, weight="bold", color=INK)
        grid = figure.add_gridspec(
            n_rows,
            _COLUMNS,
            left=_LEFT,
            right=_RIGHT,
            top=down(below),
            bottom=_BOTTOM / height,
            hspace=0.35,
            wspace=0.08,
        )
        for i, trial in enumerate(tiles):
            tile = figure.add_subplot(grid[i // _COLUMNS, i % _COLUMNS])
            _draw_tile(tile, picture, trial)
            if i % _COLUMNS:
                tile.tick_params(labelleft=False)
            else:
                tile.set_ylabel(picture.metric, size=9, color=INK)
            if i + _COLUMNS >= len(tiles):
                tile.set_xlabel(picture.step, size=9, color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _draw_overview(axes: Axes, picture: StudyPicture) -> None:
    _style(axes, picture)
    axes.set_xlabel(picture.step, color=INK)
    axes.set_ylabel(f"{picture.metric} (log distance from {picture.ideal:g})", color=INK)
    for trial in picture.trials:
        if trial is not picture.winner:
            _line(axes, picture, trial.curve, color=GREY if trial.stop else WHOLE, lw=0.9, alpha=0.55)
    for trial in picture.stopped:
        end = trial.curve.finite()
        axes.plot(end.steps[-1:], picture.place(end.values[-1:]), "o", ms=4, color=STOPPED, zorder=4)
    if picture.winner:
        _line(axes, picture, picture.winner.curve, color=INCUMBENT, lw=2.4, zorder=5)
    _legend(axes, picture)


def _draw_tile(axes: Axes, picture: StudyPicture, trial: DrawnTrial) -> None:
    assert trial.stop is not None  # highlights() gives no other
    assert trial.stop.band is not None
    band, decision = trial.stop.band, trial.stop.decision
    _style(axes, picture)
    axes.tick_params(labelsize=8)
    axes.fill_between(
        band.steps, picture.place(band.low), picture.place(band.high), color=BAND, alpha=0.25, lw=0
    )
    axes.plot(band.steps, picture.place(band.median), color=BAND, lw=1.6)
    if decision.incumbent is not None:
        axes.axhline(float(picture.place(decision.incumbent)), color=INCUMBENT, lw=1.2, ls=(0, (4, 2)))
    if trial.whole:
        _line(axes, picture, trial.whole, color=GREY, lw=1.0, ls=(0, (1, 1)))
    _line(axes, picture, trial.curve, color=INK, lw=1.6)
    end = trial.curve.finite()
    axes.plot(end.steps[-1:], picture.place(end.values[-1:]), "o", ms=5, color=STOPPED, zorder=5)
    wrong = picture.wrongly_stopped(trial)
    axes.set_title(f"{trial.number}, {picture.step} {decision.cutoff:g}", size=9, loc="left", color=INK)
    axes.set_title(
        f"P(beat) = {decision.p_beat:.2g}" + (", yet it did" if wrong else ""),
        size=9,
        loc="right",
        color=STOPPED if wrong else GREY,
    )


def _line(axes: Axes, picture: StudyPicture, curve: Curve, **style: Any) -> None:
    axes.plot(curve.steps, picture.place(curve.values), **style)


def _style(axes: Axes, picture: StudyPicture) -> None:
    axes.set_xlim(0, picture.horizon * 1.01)
    axes.set_ylim(*picture.limits())
    heights, labels = zip(*picture.ticks(), strict=True)
    axes.set_yticks(heights, labels)
    axes.grid(axis="y", color="#e6e6e6", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#bbbbbb")
    axes.tick_params(colors=INK, length=0)


def _legend(axes: Axes, picture: StudyPicture) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=INCUMBENT, lw=2.4, label="best trial; dashed: incumbent at the stop"),
        Line2D([], [], color=WHOLE, lw=1.2, label="other trials that ran to the end"),
        Line2D([], [], color=GREY, lw=1.2, marker="o", mec=STOPPED, mfc=STOPPED, ms=4, label="stopped"),
        Patch(color=BAND, alpha=0.4, label="forecast: median and 90 % interval"),
        Line2D([], [], color=GREY, lw=1.2, ls=(0, (1, 1)), label="what it did when trained on"),
    ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        columnspacing=1.4,
        handlelength=1.8,
        labelcolor=INK,
    )
