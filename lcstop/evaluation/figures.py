"""The figures of an evaluation, drawn from its summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lcstop._utils.figure_files import new_figure, style
from lcstop._utils.palette import BAND, GREY, INCUMBENT, INK, STOPPED, WHOLE
from lcstop.evaluation.cases import LABELS, SHARES
from lcstop.evaluation.summary import BINS, scopes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = (BAND, INCUMBENT, STOPPED, WHOLE, INK)


def draw(summary: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write ``pit.png``, ``coverage.png`` and ``log_likelihood.png`` into ``folder``.

    Args:
        summary: Result of :func:`lcstop.evaluation.summary.summarise`, with ``surrogates`` added.
        folder: An existing folder.

    Returns:
        Paths of the three files.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    scopes = scopes_of(summary["tasks"])
    surrogates = list(summary["surrogates"])
    colors = {name: _COLORS[i % len(_COLORS)] for i, name in enumerate(surrogates)}
    calibration = {
        (row["scope"], row["surrogate"]): np.array(row["pit"])
        for row in summary["calibration"]
        if row["cases"]
    }
    paths = [folder / name for name in ("pit.png", "coverage.png", "log_likelihood.png")]
    _pits(calibration, scopes, surrogates, colors).savefig(paths[0])
    _panels(scopes, colors, "Coverage of central intervals", _coverage(calibration)).savefig(paths[1])
    title = "Mean log-likelihood on the unit interval, by cutoff"
    _panels(scopes, colors, title, _by_cutoff(summary["by_cutoff"])).savefig(paths[2])
    return paths


def _pits(
    calibration: Mapping[tuple[str, str], Any],
    scopes: list[str],
    surrogates: list[str],
    colors: dict[str, str],
) -> Figure:
    title = "Probability integral transform at the horizon"
    figure = new_figure(2.3 * len(surrogates) + 1.5, 1.3 * len(scopes) + 0.8, title)
    grid = figure.subplots(len(scopes), len(surrogates), squeeze=False, sharex=True, sharey="row")
    middles = (np.arange(BINS) + 0.5) / BINS
    for row, scope in zip(grid, scopes, strict=True):
        row[0].set_ylabel(scope, size=8, color=INK, rotation=0, ha="right", va="center")
        for axes, surrogate in zip(row, surrogates, strict=True):
            style(axes, surrogate if scope == scopes[0] else "", 9)
            axes.axhline(1, color=GREY, lw=0.8, ls=(0, (4, 2)))
            if (counts := calibration.get((scope, surrogate))) is not None:
                axes.bar(middles, counts * (BINS / counts.sum()), 0.9 / BINS, color=colors[surrogate])
    return figure


def _panels(
    scopes: list[str], colors: dict[str, str], title: str, draw_line: Callable[[Axes, str, str, str], None]
) -> Figure:
    """A figure with one panel per scope and one line per surrogate."""
    from matplotlib.lines import Line2D

    columns = min(3, len(scopes))
    rows = -(-len(scopes) // columns)
    figure = new_figure(3.6 * columns, 2.7 * rows + 0.8, title)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, scope in zip(panels, scopes, strict=False):
        style(axes, scope, 9)
        for surrogate, color in colors.items():
            draw_line(axes, scope, surrogate, color)
    handles = [Line2D([], [], color=color, label=surrogate) for surrogate, color in colors.items()]
    figure.legend(handles=handles, loc="outside lower left", ncols=len(colors), frameon=False, fontsize=8)
    for axes in panels[len(scopes) :]:
        axes.set_visible(False)
    return figure


def _coverage(calibration: Mapping[tuple[str, str], Any]) -> Callable[[Axes, str, str, str], None]:
    nominal = np.arange(BINS // 2 + 1) * (2 / BINS)

    def draw_line(axes: Axes, scope: str, surrogate: str, color: str) -> None:
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=(0, (4, 2)))
        if (counts := calibration.get((scope, surrogate))) is not None:
            # Central intervals are symmetric around the median, so the histogram is folded there.
            folded = counts[BINS // 2 :] + counts[: BINS // 2][::-1]
            covered = np.concatenate([[0], np.cumsum(folded)]) / counts.sum()
            axes.plot(nominal, covered, "o-", ms=3, lw=1.4, color=color)
        axes.set_xlabel("nominal", size=8, color=INK)
        axes.set_ylabel("covered", size=8, color=INK)

    return draw_line


def _by_cutoff(rows: list[dict[str, Any]]) -> Callable[[Axes, str, str, str], None]:
    cells = {(row["scope"], row["surrogate"], row["cutoff"]): row for row in rows if row["n"]}

    def draw_line(axes: Axes, scope: str, surrogate: str, color: str) -> None:
        for labels in (LABELS[: len(SHARES)], LABELS[len(SHARES) :]):
            found = [(LABELS.index(label), cells.get((scope, surrogate, label))) for label in labels]
            points = [(i, cell["mean"], cell["error"]) for i, cell in found if cell]
            if points:
                x, mean, error = zip(*points, strict=True)
                axes.errorbar(x, mean, error, fmt="o-", ms=3, lw=1.4, capsize=2, color=color)
        axes.set_xticks(range(len(LABELS)), [label.replace(" points", "\npoints") for label in LABELS])

    return draw_line
