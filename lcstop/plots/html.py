"""A picture of a study to explore in a browser, by plotly: point at a trial to see why it was stopped."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from lcstop.curve import Curve
from lcstop.plots.colors import BAND, GREY, INCUMBENT, INK, STOPPED, WHOLE
from lcstop.plots.picture import DrawnTrial, StudyPicture

# Runs in the browser: shows the trial pointed at in the figure's last traces, which hold nothing else.
_SCRIPT = """
const plot = document.getElementById('{plot_id}');
const meta = plot.layout.meta;
let shown = null;
function show(event) {
  const number = event.points[0].customdata;
  if (number === undefined || number === shown) return;
  shown = number;
  const parts = meta.parts.map(name => meta.trials[number].lines[name]);
  Plotly.update(
    plot,
    {x: parts.map(part => part.x), y: parts.map(part => part.y)},
    {'annotations[0].text': meta.trials[number].text},
    parts.map((_, i) => meta.first + i)
  );
}
plot.on('plotly_hover', show);
plot.on('plotly_click', show);
"""

Line = dict[str, list[float | None]]


def draw_html(picture: StudyPicture, path: Path) -> None:
    """Write ``path``, one file that needs no network: pointing at a trial shows its forecast and reason.

    Example:
        >>> import tempfile
        >>> from lcstop.plots import DrawnTrial, StudyPicture
        >>> trials = [DrawnTrial(0, Curve([1, 2, 3], [0.2, 0.6, 0.8], horizon=3))]
        >>> picture = StudyPicture("A study", "1 trial", "accuracy", "epoch", "maximize", 1.0, trials)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     draw_html(picture, Path(folder, "study.html"))
        ...     "plotly" in Path(folder, "study.html").read_text(encoding="utf-8")
        True
    """
    import plotly.graph_objects as go

    stops = picture.highlights(3) or picture.trials
    shown = stops[len(stops) // 2]
    figure = go.Figure()
    seen: set[str] = set()
    for trial in picture.trials:
        name, color, width = _look(picture, trial)
        figure.add_scatter(
            **_line(picture, trial.curve),
            mode="lines+markers",
            # A marker where the trial was stopped; elsewhere it is there only to be pointed at.
            marker={"color": STOPPED, "size": [0] * (len(trial.curve) - 1) + [7 if trial.stop else 0]},
            line={"color": color, "width": width},
            name=name,
            legendgroup=name,
            showlegend=name not in seen,
            customdata=[trial.number] * len(trial.curve),
            text=[f"{value:.4g}" for value in trial.curve.values],
            hovertemplate=_hover(picture, trial),
        )
        seen.add(name)
    figure.add_traces(_selected_traces(picture, shown))
    _lay_out(figure, picture, shown)
    path.parent.mkdir(parents=True, exist_ok=True)
    page = figure.to_html(include_plotlyjs=True, post_script=_SCRIPT, config={"displaylogo": False})
    path.write_text(page, encoding="utf-8")


def _selected_traces(picture: StudyPicture, trial: DrawnTrial) -> list[dict[str, Any]]:
    looks: dict[str, dict[str, Any]] = {
        "low": {"line": {"width": 0}, "showlegend": False},
        "high": {
            "line": {"width": 0},
            "fill": "tonexty",
            "fillcolor": _faint(BAND, 0.25),
            "name": "90 % interval",
        },
        "median": {"line": {"color": BAND, "width": 2.5}, "name": "predicted median"},
        "incumbent": {
            "line": {"color": INCUMBENT, "width": 1.5, "dash": "dash"},
            "name": "incumbent at the stop",
        },
        "whole": {"line": {"color": INK, "width": 1.5, "dash": "dot"}, "name": "what it did when trained on"},
        "curve": {"line": {"color": INK, "width": 3}, "name": "trial pointed at"},
    }
    lines = _selected(picture, trial)
    return [
        {"type": "scatter", "mode": "lines", "hoverinfo": "skip", **lines[part], **look}
        for part, look in looks.items()
    ]


def _selected(picture: StudyPicture, trial: DrawnTrial) -> dict[str, Line]:
    """The lines that show one trial, empty where it has none; in the order of the figure's last traces."""
    nothing: Line = {"x": [], "y": []}
    lines = dict.fromkeys(("low", "high", "median", "incumbent", "whole"), nothing)
    if trial.stop and trial.stop.band:
        band = trial.stop.band
        for part, values in (("low", band.low), ("high", band.high), ("median", band.median)):
            lines[part] = _line(picture, Curve(band.steps, values, picture.horizon))
    if trial.stop and trial.stop.decision.incumbent is not None:
        height = float(picture.place(trial.stop.decision.incumbent))
        lines["incumbent"] = {"x": [0.0, picture.horizon], "y": [height, height]}
    if trial.stop and trial.whole:
        lines["whole"] = _line(picture, trial.whole)
    return {**lines, "curve": _line(picture, trial.curve)}


