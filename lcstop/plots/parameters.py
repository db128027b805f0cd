"""Figures of the hyperparameters of a review by plotly: what was stopped, by their values."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from lcstop._utils.palette import BAND, GREY, INCUMBENT, STOPPED
from lcstop.plots.figures import GROUPS, base_figure, round_all, scale_values
from lcstop.plots.parameter_axes import parameter_axes
from lcstop.plots.series import group_of, value_axis
from lcstop.review.review import Review, ReviewedTrial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MARKERS: dict[str, dict[str, Any]] = {
    "stopped": {"color": STOPPED, "size": 7, "symbol": "x"},
    "not stopped": {"color": BAND, "size": 8, "symbol": "circle"},
    "best": {"color": INCUMBENT, "size": 15, "symbol": "star"},
}
"""Groups of trials and the styles of their marks."""


def plot_parameters(review: Review) -> Figure:
    """Parallel coordinates: a line for each trial through its hyperparameters, to its best report.

    The ``customdata`` of each point is the number of its trial. A trial without some hyperparameter has a gap
    there.

    Args:
        review: The review.

    Raises:
        ValueError: If no hyperparameter has two values.

    Example:
        >>> from lcstop.review.example import example
        >>> figure = plot_parameters(example())
        >>> [trace.name for trace in figure.data], figure.layout.xaxis.ticktext
        (['stopped', 'not stopped', 'best'], ('lr', 'accuracy'))
    """
    axes = parameter_axes(review)
    if not axes:
        raise ValueError(f"study {review.study.name!r} has no hyperparameter with two values")
    figure = base_figure("", "")
    for group, style in GROUPS.items():
        x, y, number = list[float | None](), list[float | None](), list[int]()
        for row, trial in enumerate(review.trials):
            if group_of(review, trial) == group:
                x += [*range(len(axes)), None]
                y += [
                    *round_all(math.nan if (p := axis.positions[row]) is None else p for axis in axes),
                    None,
                ]
                number += [trial.record.number] * (len(axes) + 1)
        figure.add_scatter(
            x=x,
            y=y,
            customdata=number,
            mode="lines",
            name=group,
            line=style,
            hovertemplate="trial %{customdata}<extra></extra>",
        )
    for place, axis in enumerate(axes):
        figure.add_vline(x=place, line={"color": GREY, "width": 1}, layer="below")
        for position, word in axis.ticks:
            outside = {0.0: -11, 1.0: 11}.get(position, 0)
            figure.add_annotation(
                x=place, y=position, text=escape(word), showarrow=False, yshift=outside, bgcolor="#ffffff"
            )
    figure.update_xaxes(
        tickvals=[*range(len(axes))],
        ticktext=[escape(axis.name) for axis in axes],
        range=[-0.35, len(axes) - 0.65],
        showline=False,
    )
    figure.update_yaxes(visible=False, range=[-0.12, 1.1])
    return figure


def plot_slice(review: Review, name: str) -> Figure:
    """The best report of each trial by one hyperparameter. Values outside the axis are at its ends.

    Args:
        review: The review.
        name: Name of the hyperparameter.

    Raises:
        ValueError: If the hyperparameter has no two values.

    Example:
        >>> from lcstop.review.example import example
        >>> [trace.name for trace in plot_slice(example(), "lr").data]
        ['stopped', 'not stopped', 'best']
    """
    axis = next((axis for axis in parameter_axes(review)[:-1] if axis.name == name), None)
    if axis is None:
        raise ValueError(f"study {review.study.name!r} has no hyperparameter {name!r} with two values")
    figure, values = base_figure(escape(name), escape(review.study.metric)), value_axis(review)
    for group, style in MARKERS.items():
        shown = [
            trial
            for row, trial in enumerate(review.trials)
            if group_of(review, trial) == group and axis.positions[row] is not None
        ]
        best = [trial.curve.best(review.study.direction) for trial in shown]
        figure.add_scatter(
            x=[_value(trial, name) for trial in shown],
            y=round_all(math.nan if y is None else min(max(y, values.low), values.high) for y in best),
            customdata=[trial.record.number for trial in shown],
            mode="markers",
            name=group,
            marker=style,
            hovertemplate="trial %{customdata}: <b>%{y:.5~g}</b><extra></extra>",
        )
    scale_values(figure, review)
    figure.update_xaxes(type=axis.kind)
    return figure


def _value(trial: ReviewedTrial, name: str) -> float | str:
    value = {str(key): value for key, value in (trial.record.curve.params or {}).items()}[name]
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else escape(str(value))
