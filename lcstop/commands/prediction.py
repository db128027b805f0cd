"""The output of ``lcstop predict``: figures, a sparkline and a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from lcstop.surrogates import load_surrogate
from lcstop.surrogates.band import Band, forecast_band

_ROWS = 8
"""Maximum number of rows of the table."""

_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.-=*#%@"
"""Characters of the sparkline, from the lowest to the highest value, with and without Unicode."""


@dataclass(frozen=True)
class PredictedCurve:
    """The forecast of one curve.

    Attributes:
        curve: The observed curve.
        metric: Name of the metric.
        band: Median and 90 % interval at every future step.
        at: ``[n]``, positions in ``band`` of the steps in the table. The last one is the horizon.
        incumbent: Value to beat; None if there is none.
        p_beat: ``[n]``, probability of a value better than the incumbent at these steps; None without one.
        reason: What would be decided in the study, and why; empty without a study.
    """

    curve: Curve
    metric: str
    band: Band
    at: NDArray[np.intp]
    incumbent: float | None
    p_beat: NDArray[np.float64] | None
    reason: str = ""

    def rows(self) -> list[dict[str, float]]:
        """The figures at the steps of ``at``."""
        band = self.band
        rows = []
        for i, position in enumerate(self.at):
            row = {
                "step": float(band.steps[position]),
                "median": float(band.median[position]),
                "low": float(band.low[position]),
                "high": float(band.high[position]),
            }
            rows.append(row if self.p_beat is None else {**row, "p_beat": float(self.p_beat[i])})
        return rows

    def as_dict(self) -> dict[str, Any]:
        """All figures as a dictionary for JSON. ``low`` and ``high`` are the 5 % and 95 % quantiles."""
        return {
            "metric": self.metric,
            "cutoff": self.curve.cutoff,
            "horizon": self.curve.horizon,
            "incumbent": self.incumbent,
            "forecast": self.rows(),
            "reason": self.reason,
        }

    def table(self) -> Table:
        """The rows as a table."""
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
        """Observed values and predicted medians as one line of bars.

        Args:
            width: Maximum number of characters.
            ascii_only: Whether the terminal lacks Unicode.
        """
        observed = self.curve.finite()
        steps = np.concatenate([observed.steps, self.band.steps])
        values = np.concatenate([observed.values, self.band.median])
        n = min(max(10, width - 24), math.ceil(self.curve.horizon))
        at = np.linspace(steps[0], steps[-1], n)
        shown = np.interp(at, steps, values)
        low, high = float(values.min()), float(values.max())
        bars = _ASCII_BARS if ascii_only else _BARS
        heights = (shown - low) / ((high - low) or 1.0) * (len(bars) - 1)
        line = "".join(bars[round(float(height))] for height in heights)
        n_observed = int((at <= observed.cutoff).sum())
        return Text.assemble(
            f"{values[0]:.4g} ",
            (line[:n_observed], "bold"),
            (line[n_observed:], "cyan"),
            f" {values[-1]:.4g}",
        )

    def draw(self, path: Path) -> None:
        """Write a plot of the curve and its forecast.

        Raises:
            ImportError: If matplotlib is not installed.
            OSError: If ``path`` cannot be written.
            ValueError: If matplotlib does not know the suffix of ``path``.
        """
        # pyplot has global state and may open windows, so the figure is made without it.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4.5), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes, band, observed = figure.add_subplot(), self.band, self.curve.finite()
        axes.fill_between(
            band.steps, band.low, band.high, color=BAND, alpha=0.25, lw=0, label="90 % interval"
        )
        axes.plot(band.steps, band.median, color=BAND, label="predicted median")
        axes.plot(observed.steps, observed.values, color=INK, marker=".", label="observed")
        if self.incumbent is not None:
            axes.axhline(self.incumbent, color=INCUMBENT, ls=(0, (4, 2)), label="value to beat")
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
    others: Sequence[Curve] = (),
) -> PredictedCurve:
    """Forecast the rest of one curve.

    Args:
        curve: The observed curve, with a finite value and a cutoff before its horizon.
        direction: ``maximize`` or ``minimize``.
        metric: Name of the metric.
        lower: Lowest possible value of the metric; None for no bound.
        upper: Highest possible value of the metric; None for no bound.
        incumbent: Value to beat; None for none.
        surrogate: Name of the surrogate.
        others: Curves of other trials. They show the range of good values.

    Raises:
        ValueError: If there is no bound, no incumbent and no other curve, a value of the curve is outside the
            bounds, ``incumbent`` or a bound is no number, or there is no such surrogate.

    Example:
        >>> curve = Curve([1, 2, 3], [0.41, 0.55, 0.61], horizon=50)
        >>> prediction = predict_curve(curve, "maximize", lower=0, upper=1, incumbent=0.99)
        >>> [row["step"] for row in prediction.rows()][-1], bool(prediction.p_beat[-1] < 0.5)
        (50.0, True)
    """
    for name, value in (("lower", lower), ("upper", upper), ("incumbent", incumbent)):
        if value is not None and math.isnan(value):
            raise ValueError(f"{name} must be a number, got nan")
    model, finite = load_surrogate(surrogate), curve.finite()
    if lower is None and upper is None and incumbent is None and not others:
        raise ValueError(
            "the range of good values is unknown, so no forecast can be made: give a bound of the metric "
            "(--lower 0, --upper 1), the value to beat (--incumbent), or the curve of another trial "
            "(--other FILE)"
        )
    known = [*others] if incumbent is None else [*others, Curve([curve.horizon], [incumbent], curve.horizon)]
    scale = _scale(finite, direction, lower, upper, known)
    band = forecast_band(model, finite, scale, (lower, upper), max_steps=math.ceil(curve.horizon))
    at = rows_of(band)
    p_beat = None
    if incumbent is not None:
        p_beat = model.forecast([finite], band.steps[at].tolist(), scale).prob_better(incumbent)[0]
    return PredictedCurve(curve, metric, band, at, incumbent, p_beat)


def rows_of(band: Band) -> NDArray[np.intp]:
    """The steps of a band that the table shows."""
    return np.unique(np.linspace(0, len(band.steps) - 1, _ROWS).round().astype(np.intp))


def _scale(
    curve: Curve, direction: Direction, lower: float | None, upper: float | None, others: Sequence[Curve]
) -> MetricScale:
    """A scale whose soft range ends at the bounds, or at the initial level and the best value."""
    extent = curve.finite_range
    assert extent is not None  # read_curve refuses curves without a finite value
    if (lower is not None and lower > extent.low) or (upper is not None and upper < extent.high):
        raise ValueError(
            f"the curve must be within its bounds, got values from {extent.low:g} to {extent.high:g}, "
            f"{lower=}, {upper=}"
        )
    own = MetricScale.from_study(direction, others, judged=curve)
    return MetricScale(
        direction,
        lower=-math.inf if lower is None else lower,
        upper=math.inf if upper is None else upper,
        soft_lower=own.soft_lower if lower is None else lower,
        soft_upper=own.soft_upper if upper is None else upper,
    )