def _line(picture: StudyPicture, curve: Curve) -> Line:
    heights = [round(height, 4) for height in picture.place(curve.values).tolist()]
    return {"x": curve.steps.tolist(), "y": [None if math.isnan(y) else y for y in heights]}


def _look(picture: StudyPicture, trial: DrawnTrial) -> tuple[str, str, float]:
    """Name, colour and width of a trial's line."""
    if trial is picture.winner:
        return "best trial", INCUMBENT, 3.0
    if trial.stop:
        return "stopped", _faint(GREY, 0.6), 1.2
    return "ran to the end", _faint(WHOLE, 0.6), 1.2


def _hover(picture: StudyPicture, trial: DrawnTrial) -> str:
    end = f"stopped at {picture.step} {trial.stop.decision.cutoff:g}" if trial.stop else "ran to the end"
    return f"trial {trial.number}, {picture.step} %{{x}}: <b>%{{text}}</b><br>{end}<extra></extra>"


def _text(picture: StudyPicture, trial: DrawnTrial) -> str:
    """What is known about the trial pointed at, in one or two lines."""
    if not trial.stop:
        top = trial.curve.best(picture.direction)
        reached = "no finite value" if top is None else f"best {top:.4g}"
        return f"<b>trial {trial.number}</b> ran to {picture.step} {trial.curve.cutoff:g}: {reached}"
    decision = trial.stop.decision
    moment = f"<b>trial {trial.number}</b> stopped at {picture.step} {decision.cutoff:g}"
    text = f"{moment}: {escape(decision.reason)}"
    top = trial.whole.best(picture.direction) if trial.whole else None
    if top is None:
        return text
    verdict = "would have beaten" if picture.wrongly_stopped(trial) else "would not have beaten"
    return f"{text}<br>trained on, its best was {top:.4g}: it {verdict} the incumbent"


def _lay_out(figure: Any, picture: StudyPicture, shown: DrawnTrial) -> None:
    heights, labels = zip(*picture.ticks(), strict=True)
    figure.update_layout(
        template="plotly_white",
        font={"family": "system-ui, sans-serif", "color": INK, "size": 14},
        title={
            "text": (
                f"<b>{escape(picture.title)}</b>"
                f"<br><sub>{escape(picture.subtitle)}. Point at a trial to see its forecast.</sub>"
            ),
            "x": 0.01,
            "y": 0.96,
            "yanchor": "top",
            "font": {"size": 22},
        },
        height=720,
        margin={"l": 75, "r": 30, "t": 150, "b": 60},
        hovermode="closest",
        legend={"orientation": "v", "x": 1.01, "y": 1, "yanchor": "top"},
        annotations=[
            {
                "text": _text(picture, shown),
                "x": 0,
                "y": 1.02,
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
                "align": "left",
                "showarrow": False,
            }
        ],
        meta={
            "first": len(picture.trials),
            "parts": list(_selected(picture, shown)),
            "trials": {
                trial.number: {"lines": _selected(picture, trial), "text": _text(picture, trial)}
                for trial in picture.trials
            },
        },
    )
    figure.update_xaxes(title=picture.step, range=[0, picture.horizon * 1.01], showgrid=False, zeroline=False)
    figure.update_yaxes(
        title=f"{picture.metric} (log distance from {picture.ideal:g})",
        range=picture.limits(),
        tickvals=heights,
        ticktext=labels,
        zeroline=False,
    )


def _faint(color: str, opacity: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"
