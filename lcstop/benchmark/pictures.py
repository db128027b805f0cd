"""Figures of the mean regret by epochs, one panel per task: a PNG and an interactive HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lcstop._utils.figure_files import new_figure, style, write_page
from lcstop._utils.palette import BAND, GREY, INCUMBENT, INK, STOPPED, WHOLE
from lcstop.benchmark.summary import NO_STOPPING

_COLORS = (BAND, INCUMBENT, STOPPED, "#009e73", "#cc79a7", WHOLE, "#5b4db8", "#7a5c00")

_MIN_REGRET = 1e-4
"""Lowest regret on the logarithmic axis, as a share of the highest. Lower ones are drawn there."""

_COLUMNS = 4
"""Maximum number of panels side by side."""


def draw(summary: Mapping[str, Any], folder: Path, name: str) -> list[Path]:
    """Write ``NAME.png`` and ``NAME.html``.

    Args:
        summary: Result of :func:`lcstop.benchmark.summary.summarise`, with ``config`` added.
        folder: An existing folder.
        name: Name of the files, without suffix.

    Returns:
        Paths of the two files.

    Raises:
        ModuleNotFoundError: If matplotlib or plotly is not installed.
    """
    paths = [folder / f"{name}.png", folder / f"{name}.html"]
    _draw_png(summary, paths[0])
    _draw_html(summary, paths[1])
    return paths


def line_styles(summary: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Colour and dash of each drawn setting. These are the columns of the table by task."""
    shown = summary["shown"]
    colored = [name for name in shown if not name.startswith("limits.")]
    styles = {name: (_COLORS[i % len(_COLORS)], "solid") for i, name in enumerate(colored)}
    for name in shown:
        if name not in styles:
            styles[name] = (INK if name == NO_STOPPING else GREY, "dash")
    return styles


def _line(summary: Mapping[str, Any], task: Mapping[str, Any], setting: str) -> tuple[Any, Any]:
    """Epochs in units of full runs, and regret, both ``[n_points]``."""
    regret = np.array(summary["regret"][task["task"]][setting])
    epochs = 1 + np.linspace(0, task["budget"] - 1, len(regret))
    return epochs / task["horizon"], np.maximum(regret, _MIN_REGRET * abs(task["best"] - task["start"]))


def _title(summary: Mapping[str, Any]) -> str:
    config = summary["config"]
    parallel = "" if config["workers"] == 1 else f", {config['workers']} workers"
    return f"Mean regret over {config['orders']} orders, target {config['target']}{parallel}"


def _draw_png(summary: Mapping[str, Any], path: Path) -> None:
    from matplotlib.lines import Line2D

    tasks, styles = summary["tasks"], line_styles(summary)
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = new_figure(3.4 * max(columns, 2), 2.5 * rows + 1.4, _title(summary))
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, task in zip(panels, tasks, strict=False):
        for setting, (color, dash) in styles.items():
            x, y = _line(summary, task, setting)
            axes.plot(x, y, color=color, lw=1.3, ls=(0, (4, 2)) if dash == "dash" else "-")
        axes.set_yscale("log")
        axes.set_xlabel("full runs", size=7, color=INK)
        style(axes, task["task"] + ("" if task["counts"] else " *"), 7)
    for axes in panels[len(tasks) :]:
        axes.set_visible(False)
    handles = [
        Line2D([], [], color=color, ls="--" if dash == "dash" else "-", label=name)
        for name, (color, dash) in styles.items()
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=7)
    figure.savefig(path)


def _draw_html(summary: Mapping[str, Any], path: Path) -> None:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    tasks, styles = summary["tasks"], line_styles(summary)
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    names = [task["task"] + ("" if task["counts"] else " *") for task in tasks]
    # Plotly takes gaps as shares of the whole height, which grows with the number of rows.
    figure = make_subplots(rows, columns, subplot_titles=names, vertical_spacing=0.25 / rows)
    for i, task in enumerate(tasks):
        for setting, (color, dash) in styles.items():
            x, y = _line(summary, task, setting)
            trace = go.Scatter(
                x=x.round(3).tolist(),
                y=y.tolist(),
                mode="lines",
                line={"color": color, "dash": dash, "width": 1.6},
                name=setting,
                legendgroup=setting,
                showlegend=i == 0,
                hovertemplate=f"{setting}<br>%{{x:.2f}} full runs: %{{y:.4g}}<extra></extra>",
            )
            figure.add_trace(trace, row=i // columns + 1, col=i % columns + 1)
    figure.update_yaxes(type="log", exponentformat="power", zeroline=False)
    figure.update_xaxes(title="full runs", title_font={"size": 11}, zeroline=False)
    figure.update_annotations(font={"size": 12})
    write_page(
        figure,
        path,
        _title(summary),
        height=320 * rows + 160,
        legend={"orientation": "h", "y": 1 + 0.12 / rows, "yanchor": "bottom"},
        margin={"t": 160},
    )
