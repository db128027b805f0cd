"""Training examples of the study network: trials of artificial searches, judged at some moments."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcstop.pretraining.study_search import N_TRIALS, StudyBatch
from lcstop.ranking.comparison import Context
from lcstop.ranking.features import features
from lcstop.ranking.param_features import Configurations
from lcstop.ranking.selection import MAX_TRIALS

N_JUDGED = 24
"""Number of trials that are judged at a moment: those that are proposed next."""

N_MOMENTS = 5
"""Moments of each study, each with another number of other trials."""

N_CUTOFFS = 2
"""Cutoffs of the judged trials at each moment."""

_MIN_AS_FAR = 48
"""As in :mod:`lcstop.ranking.selection`."""


class Examples(NamedTuple):
    """Training examples, in half precision.

    Attributes:
        features: Inputs of the network, ``[n, N_FEATURES]``.
        share: Share of the trials of the study that the trial beats in the end, ``[n]``.
        beats: 1 if the trial beats the incumbent in the end, ``[n]``.
        open: 1 if it has not beaten the incumbent by the cutoff, ``[n]``.
        beats_known: 1 if it beats what each other trial that was started would reach at its end, ``[n]``.
        share_later: Share of the trials proposed later that it beats, ``[n]``.
        n_known: Number of other trials that were started, ``[n]``.
    """

    features: Tensor
    share: Tensor
    beats: Tensor
    open: Tensor
    beats_known: Tensor
    share_later: Tensor
    n_known: Tensor


class OtherTrials(NamedTuple):
    """The first ``N`` trials of a study at some moment.

    Attributes:
        lengths: Steps that each has run, ``[N]``.
        finished: Which ran to their end, ``[N]``.
    """

    lengths: NDArray[np.int64]
    finished: NDArray[np.bool_]


def make_examples(studies: StudyBatch, lengths: Tensor, generator: torch.Generator) -> Examples:
    """Make examples from :data:`N_MOMENTS` moments of each study, with :data:`N_CUTOFFS` cutoffs at each.

    A moment is a random number of other trials. The judged trials are those that are proposed next. They have
    the same first report.

    Args:
        studies: The studies.
        lengths: Steps that each trial runs if it is stopped, ``[B, M]``.
        generator: Source of all randomness.

    Returns:
        One example for each judged trial, moment and cutoff.
    """
    horizon = studies.gains.shape[2]

    def rand() -> float:
        return float(torch.rand(1, generator=generator))

    parts = []
    for row in range(len(studies.gains)):
        for _ in range(N_MOMENTS):
            n_known = round(math.exp(rand() * math.log(N_TRIALS - N_JUDGED)))
            start = int(studies.starts[row, n_known])
            for _ in range(N_CUTOFFS):
                cutoff = round(math.exp(rand() * math.log(max(1.01, 0.9 * horizon))))
                cutoff = min(max(cutoff, start), horizon - 1)
                others = _some_running(lengths[row, :n_known].numpy(), cutoff, horizon, generator)
                made = _judged(studies, others, row, cutoff, min(start, cutoff))
                parts.append([part.astype(np.float16) for part in made])
    return Examples(*(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True)))


def _judged(
    studies: StudyBatch, others: OtherTrials, row: int, cutoff: int, start: int
) -> list[NDArray[np.generic]]:
    """Examples of the judged trials of one study."""
    gains, params = studies.gains[row].numpy(), studies.params[row].numpy()
    results, starts = studies.results[row].numpy(), studies.starts[row].numpy()
    n, is_final = len(others.lengths), studies.target == "final"
    judged = slice(n, n + N_JUDGED)
    last = gains[np.arange(n), others.lengths - 1]
    best = last if is_final else np.maximum.accumulate(gains[:n], 1)[np.arange(n), others.lengths - 1]
    chosen = _compared(np.flatnonzero(starts[:n] <= others.lengths), others, best, cutoff)
    context = Context(gains[chosen], others.lengths[chosen], others.finished[chosen], starts[chosen])
    numeric = studies.numeric[row].numpy()
    configurations = None
    if studies.has_params[row]:
        configurations = _encoded(params[chosen], params[judged], numeric)
    rows = features(context, gains[judged], cutoff, configurations, start, studies.target)
    held = best[chosen][context.finished] if context.finished.any() else best[chosen]
    so_far = gains[judged, cutoff - 1] if is_final else gains[judged, :cutoff].max(1)
    ends = results[judged]
    return [
        rows,
        _share_beaten(ends, results),
        ends > held.max(),
        so_far <= held.max(),
        ends > results[:n].max(),
        _share_beaten(ends, results[n:]),
        np.full(N_JUDGED, n),
    ]


def _compared(
    started: NDArray[np.int64], others: OtherTrials, best: NDArray[np.float64], cutoff: int
) -> NDArray[np.int64]:
    """Those of the trials that a judgement compares with, as :func:`lcstop.ranking.selection.select`."""
    if len(started) <= MAX_TRIALS:
        return started
    as_far = others.lengths[started] >= cutoff
    n_as_far = int(as_far.sum())
    n_first = min(n_as_far, max(_MIN_AS_FAR, MAX_TRIALS - (len(started) - n_as_far)))
    taken = []
    for part, n in ((started[as_far], n_first), (started[~as_far], MAX_TRIALS - n_first)):
        ordered = part[best[part].argsort()]
        taken.append(ordered[np.linspace(0, len(part) - 1, min(n, len(part))).round().astype(int)])
    chosen = np.concatenate(taken)
    finished = started[others.finished[started]]
    if len(finished):
        incumbent = finished[best[finished].argmax()]
        if incumbent not in chosen:
            chosen[np.abs(best[chosen] - best[incumbent]).argmin()] = incumbent
    return np.sort(chosen)


def _encoded(
    others: NDArray[np.float64], own: NDArray[np.float64], numeric: NDArray[np.bool_]
) -> Configurations:
    """Numbers as ranks among the other trials, as :func:`lcstop.ranking.grid.encode`; no constant ones."""
    varies = (others != others[0]).any(0) | (own != others[0]).any(0)
    others, own, numeric = others[:, varies], own[:, varies], numeric[varies]
    for column in np.flatnonzero(numeric):
        ordered = np.sort(others[:, column])
        for values in (others, own):
            below = ordered.searchsorted(values[:, column]) + ordered.searchsorted(
                values[:, column], side="right"
            )
            values[:, column] = (below + 1) / (2 * len(ordered) + 2)
    return Configurations(others, own, numeric)


def _share_beaten(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of ``others`` that each of ``values``, themselves among them, beats. A tie counts half."""
    ordered = np.sort(others)
    below = ordered.searchsorted(values) + ordered.searchsorted(values, side="right")
    return below / (2 * len(others))


def _some_running(
    lengths: NDArray[np.int64], cutoff: int, horizon: int, generator: torch.Generator
) -> OtherTrials:
    """The trials at a moment at which the newest are running, in half of the cases. The first has ended.

    Running trials are near the cutoff in half of these cases, and anywhere in the other half.
    """
    n = len(lengths)
    running, near = (torch.rand(2, generator=generator) < 0.5).tolist()
    workers = (1, 3, 7, 15, 31)[int(torch.randint(5, (1,), generator=generator))]
    at = torch.randint(-2, 3, (n,), generator=generator) + cutoff
    anywhere = torch.randint(1, horizon + 1, (n,), generator=generator)
    reached = (at if near else anywhere).clamp(1, horizon).numpy()
    newest = np.arange(n) >= max(n - workers, 1)
    now = np.where(newest & running, np.minimum(lengths, reached), lengths)
    return OtherTrials(now, (lengths == horizon) & (now == lengths))
