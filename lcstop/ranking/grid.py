"""A trial and its study on a common grid of steps, as arrays for :mod:`lcstop.ranking.features`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import compress
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve, Direction
from lcstop.ranking.comparison import MISSING, Array, Context, lower_median
from lcstop.ranking.param_features import Configurations
from lcstop.ranking.selection import select

_MOST_STEPS = 128

_MAX_COLUMNS = 256
"""Columns of hyperparameters; of more, those that come first by their content."""

_ROUNDING = 1e-9
_APART = 1e-6
"""Share of the way to the next report above which a step of the grid lies between two reports."""

_WORST = -1e6
"""Lowest gain, in units of the median distance from the best; keeps differences near the best exact."""

_NUMBER = (int, float, np.integer, np.floating)


@dataclass(frozen=True)
class AlignedStudy:
    """One trial and the others of its study, for :func:`lcstop.ranking.features.features`.

    Attributes:
        context: The other trials.
        gains: Values of the trial on the same grid, ``[1, H]``.
        cutoff: Steps of the grid that it has reached.
        params: Hyperparameters of the other trials, then its own; empty if they are not to be compared.
        start: First step of the grid that it has reported at, from 1 on.
    """

    context: Context
    gains: Array
    cutoff: int
    params: Sequence[Mapping[str, Any]]
    start: int = 1

    def configurations(self) -> Configurations | None:
        """The hyperparameters; None if there are none to compare."""
        columns, numeric = encode(self.params)
        return Configurations(columns[:-1], columns[-1:], numeric) if len(numeric) else None


def align(
    trial: Curve,
    finished: Sequence[Curve],
    unfinished: Sequence[Curve],
    direction: Direction,
    *,
    use_params: bool = True,
) -> AlignedStudy | None:
    """The trial and the others on one grid; None if no other trial has a finite value.

    Trials with different horizons are compared at the same share of their horizon. There learning-rate
    schedules are in the same phase, and the end of each trial is what counts.

    Args:
        trial: The judged trial, with at least one report.
        finished: Trials that ran to their own end.
        unfinished: Trials that are running or were stopped.
        direction: Of the metric.
        use_params: Whether hyperparameters are compared.

    Example:
        >>> trial = Curve([1, 2], [0.5, 0.6], horizon=10, params={"lr": 0.1})
        >>> others = [Curve([1, 2, 3], [0.4, 0.6, 0.7], horizon=10, params={"lr": 0.3})]
        >>> seen = align(trial, [], others, "maximize")
        >>> seen.context.gains.shape, seen.cutoff, seen.context.lengths.tolist()
        ((1, 10), 2, [3])
    """
    sign = 1.0 if direction == "maximize" else -1.0
    others, n_finished = select(trial, finished, unfinished, sign)
    if not others:
        return None
    grid = _grid(trial)
    curves = [*(curve.without_gaps for curve in others), trial]
    first, last, horizons, n_points, unit_steps = np.array([curve.extent for curve in curves]).T
    longer = horizons / trial.horizon
    gains = np.empty((len(curves), len(grid)))
    by_count = (longer == 1) & (unit_steps == 1) & (grid == np.arange(1, len(grid) + 1)).all()
    if by_count.any():
        gains[by_count] = _by_count([*compress(curves, by_count)], n_points[by_count], len(grid))
    if not by_count.all():
        gains[~by_count] = _on_grid([*compress(curves, ~by_count)], longer[~by_count, None] * grid)
    gains *= sign
    lengths = np.maximum(np.searchsorted(grid, last * (1 + _ROUNDING) / longer, side="right"), 1)
    starts = np.minimum(np.searchsorted(grid, first * (1 - _ROUNDING) / longer) + 1, lengths)
    finite = np.isfinite(gains)
    seen = gains[finite & (np.arange(len(grid)) < lengths[:, None])]
    if not len(seen):
        return None
    top = seen.max()
    unit = lower_median(top - seen) or float(top - seen.min()) or 1.0
    gains = np.where(finite, np.maximum((gains - top) / unit, _WORST), MISSING)
    context = Context(gains[:-1], lengths[:-1], np.arange(len(others)) < n_finished, starts[:-1])
    params = [curve.params or {} for curve in curves] if use_params else []
    return AlignedStudy(context, gains[-1:], int(lengths[-1]), params, int(starts[-1]))


def _grid(trial: Curve) -> Array:
    """Steps up to the horizon, about as far apart as the reports of the trial. The cutoff is one of them.

    A grid without the cutoff would judge the trial by the report before its last one.
    """
    if trial.has_unit_steps and 2 <= trial.horizon <= _MOST_STEPS and trial.horizon.is_integer():
        return np.arange(1.0, trial.horizon + 1)
    between = 1.0 if trial.has_unit_steps else float(np.median(np.diff(trial.steps, prepend=0.0)))
    n = round(min(_MOST_STEPS, max(2.0, trial.horizon / between)))
    now = min(max(math.floor(trial.share * n + _ROUNDING), 1), n)
    before = trial.cutoff * np.arange(1.0, now + 1) / now
    after = trial.cutoff + (trial.horizon - trial.cutoff) * np.arange(1.0, n - now + 1) / max(n - now, 1)
    return np.concatenate([before, after])


def _by_count(curves: Sequence[Curve], n_points: Array, n_steps: int) -> Array:
    """As :func:`_on_grid` for steps 1, 2, 3 and so on, which are the usual ones; much faster."""
    n = n_points.astype(np.int64)
    values = np.concatenate([curve.values for curve in curves])
    found: Array = values[(n.cumsum() - n)[:, None] + np.minimum(np.arange(n_steps), n[:, None] - 1)]
    return found


def _on_grid(curves: Sequence[Curve], grids: Array) -> Array:
    """The value of each curve at each step of its grid ``[n, H]``; NaN before the first report.

    Values between two reports are interpolated; if the later report is not finite, the earlier one holds.
    """
    start, earlier, end, later = (np.empty(grids.shape) for _ in range(4))
    for i, (curve, until) in enumerate(zip(curves, grids * (1 + _ROUNDING), strict=True)):
        last = np.maximum(np.searchsorted(curve.steps, until, side="right") - 1, 0)
        following = np.minimum(last + 1, len(curve) - 1)
        start[i], earlier[i] = curve.steps[last], np.where(until < curve.steps[0], np.nan, curve.values[last])
        end[i], later[i] = curve.steps[following], curve.values[following]
    share = (grids - start) / np.where(end > start, end - start, np.inf)
    between = (share > _APART) & np.isfinite(earlier) & np.isfinite(later)
    return np.where(between, earlier * (1 - share) + later * share, earlier)


def encode(configurations: Sequence[Mapping[str, Any]]) -> tuple[Array, NDArray[np.bool_]]:
    """Hyperparameters as columns: ranks in [0, 1] of numbers, codes of categories.

    Ranks are the same with and without a logarithm. A conditional hyperparameter is 0.5 where it is missing,
    and a further column says where it is given. A hyperparameter with one value, or a category that is
    different in every configuration, is left out. The order of columns follows from their content, so that
    names are no evidence.

    Returns:
        Columns ``[n, P]`` and which of them are numbers ``[P]``.

    Example:
        >>> columns, numeric = encode([{"lr": 0.1, "opt": "sgd"}, {"lr": 0.001, "opt": "adam"}])
        >>> columns.tolist(), numeric.tolist()
        ([[0.75, 1.0], [0.25, 0.0]], [True, False])
    """
    found = sorted(_columns(configurations), key=lambda column: (not column[1], column[0].tobytes()))
    found = found[:_MAX_COLUMNS]
    if not found:
        return np.zeros((len(configurations), 0)), np.zeros(0, bool)
    columns, numeric = zip(*found, strict=True)
    return np.stack(columns, 1), np.array(numeric)


def _columns(configurations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Array, bool]]:
    """Columns of :func:`encode`, and whether each is of numbers."""
    n = len(configurations)
    for name in set().union(*configurations):
        values = [configuration.get(name) for configuration in configurations]
        kinds = {*map(type, values)}
        known = [value for value in values if value is not None] if NoneType in kinds else values
        numbers = _numbers(known, kinds - {NoneType})
        if numbers is not None:
            ordered = numbers.copy()
            ordered.sort()
            ranks = ordered.searchsorted(numbers, "left") + ordered.searchsorted(numbers, "right")
            column = ranks / (2 * len(numbers))
            given = np.array([value is not None for value in values]) if 0 < len(known) < n else None
            if given is not None:
                found, column = column, np.full(n, 0.5)
                column[given] = found
            if len(ordered) and ordered[0] < ordered[-1]:
                yield column, True
            if given is not None:
                yield given.astype(np.float64), False
            continue
        words = [repr(value) for value in values]
        codes = {word: code for code, word in enumerate(sorted(set(words)))}
        if 1 < len(codes) < max(n, 3):
            yield np.array([float(codes[word]) for word in words]), False


def _numbers(values: Sequence[Any], kinds: Set[type]) -> Array | None:
    """The values, of these types, as finite floats, or None if one of them is none."""
    if not all(issubclass(kind, _NUMBER) and kind is not bool for kind in kinds):
        return None
    try:
        found = np.array(values, np.float64)
    except OverflowError:  # an integer beyond the range of floats counts as a category
        return None
    return found if np.isfinite(found).all() else None
