"""What ``lcstop predict`` shows of one curve: figures, a sparkline, a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from lcstop._utils.palette import BAND, INCUMBENT, INK
from lcstop.curves.curve import Curve, Direction
from lcstop.curves.scale import MetricScale
from lcstop.review.band import Band, forecast_band
from lcstop.surrogates import load_surrogate

_ROWS = 8
"""Later steps in the table."""

_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.-=*#%@"
"""From the least value to the greatest; the second for terminals without Unicode."""


@dataclass(frozen=True)
class PredictedCurve:
    """The forecast of one curve.

    Attributes:
        curve: What was observed.
        metric: Name of the metric.
        band: Median and 90 % interval at every later step.
        at: Some of these steps, the horizon last.
        incumbent: A value to beat, None if there is none.
        p_beat: Probability of being better than that at each step of ``at``.
    """

    curve: Curve
    metric: str
    band: Band
    at: NDArray[np.intp]
    incumbent: float | None
    p_beat: NDArray[np.float64] | None

    def rows(self) -> list[dict[str, float]]:
        """One row for each step of ``at``."""
        band = self.band
        found = []
        for i, place in enumerate(self.at):
            row = {
                "step": float(band.steps[place]),
                "median": float(band.median[place]),
                "low": float(band.low[place]),
                "high": float(band.high[place]),
            }
            found.append(row if self.p_beat is None else {**row, "p_beat": float(self.p_beat[i])})
        return found

    def as_dict(self) -> dict[str, Any]:
        """Every figure, ready for JSON; ``low`` and ``high`` are the 5 % and 95 % quantiles."""
        return {
            "metric": self.metric,
            "cutoff": self.curve.cutoff,
            "horizon": self.curve.horizon,
            "incumbent": self.incumbent,
            "forecast": self.rows(),
        }

    def table(self) -> Table:
        """The rows, for a terminal."""
        table = Table(title=f"{self.metric} after step {self.curve.cutoff:g}")
        titles = ["step", "median", "90 % interval"]
        if self.incumbent is not None:
            titles.append(f"P(beat {self.incumbent:.5g})")
        for title in titles:
            table.add_column(title, justify="right")
        for row in self.rows():
            cells = [f"{row['step']:g}", f"{row['median']:.5g}", f"{row['low']:.5g} to {row['high']:.5g}"]
            table.add_row(*cells, *([f"{row['p_beat']:.3g}"] if "p_beat" in row else []))
        return table

    def sparkline(self, width: int, ascii_only: bool = False) -> Text:
        """Observed values and predicted medians in one line of at most ``width`` characters.

        Args:
            width: Of the terminal.
            ascii_only: Whether the terminal lacks Unicode.
        """
        seen = self.curve.finite()
        steps = np.concatenate([seen.steps, self.band.steps])
        values = np.concatenate([seen.values, self.band.median])
        n = min(max(10, width - 24), math.ceil(self.curve.horizon))
        at = np.linspace(steps[0], steps[-1], n)
        shown = np.interp(at, steps, values)
        low, high = float(values.min()), float(values.max())
        bars = _ASCII_BARS if ascii_only else _BARS
        place = (shown - low) / ((high - low) or 1.0) * (len(bars) - 1)
        line = "".join(bars[round(float(i))] for i in place)
        n_seen = int((at <= seen.cutoff).sum())
        return Text.assemble(
            f"{values[0]:.4g} ", (line[:n_seen], "bold"), (line[n_seen:], "cyan"), f" {values[-1]:.4g}"
        )

    def draw(self, path: Path) -> None:
        """Write a picture of the curve and its forecast.

        Raises:
            ImportError: If matplotlib is not installed.
            OSError: If ``path`` cannot be written.
            ValueError: If the ending of ``path`` is not that of a kind of picture.
        """
        # A figure without pyplot: no window, no global state.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes, band, seen = figure.add_subplot(), self.band, self.curve.finite()
        axes.fill_between(
            band.steps, band.low, band.high, color=BAND, alpha=0.25, lw=0, label="90 % interval"
        )
        axes.plot(band.steps, band.median, color=BAND, label="predicted median")
        axes.plot(seen.steps, seen.values, color=INK, marker=".", label="observed")
        if self.incumbent is not None:
            axes.axhline(self.incumbent, color=INCUMBENT, ls=(0, (4, 2)), label="incumbent")
        axes.set(xlabel="step", ylabel=self.metric, xlim=(0, self.curve.horizon * 1.01))
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def predict_curve(
    curve: Curve,
    direction: Direction,
    metric: str = "value",
    lower: float | None = None,
    upper: float | None = None,
    incumbent: float | None = None,
    surrogate: str = "lcpfn",
) -> PredictedCurve:
    """Forecast the rest of one curve, without any other trial.

    Args:
        curve: What was observed; before its horizon, with a finite value.
        direction: ``maximize`` or ``minimize``.
        metric: Name of the metric.
        lower: Least possible value of the metric.
        upper: Greatest possible value of the metric.
        incumbent: A value to beat.
        surrogate: What predicts.

    Raises:
        ValueError: If a bound is not on its side of the curve, or there is no such surrogate.

    Example:
        >>> curve = Curve([1, 2, 3], [0.41, 0.55, 0.61], horizon=50)
        >>> found = predict_curve(curve, "maximize", lower=0, upper=1, incumbent=0.99)
        >>> [row["step"] for row in found.rows()][-1], bool(found.p_beat[-1] < 0.5)
        (50.0, True)
    """
    model, finite = load_surrogate(surrogate), curve.finite()
    scale = _scale(finite, direction, lower, upper)
    band = forecast_band(model, finite, scale, (lower, upper), max_steps=math.ceil(curve.horizon))
    at = np.unique(np.linspace(0, len(band.steps) - 1, _ROWS).round().astype(np.intp))
    p_beat = None
    if incumbent is not None:
        p_beat = model.forecast([finite], band.steps[at].tolist(), scale).prob_better(incumbent)[0]
    return PredictedCurve(curve, metric, band, at, incumbent, p_beat)


def _scale(curve: Curve, direction: Direction, lower: float | None, upper: float | None) -> MetricScale:
    """Known bounds are the ends of the range that is looked at; else the curve's own start and best are."""
    extent = curve.finite_range
    assert extent is not None  # a finite curve with a point
    if (lower is not None and lower > extent.low) or (upper is not None and upper < extent.high):
        raise ValueError(
            f"the curve must be within its bounds, got values from {extent.low:g} to {extent.high:g}, "
            f"{lower=}, {upper=}"
        )
    own = MetricScale.from_study(direction, [curve])
    return MetricScale(
        direction,
        lower=-math.inf if lower is None else lower,
        upper=math.inf if upper is None else upper,
        soft_lower=own.soft_lower if lower is None else lower,
        soft_upper=own.soft_upper if upper is None else upper,
    )
