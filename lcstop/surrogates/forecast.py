"""Forecast: the distribution of later values of a curve, in the units of the metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfc, erfcinv, erfinv

from lcstop.curves.scale import MetricScale

Array = NDArray[np.float64]

HALF_NORMAL_MEDIAN = 0.6744897501960817
"""Median of a half-normal distribution of scale 1."""


class BarDistribution:
    """A batch of piecewise-uniform densities on one grid of bins, with half-normal tails.

    The first and the last bin are half-normal tails. Each starts at its inner border and has half of its mass
    within the width of its bin (Müller et al. 2022, arXiv 2112.10510). Every value has positive density.

    Args:
        borders: ``[n_bins + 1]``, strictly increasing.
        logits: ``[..., n_bins]``, log masses of the bins up to a constant.
        tails: Whether the outer bins are half-normal tails; True by default. If False they are uniform, and
            values beyond them have density 0.

    Raises:
        ValueError: If the shapes do not fit, borders do not increase, or logits are NaN, +inf or all -inf.

    Example:
        >>> bars = BarDistribution(np.array([0.0, 0.5, 1.0]), np.zeros((1, 2)), tails=False)
        >>> bars.cdf(0.25).tolist(), bars.quantile(0.75).tolist(), bars.mean().tolist()
        ([0.25], [0.75], [0.5])
    """

    def __init__(self, borders: Array, logits: Array, *, tails: bool = True) -> None:
        borders, logits = np.asarray(borders, np.float64), np.asarray(logits, np.float64)
        if borders.ndim != 1 or logits.ndim < 1 or logits.shape[-1] != len(borders) - 1:
            raise ValueError(f"logits {logits.shape} do not fit borders {borders.shape}: one logit a bin")
        width, top = np.diff(borders), logits.max(-1, keepdims=True)
        if not (width > 0).all():
            raise ValueError("borders must be strictly increasing")
        if not np.isfinite(top).all():
            raise ValueError("logits must be numbers or -inf, at least one finite in each distribution")
        self.borders = borders
        self.tails = tails
        self._logits = logits - top
        self._width = width

    @cached_property
    def log_mass(self) -> Array:
        """Log mass of each bin, ``[..., n_bins]``. Lazy, because :meth:`restrict` does not need it."""
        # scipy's logsumexp takes longer than the head of the network.
        log_mass: Array = self._logits - np.log(np.exp(self._logits).sum(-1, keepdims=True))
        return log_mass

    @property
    def shape(self) -> tuple[int, ...]:
        """Batch shape."""
        shape: tuple[int, ...] = self._logits.shape[:-1]
        return shape

    def restrict(self, lower: float, upper: float) -> BarDistribution:
        """The distribution conditional on values between ``lower`` and ``upper``, without tails.

        Raises:
            ValueError: If ``lower`` or ``upper`` is not an inner border.
        """
        inner = self.borders[1:-1]
        ends = [int(np.searchsorted(inner, edge)) for edge in (lower, upper)]
        for edge, i in zip((lower, upper), ends, strict=True):
            if i == len(inner) or inner[i] != edge:
                raise ValueError(f"{edge} is not an inner border")
        first, last = ends[0] + 1, ends[1] + 1  # as indices of borders
        return BarDistribution(self.borders[first : last + 1], self._logits[..., first:last], tails=False)

    def log_prob(self, y: ArrayLike) -> Array:
        """Log density at ``y``, which broadcasts with the batch shape; -inf beyond bins without tails."""
        y, index = self._locate(y)
        log_mass = np.take_along_axis(
            np.broadcast_to(self.log_mass, (*y.shape, len(self._width))), index[..., None], -1
        )[..., 0]
        width = self._width[index]
        density: Array = -np.log(width)
        if self.tails:
            scale = width / HALF_NORMAL_MEDIAN
            tail = 0.5 * math.log(2 / math.pi) - np.log(scale) - 0.5 * (self._depth(y, index) / scale) ** 2
            density = np.where(self._is_tail(index), tail, density)
        else:
            density = np.where((y < self.borders[0]) | (y > self.borders[-1]), -np.inf, density)
        total: Array = log_mass + density
        return total

    def cdf(self, y: ArrayLike) -> Array:
        """P(Y <= y). ``y`` broadcasts with the batch shape."""
        y, index = self._locate(y)
        below, above = self._between(self._cumulative, index)
        share = np.clip((y - self.borders[index]) / self._width[index], 0.0, 1.0)
        if self.tails:
            z = self._depth(y, index) / self._width[index] * (HALF_NORMAL_MEDIAN / math.sqrt(2))
            share = np.where(index == 0, erfc(z), np.where(index == len(self._width) - 1, erf(z), share))
        return np.minimum(below + (above - below) * share, above)

    def quantile(self, q: ArrayLike) -> Array:
        """Inverse of :meth:`cdf`. ``q`` in [0, 1] broadcasts with the batch shape.

        Raises:
            ValueError: If ``q`` is outside [0, 1].
        """
        q = np.asarray(q, np.float64)
        if not ((q >= 0) & (q <= 1)).all():
            raise ValueError(f"q must be in [0, 1], got {q.tolist()}")
        q = np.broadcast_to(q, np.broadcast_shapes(q.shape, self.shape))
        cumulative = self._cumulative
        index = _first_reaching(cumulative[..., 1:-1], q)
        below, above = self._between(cumulative, index)
        mass = above - below
        share = np.clip((q - below) / np.where(mass > 0, mass, 1.0), 0.0, 1.0)
        width = self._width[index]
        y: Array = self.borders[index] + share * width
        if self.tails:
            scale = width / HALF_NORMAL_MEDIAN * math.sqrt(2)
            y = np.where(index == 0, self.borders[1] - scale * erfcinv(share), y)
            y = np.where(index == len(self._width) - 1, self.borders[-2] + scale * erfinv(share), y)
        return y

    def mean(self) -> Array:
        """Expected values, of the batch shape."""
        centre = (self.borders[:-1] + self.borders[1:]) / 2
        if self.tails:
            depth = self._width / HALF_NORMAL_MEDIAN * math.sqrt(2 / math.pi)
            centre[0] = self.borders[1] - depth[0]
            centre[-1] = self.borders[-2] + depth[-1]
        return np.asarray(np.exp(self.log_mass) @ centre)

    def _locate(self, y: ArrayLike) -> tuple[Array, NDArray[np.intp]]:
        """``y`` broadcast to the full shape, and the index of the bin that contains it."""
        y = np.asarray(y, np.float64)
        y = np.broadcast_to(y, np.broadcast_shapes(y.shape, self.shape))
        return y, np.searchsorted(self.borders[1:-1], y)

    def _between(self, cumulative: Array, index: NDArray[np.intp]) -> tuple[Array, Array]:
        """Mass below the lower border and below the upper border of the bins ``index``."""
        rows = cumulative.reshape(-1, len(self.borders))
        row = np.arange(len(rows)).reshape(self.shape)
        return rows[row, index], rows[row, index + 1]

    @cached_property
    def _cumulative(self) -> Array:
        """Mass below each border, ``[..., n_bins + 1]``. The last entry is exactly 1."""
        cumulative = np.zeros((*self.shape, len(self.borders)))
        np.cumsum(np.exp(self.log_mass), -1, out=cumulative[..., 1:])
        return cumulative / cumulative[..., -1:]

    def _is_tail(self, index: NDArray[np.intp]) -> NDArray[np.bool_]:
        outer: NDArray[np.bool_] = (index == 0) | (index == len(self._width) - 1)
        return outer

    def _depth(self, y: Array, index: NDArray[np.intp]) -> Array:
        """Distance from the inner border of a tail, 0 in the other bins."""
        return np.where(
            index == 0,
            self.borders[1] - y,
            np.where(index == len(self._width) - 1, y - self.borders[-2], 0.0),
        )


def _first_reaching(cumulative: Array, q: Array) -> NDArray[np.intp]:
    """Index of the first entry of ``cumulative [..., n]`` that is at least ``q``.

    ``q`` and the result have shape ``[n_draws..., ...]``.
    Rows are searched one by one. Comparing all at once would take n times the memory of the result.
    """
    rows = cumulative.reshape(-1, cumulative.shape[-1])
    columns = q.reshape(-1, len(rows))
    found = [np.searchsorted(row, columns[:, i]) for i, row in enumerate(rows)]
    return np.stack(found, -1).reshape(q.shape)


@dataclass(frozen=True)
class Forecast:
    """Predictive distributions ``[n_curves, n_at]`` in the units of the metric.

    Args:
        bars: Distributions on the unit interval without tails, from :meth:`BarDistribution.restrict`.
        scale: Maps the metric to the unit interval.

    Raises:
        ValueError: If the bars have tails or do not span exactly the unit interval.

    Example:
        >>> bars = BarDistribution(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), np.zeros((1, 1, 4)))
        >>> forecast = Forecast(bars.restrict(0, 1), MetricScale("maximize", lower=0.0, upper=100.0))
        >>> forecast.median().tolist(), forecast.prob_above(50.0).tolist()
        ([[50.0]], [[0.5]])
    """

    bars: BarDistribution
    scale: MetricScale

    def __post_init__(self) -> None:
        if self.bars.tails or self.bars.borders[0] != 0 or self.bars.borders[-1] != 1:
            raise ValueError("bars must span [0, 1] without tails; use bars.restrict(0, 1)")

    def mean(self) -> Array:
        """Expected values ``[n_curves, n_at]``."""
        return np.asarray(np.exp(self.bars.log_mass) @ self.scale.mean_between(self.bars.borders))

    def median(self) -> Array:
        """Medians ``[n_curves, n_at]``."""
        return self.quantile(0.5)

    def quantile(self, q: ArrayLike) -> Array:
        """Values that the metric does not exceed with probability ``q``.

        Args:
            q: Probabilities in [0, 1]. They broadcast with ``[n_curves, n_at]``.

        Raises:
            ValueError: If ``q`` is outside [0, 1].
        """
        q = np.asarray(q, np.float64)
        return self.scale.from_unit(self.bars.quantile(q if self._increasing else 1 - q))

    def cdf(self, y: ArrayLike) -> Array:
        """P(Y <= y). ``y`` broadcasts with ``[n_curves, n_at]``."""
        return 1.0 - self.prob_above(y)

    def prob_above(self, y: ArrayLike) -> Array:
        """P(Y > y). ``y`` broadcasts with ``[n_curves, n_at]``."""
        below = self.bars.cdf(self.scale.to_unit(y))
        return 1.0 - below if self._increasing else below

    def prob_better(self, y: ArrayLike) -> Array:
        """P(Y better than y) in the metric's direction. ``y`` broadcasts with ``[n_curves, n_at]``."""
        return 1.0 - self.bars.cdf(self.scale.to_unit(y))

    def log_prob(self, y: ArrayLike) -> Array:
        """Log density at ``y`` in the units of the metric, -inf outside its bounds.

        The Jacobian of the scale is included. ``y`` broadcasts with ``[n_curves, n_at]``.
        """
        y = np.asarray(y, np.float64)
        inside = (y >= self.scale.lower) & (y <= self.scale.upper)
        return np.where(inside, self.bars.log_prob(self.scale.to_unit(y)) + self.scale.log_slope(y), -np.inf)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Draw ``n`` independent samples, ``[n, n_curves, n_at]``."""
        return self.scale.from_unit(self.bars.quantile(rng.random((n, *self.bars.shape))))

    def __getitem__(self, index: tuple[slice, slice]) -> Forecast:
        """Forecasts of some curves at some steps. Both indices are slices."""
        bars = BarDistribution(self.bars.borders, self.bars.log_mass[index], tails=False)
        return Forecast(bars, self.scale)

    @property
    def _increasing(self) -> bool:
        return self.scale.direction == "maximize"
