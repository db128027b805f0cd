"""Figures of a review by plotly, with the interface of ``optuna.visualization``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from lcstop._utils.palette import BAND, GREY, INCUMBENT, INK, LINE, STOPPED, WHOLE
from lcstop.curves.curve import Curve
from lcstop.plots.series import MIN_FORECASTS, calibration, group_of, incumbents, savings, value_axis
from lcstop.review.review import Review, ReviewedTrial
from lcstop.review.snapshot import Snapshot

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

GROUPS: dict[str, dict[str, Any]] = {
    "stopped": {"color": GREY, "width": 1},
    "not stopped": {"color": BAND, "width": 1.4},
    "best": {"color": INCUMBENT, "width": 3.5},
}
"""Groups of trials and the styles of their lines. Width tells them apart where colours do not."""

PARTS = ("low", "high", "median", "incumbent", "rest", "curve", "now")
"""Traces of :func:`plot_trial`, in order."""


def plot_incumbent(review: Review) -> Figure:
    """The incumbent by trained epochs, with the stops and, if it is known, without them.

    Args:
        review: The review.

    Example:
        >>> from lcstop.review.example import example
        >>> [trace.name for trace in plot_incumbent(example()).data]
        ['without stopping', 'with lcstop']
    """
    figure = base_figure("epochs trained, all trials together", escape(review.study.metric))
    kept, without = incumbents(review)
    for name, line, color, dash in (
        ("without stopping", without, GREY, "dot"),
        ("with lcstop", kept, INCUMBENT, "solid"),
    ):
        if line is not None:
            figure.add_scatter(
                x=round_all(line.x),
                y=round_all(line.y),
                mode="lines",
                name=name,
                line={"color": color, "width": 3 if color == INCUMBENT else 2, "shape": "hv", "dash": dash},
                hovertemplate=f"{name}, after %{{x:,.0f}} epochs: <b>%{{y:.5~g}}</b><extra></extra>",
            )
    values = [*kept.y, *(without.y if without else ())]
    axis = value_axis(review)
    if axis.log or not all(axis.low <= value <= axis.high for value in values):
        scale_values(figure, review)  # the first value must not hide the progress
    elif len(set(values)) == 1:
        margin = 0.05 * abs(values[0]) or 1.0  # an axis close to the value of a constant line
        figure.update_yaxes(range=[values[0] - margin, values[0] + margin])
    return figure


def plot_curves(review: Review) -> Figure:
    """The curves of all trials, with a dot at each stop, live or replayed.

    The ``customdata`` of each point is the number of its trial.

    Args:
        review: The review.

    Example:
        >>> from lcstop.review.example import example
        >>> [trace.name for trace in plot_curves(example()).data]
        ['stopped', 'not stopped', 'best', 'stop']
    """
    study, step = review.study, escape(review.study.step)
    figure = base_figure(step, escape(study.metric))
    for name, style in GROUPS.items():
        figure.add_scatter(
            **_joined(trial for trial in review.trials if group_of(review, trial) == name),
            mode="lines",
            name=name,
            line=style,
            hovertemplate=f"trial %{{customdata}}, {step} %{{x}}: <b>%{{y:.5~g}}</b><extra></extra>",
        )
    for name, trials, symbol, size in (
        ("stop", [t for t in review.stopped if not t.wrong], "circle", 6),
        ("wrong stop", review.wrong, "x", 9),
    ):
        if trials:
            ends = [trial.curve.finite() for trial in trials]
            figure.add_scatter(
                x=[end.cutoff or None for end in ends],
                y=round_all(float(end.values[-1]) if len(end) else math.nan for end in ends),
                customdata=[trial.record.number for trial in trials],
                text=[escape(trial.stop.reason) for trial in trials if trial.stop],
                mode="markers",
                name=name,
                marker={"color": STOPPED, "size": size, "symbol": symbol},
                hovertemplate="trial %{customdata}, stopped: %{text}<extra></extra>",
            )
    scale_values(figure, review)
    figure.update_xaxes(range=[0, study.horizon * 1.01])
    return figure


def plot_trial(review: Review, number: int, snapshot: int = -1) -> Figure:
    """The curve of a trial, and the forecast and the incumbent at one of its snapshots.

    Args:
        review: The review.
        number: Number of the trial.
        snapshot: Index of the snapshot; by default the last one, which is the stop of a stopped trial.

    Raises:
        ValueError: If there is no such trial, or it has made no report.
        IndexError: If it has no such snapshot.

    Example:
        >>> from lcstop.review.example import example
        >>> figure = plot_trial(example(), 1)
        >>> figure.data[2].name, len(figure.data) == len(PARTS)
        ('median', True)
    """
    study, trial = review.study, review.trial(number)
    step = escape(study.step)
    figure = base_figure(step, escape(study.metric))
    styles: dict[str, dict[str, Any]] = {
        "low": {"line": {"width": 0}, "showlegend": False},
        "high": {
            "line": {"width": 0},
            "fill": "tonexty",
            "fillcolor": _faint(BAND, 0.25),
            "name": "90 % interval",
        },
        "median": {"line": {"color": BAND, "width": 2.5}, "name": "median"},
        "incumbent": {"line": {"color": INCUMBENT, "width": 2, "dash": "dash"}, "name": "best so far"},
        "rest": {"line": {"color": GREY, "width": 2, "dash": "dot"}, "name": "later"},
        "curve": {"line": {"color": INK, "width": 3}, "name": "known"},
        "now": {"mode": "markers", "marker": {"color": STOPPED, "size": 9}, "showlegend": False},
    }
    shown = trial.snapshots[snapshot] if trial.snapshots else None
    lines = _trial_lines(review, trial, shown)
    for part in PARTS:
        figure.add_scatter(
            **{"mode": "lines", **lines[part], **styles[part]},
            hovertemplate=f"{step} %{{x:.4~g}}: <b>%{{y:.5~g}}</b><extra>%{{fullData.name}}</extra>",
        )
    if value_axis(review).log:
        figure.update_yaxes(type="log")
    figure.update_xaxes(range=[0, study.horizon * 1.01])
    return figure


def _trial_lines(
    review: Review, trial: ReviewedTrial, snapshot: Snapshot | None
) -> dict[str, dict[str, list[Any]]]:
    """The points of each of :data:`PARTS`; empty lists for parts that a trial does not have."""
    full = trial.record.full_curve or trial.record.curve
    n = snapshot.n if snapshot else trial.n
    known, rest = full.prefix(n), Curve(full.steps[n - 1 :], full.values[n - 1 :], full.horizon)
    lines: dict[str, dict[str, list[Any]]] = {part: {"x": [], "y": []} for part in PARTS}
    lines["curve"], lines["rest"] = _points(known), _points(rest)
    end = known.finite()
    lines["now"] = _points(Curve(end.steps[-1:], end.values[-1:], end.horizon))
    if snapshot and snapshot.band:
        x = round_all(snapshot.band.steps)
        for part in ("low", "median", "high"):
            lines[part] = {"x": x, "y": round_all(getattr(snapshot.band, part))}
    if snapshot and snapshot.decision.incumbent is not None:
        incumbent = round_all([snapshot.decision.incumbent] * 2)
        lines["incumbent"] = {"x": [0, review.study.horizon], "y": incumbent}
    return lines


def plot_calibration(review: Review) -> Figure:
    """Calibration: probability of central intervals at the horizon, and the share that held the final value.

    Only trials with a known final value count. On the diagonal the forecasts are calibrated, above it their
    intervals are too wide, below it too narrow.

    Args:
        review: The review.

    Example:
        >>> from lcstop.review.example import example
        >>> len(plot_calibration(example()).data)
        3
    """
    figure = base_figure("predicted interval", "share that held")
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": GREY, "dash": "dot"},
        showlegend=False,
        hoverinfo="skip",
    )
    for part, color, dash in zip(calibration(review), (WHOLE, BAND), ("solid", "dash"), strict=True):
        if part.n >= MIN_FORECASTS:
            figure.add_scatter(
                x=part.line.x,
                y=round_all(part.line.y),
                mode="lines+markers",
                name=f"{part.name} ({part.n})",
                line={"color": color, "width": 2.5, "dash": dash},
                hovertemplate="%{x:.0%} interval: held %{y:.0%}<extra></extra>",
            )
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(range=[-0.02, 1.02], tickformat=".0%", dtick=0.25)
    return figure


def plot_savings(review: Review) -> Figure:
    """Trained epochs by number of trials, with the stops and without them.

    Args:
        review: The review.

    Example:
        >>> from lcstop.review.example import example
        >>> [trace.name for trace in plot_savings(example()).data]
        ['with lcstop', 'saved']
    """
    figure = base_figure("trials", "epochs")
    kept, without = savings(review)
    for name, line, color, fill in (("with lcstop", kept, BAND, None), ("saved", without, WHOLE, "tonexty")):
        figure.add_scatter(
            x=line.x,
            y=round_all(line.y),
            mode="lines",
            name=name,
            line={"color": color, "width": 2.5 if fill is None else 1},
            fill=fill,
            fillcolor=_faint(WHOLE, 0.25),
            hovertemplate="after %{x} trials: %{y:,.0f} epochs"
            f"{'' if fill is None else ' without stopping'}<extra></extra>",
        )
    figure.update_yaxes(rangemode="tozero")
    return figure


def base_figure(x: str, y: str) -> Figure:
    """An empty figure with titles of its axes, on any ground."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.update_layout(
        template=go.layout.Template(),
        font={"family": "system-ui, sans-serif", "color": INK, "size": 13},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        margin={"l": 8, "r": 12, "t": 34, "b": 8},
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom"},
    )
    shared = {"linecolor": LINE, "zeroline": False, "automargin": True, "exponentformat": "power"}
    figure.update_xaxes(title=x, showgrid=False, **shared)
    figure.update_yaxes(title=y, gridcolor=LINE, **shared)
    return figure


def scale_values(figure: Figure, review: Review) -> None:
    """Scale the vertical axis to the good trials, see :func:`value_axis`."""
    axis = value_axis(review)
    ends = (axis.low, axis.high)
    if axis.log:
        figure.update_yaxes(type="log", range=[math.log10(end) for end in ends])
    else:
        figure.update_yaxes(range=ends)


def _joined(trials: Iterable[ReviewedTrial]) -> dict[str, list[Any]]:
    """Many curves as one trace with gaps. Browsers draw it much faster than many traces."""
    x, y, number = list[Any](), list[Any](), list[Any]()
    for trial in trials:
        points = _points(trial.curve)
        x += [*points["x"], None]
        y += [*points["y"], None]
        number += [trial.record.number] * (len(points["x"]) + 1)
    return {"x": x, "y": y, "customdata": number}


def _points(curve: Curve) -> dict[str, list[Any]]:
    return {"x": round_all(curve.steps), "y": round_all(curve.values)}


def round_all(values: Iterable[float], digits: int = 6) -> list[float | None]:
    """Values with so many significant digits; None for non-finite ones. Six are more than a screen shows."""
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in values]


def _faint(color: str, opacity: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"
