"""The picture of a benchmark of searches: what is lost, against the share of the epochs that is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lcstop._utils.figure_files import new_figure, style, write_page
from lcstop._utils.palette import BAND, GREY, INK, STOPPED
from lcstop.benchmark.settings import LIMITS, OURS
from lcstop.benchmark.summary import ALL, NO_STOPPING

_OTHERS = ("#e08a00", "#009e73", "#cc79a7", "#56a0c8", "#5b4db8", "#7a5c00", "#222222", "#999933")
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")

_PANELS = (("regret", "regret at the end, % (lower is better)"), ("kept", "best trial kept, %"))


class Line(NamedTuple):
    """The settings of a rule that differ in one option.

    Attributes:
        name: Rule and common options.
        source: Source of the rule.
        settings: Names of the settings, by rising share of epochs.
        share: Share of the epochs in percent, one per setting.
        regret: Regret at the end in percent, one per setting.
        kept: Searches whose best trial was kept in percent, one per setting.
    """

    name: str
    source: str
    settings: list[str]
    share: list[float]
    regret: list[float]
    kept: list[float]


def draw(summary: Mapping[str, Any], folder: Path, name: str) -> list[Path]:
    """Write ``NAME.png`` and ``NAME.html``.

    Args:
        summary: Result of :func:`lcstop.benchmark.search_summary.summarise`, with ``config`` added.
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


def lines(summary: Mapping[str, Any]) -> list[Line]:
    """The lines of the picture over all tasks. A rule with one setting is a line of one point."""
    (scope,) = (scope for scope in summary["scopes"] if scope["scope"] == ALL)
    line_of = {setting["setting"]: setting["line"] for setting in summary["settings"]}
    found: dict[str, Line] = {}
    for row in sorted(scope["settings"], key=lambda row: row["share"]):
        name = line_of[row["setting"]]
        line = found.setdefault(name, Line(name, row["source"], [], [], [], []))
        line.settings.append(row["setting"])
        for column in ("share", "regret", "kept"):
            getattr(line, column).append(100 * row[column])
    return sorted(found.values(), key=lambda line: (line.source != OURS, line.source != LIMITS, line.name))


def _styles(shown: list[Line]) -> list[tuple[str, str, float]]:
    """Colour, marker and width of each line. Those of ``lcstop`` are thick."""
    styles, n_ours, n_stock = [], 0, 0
    for line in shown:
        if line.source == OURS:
            styles.append(((BAND, STOPPED)[n_ours % 2], _MARKS[n_ours % len(_MARKS)], 2.4))
            n_ours += 1
        elif line.source == LIMITS:
            styles.append((GREY, "o", 1.2))
        else:
            styles.append((_OTHERS[n_stock % len(_OTHERS)], _MARKS[n_stock % len(_MARKS)], 1.2))
            n_stock += 1
    return styles


def _title(summary: Mapping[str, Any]) -> str:
    config = summary["config"]
    parallel = "" if config["workers"] == 1 else f", {config['workers']} workers"
    return (
        f"{config['trials']} trials, sampler {config['sampler']}, {config['seeds']} seeds, "
        f"{len(summary['tasks'])} tasks{parallel}"
    )


def _draw_png(summary: Mapping[str, Any], path: Path) -> None:
    shown, figure = lines(summary), new_figure(11, 5.6, _title(summary))
    panels = figure.subplots(1, len(_PANELS))
    for axes, (column, label) in zip(panels, _PANELS, strict=True):
        for line, (color, mark, width) in zip(shown, _styles(shown), strict=True):
            y = getattr(line, column)
            axes.plot(line.share, y, color=color, marker=mark, lw=width, ms=3 + width, label=line.name)
            if line.name == NO_STOPPING:
                axes.axhline(y[0], color=color, lw=0.8, ls="--")
        axes.set_xlabel("share of epochs, %", color=INK)
        style(axes, label, 10)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3, frameon=False, fontsize=8)
    figure.savefig(path)


def _draw_html(summary: Mapping[str, Any], path: Path) -> None:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    shown = lines(summary)
    figure = make_subplots(1, len(_PANELS), subplot_titles=[label for _, label in _PANELS])
    for i, (column, _) in enumerate(_PANELS):
        for line, (color, _, width) in zip(shown, _styles(shown), strict=True):
            trace = go.Scatter(
                x=line.share,
                y=getattr(line, column),
                text=line.settings,
                mode="lines+markers",
                line={"color": color, "width": width},
                marker={"size": 5 + width},
                name=line.name,
                legendgroup=line.name,
                showlegend=i == 0,
                hovertemplate="%{text}<br>%{x:.1f} % of the epochs: %{y:.2f} %<extra></extra>",
            )
            figure.add_trace(trace, row=1, col=i + 1)
            if line.name == NO_STOPPING:
                level = getattr(line, column)[0]
                figure.add_hline(level, line={"color": color, "dash": "dash", "width": 1}, row=1, col=i + 1)
    figure.update_xaxes(title="share of epochs, %")
    write_page(figure, path, _title(summary), height=620, legend={"orientation": "h", "y": -0.15})
