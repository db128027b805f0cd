"""Which other trials of a large study a trial is compared with, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve
from lcstop.curves.curve_list import CurveList

MAX_TRIALS = 64
"""Other trials that one judgement compares with; more cost time and add little."""

_MIN_AS_FAR = 48
"""How many of them have at least come as far as the judged trial, if there are so many."""

_ROUNDING = 1e-9


def select(
    trial: Curve, finished: Sequence[Curve], unfinished: Sequence[Curve], sign: float
) -> tuple[list[Curve], int]:
    """At most :data:`MAX_TRIALS` other trials, finished ones first, and the number of finished ones.

    Of more trials a sample is taken that keeps ranks: trials are sorted by their best value and taken at
    equal distances, those that have come as far as ``trial`` and the others apart. The best and the worst are
    always among them.

    The order of listing is no evidence: which trials are taken, and their order, depend on their content.

    Args:
        trial: The judged trial.
        finished: Trials that ran to their own end.
        unfinished: Trials that are running or were stopped.
        sign: 1 to maximize, -1 to minimize.

    Example:
        >>> others = [Curve([1], [i / 100], horizon=2) for i in range(100)]
        >>> chosen, n_finished = select(Curve([1], [0.5], horizon=2), [], others, 1.0)
        >>> len(chosen), n_finished, max(float(curve.values[0]) for curve in chosen)
        (64, 0, 0.99)
    """
    ended, others = CurveList.wrap(finished), CurveList.wrap(unfinished)
    if ended.n_finite < len(ended):
        ended = ended.filter(~np.isnan(ended.high))
    if others.n_started < len(others):
        others = others.filter(others.share > 0)
    ended = _with_curves(ended, sign)
    everyone, n_finished = ended + others, len(ended)
    if len(everyone) > MAX_TRIALS:
        taken = _sample(everyone, trial.share, sign, n_finished)
        n_finished = int(np.searchsorted(taken, n_finished))
        chosen = everyone.take(taken.tolist())
    else:
        chosen = [*everyone]
    parts = chosen[:n_finished], chosen[n_finished:]
    return [curve for part in parts for curve in sorted(part, key=attrgetter("content"))], n_finished


def _with_curves(finished: CurveList, sign: float) -> CurveList:
    """The trials that have a curve, and the best of all: only as the incumbent counts a result alone."""
    if finished.n_with_curve == len(finished):
        return finished
    has_curve = finished.start < 1
    best = np.argmax(sign * (finished.high if sign > 0 else finished.low))
    has_curve[best] = True
    return finished.filter(has_curve)


def _sample(everyone: CurveList, share: float, sign: float, n_finished: int) -> NDArray[np.int64]:
    """Ascending indices of :data:`MAX_TRIALS` trials; the first ``n_finished`` ones have finished."""
    best = sign * (everyone.high if sign > 0 else everyone.low)
    best[np.isnan(best)] = -np.inf
    as_far = everyone.share >= share * (1 - _ROUNDING)
    n_as_far = int(np.count_nonzero(as_far))
    n_first = min(n_as_far, max(_MIN_AS_FAR, MAX_TRIALS - (len(everyone) - n_as_far)))
    parts = (as_far, n_first), (~as_far, MAX_TRIALS - n_first)
    taken = np.concatenate([_spread(everyone, mask.nonzero()[0], n, best) for mask, n in parts])
    if n_finished:
        incumbent_value = best[:n_finished].max()
        if not (best[taken[taken < n_finished]] == incumbent_value).any():
            # The incumbent takes the place of the trial that is nearest to it.
            incumbents = (best[:n_finished] == incumbent_value).nonzero()[0]
            incumbent = min(incumbents.tolist(), key=lambda at: everyone[at].content)
            taken[np.abs(best[taken] - best[incumbent]).argmin()] = incumbent
    return np.sort(taken)


def _spread(
    everyone: CurveList, indices: NDArray[np.int64], n: int, best: NDArray[np.float64]
) -> NDArray[np.int64]:
    """``n`` of the trials at ``indices``, at equal distances in the order of their best values."""
    if n >= len(indices):
        return indices
    # As np.linspace, which takes ten times as long.
    places = (np.arange(n) * ((len(indices) - 1) / max(n - 1, 1))).round().astype(np.int64)
    values = best[indices]
    order = np.argsort(values)
    ordered = values[order]
    # Only the order of those that share their best value with a chosen one matters.
    chosen = ordered[places]
    starts, ends = (np.searchsorted(ordered, chosen, side) for side in ("left", "right"))
    tied = ends - starts > 1
    for start, end in {*zip(starts[tied].tolist(), ends[tied].tolist(), strict=True)}:
        order[start:end] = _without_ties(everyone, indices, order[start:end])
    return indices[order[places]]


def _without_ties(
    everyone: CurveList, indices: NDArray[np.int64], tied: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Places ``tied`` of trials with equal best values, ordered by their summaries, then by all they hold.

    Of trials that hold the same, finished ones come first.
    """
    tied = np.sort(tied)
    keys = np.nan_to_num(everyone.summary[indices[tied]])
    order = np.lexsort(keys.T)
    keys, tied = keys[order], tied[order]
    same = (keys[1:] == keys[:-1]).all(1)
    starts = np.concatenate([[0], (~same).nonzero()[0] + 1, [len(tied)]])
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        if end - start > 1:
            alike = tied[start:end].tolist()
            tied[start:end] = sorted(alike, key=lambda at: everyone[int(indices[at])].content)
    return tied
