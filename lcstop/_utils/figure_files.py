"""Figures in files: an empty PNG figure, and a page of plotly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lcstop._utils.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, title: str) -> Figure:
    """A figure with a title, in inches, without matplotlib's global state and without a window.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", size=12, weight="bold", color=INK)
    return figure


def style(axes: Axes, title: str, size: float) -> None:
    """Put the title at the left, and leave out the frame at the top and at the right.

    Args:
        axes: The axes.
        title: Their title.
        size: Size of the title in points; the numbers at the axes are one point smaller.
    """
    axes.set_title(title, size=size, loc="left", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=size - 1, colors=INK, which="both")


def write_page(figure: Any, path: Path, title: str, **layout: Any) -> None:
    """Write a figure of plotly as a page that needs no network.

    Args:
        figure: A ``plotly.graph_objects.Figure``.
        path: The HTML file.
        title: Title of the figure.
        layout: More of the layout, as for ``figure.update_layout``.
    """
    font = {"color": INK, "family": "system-ui, sans-serif"}
    figure.update_layout(template="plotly_white", title=title, font=font, **layout)
    page = figure.to_html(include_plotlyjs=True, config={"displaylogo": False})
    path.write_text(page, encoding="utf-8")
