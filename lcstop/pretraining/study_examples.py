"""Examples for the study network: trials of artificial studies whose other trials have been stopped.

What the network sees in use are studies in which a pruner has stopped trials before; so here the other trials
are stopped by rules of rank at random settings.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcstop.priors.broad import BroadConfig
from lcstop.priors.study import sample_studies
from lcstop.ranking.comparison import MISSING, Context
from lcstop.ranking.features import features
from lcstop.ranking.grid import MOST_TRIALS
from lcstop.ranking.param_features import Configurations

N_OTHERS = 96
"""Trials of a study that are stopped one after another, the others of which examples are made."""

N_JUDGED = 32
"""Fresh trials of a study that examples are about."""

_HORIZONS = (8, 150)
_N_RUNGS = 8
_MOMENTS = 2
_CUTOFFS = 2


class Drawn(NamedTuple):
    """Artificial studies of ``M = N_OTHERS + N_JUDGED`` trials.

    Attributes:
        gains: What the trials report, higher is better, ``[B, M, H]``.
        params: ``[B, M, P]``.
        numeric: ``[B, P]``.
        known: Whether the hyperparameters are told, ``[B]``.
    """

    gains: Tensor
    params: Tensor
    numeric: Tensor
    known: Tensor


class Beside(NamedTuple):
    """Those of the first trials of each study that a judgement would look at, at most ``N``.

    Attributes:
        chosen: Which they are, ``[B, N]``.
        present: Where there is one, ``[B, N]``.
        lengths: Steps that each has run, ``[B, N]``.
        finished: Which ran to their end, ``[B, N]``.
    """

    chosen: Tensor
    present: Tensor
    lengths: Tensor
    finished: Tensor


class Examples(NamedTuple):
    """Examples, in half precision.

    Attributes:
        features: ``[n, N_FEATURES]``.
        share: Share of the study's configurations that the trial leaves behind in the end, ``[n]``.
        beats: Whether it beats the incumbent, ``[n]``.
        open: Whether it has not done so yet, ``[n]``.
    """

    features: Tensor
    share: Tensor
    beats: Tensor
    open: Tensor


def draw_studies(n: int, config: BroadConfig, generator: torch.Generator) -> Drawn:
    """Studies of one random horizon."""
    low, high = _HORIZONS
    horizon = round(low * (high / low) ** float(torch.rand(1, generator=generator)))
    studies = sample_studies(n, N_OTHERS + N_JUDGED, generator=generator, horizon=horizon, config=config)
    gains = torch.nan_to_num(studies.curves.noisy(generator).double(), MISSING, -MISSING, MISSING)
    known = torch.rand(n, generator=generator) < 0.88
    return Drawn(gains, studies.params.double(), studies.numeric, known)


def stop_by_rank(studies: Drawn, generator: torch.Generator) -> Tensor:
    """Steps that each of the first trials runs, ``[B, N_OTHERS]``: halving at random settings.

    In some studies nothing is stopped, in some the rank is that of a rule that knows more or less of how a
    trial ends, and in some a share of the trials is let through.
    """
    gains = studies.gains[:, :N_OTHERS]
    n, m, horizon = gains.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    eta = torch.tensor([1.5, 2.0, 2.5, 3.0, 4.0])[torch.randint(5, (n,), generator=generator)]
    rungs = _rungs(0.02 * 5 ** rand(n), eta, horizon)
    never = rand(n) < 0.12
    let_through = torch.tensor([0.0, 0.0, 0.04, 0.1, 0.3])[torch.randint(5, (n,), generator=generator)]
    lucky = (rand(n, m) < let_through[:, None]) | never[:, None]
    knows = torch.where(rand(n) < 0.4, rand(n), torch.zeros(n))[:, None]
    end = _ranks(gains.amax(2))
    lengths = torch.full((n, m), horizon)
    scores, reached = list[Tensor](), list[Tensor]()
    for rung in rungs:
        at = gains.gather(2, (rung.clamp(max=horizon) - 1)[:, None, None].expand(-1, m, 1))[..., 0]
        scores.append((1 - knows) * _ranks(at) + knows * end)
        reached.append(torch.zeros(n, m, dtype=torch.bool))
    for trial in range(m):
        alive = torch.ones(n, dtype=torch.bool)
        for rung, score, before in zip(rungs, scores, reached, strict=True):
            judged = alive & (rung < horizon)
            better = ((score[:, :trial] > score[:, trial, None]) & before[:, :trial]).sum(1)
            kept = ((before[:, :trial].sum(1) + 1) / eta).floor().clamp(min=1)
            stop = judged & ~lucky[:, trial] & (better >= kept)
            before[:, trial] = judged
            lengths[:, trial] = torch.where(stop, rung, lengths[:, trial])
            alive &= ~stop
    return lengths


def make_examples(studies: Drawn, lengths: Tensor, generator: torch.Generator) -> Examples:
    """Examples from two moments of each study, a number of other trials, and two cutoffs at each.

    Args:
        studies: The studies.
        lengths: Steps that each of the first trials runs, ``[B, N_OTHERS]``.
        generator: Source of all randomness.
    """
    n, _, horizon = studies.gains.shape
    tops = studies.gains.amax(2)
    shares = torch.stack([_share_behind(top)[N_OTHERS:] for top in tops])
    parts = []
    for _ in range(_MOMENTS):
        draws = torch.rand(n, generator=generator)
        others = _others(lengths, horizon, torch.exp(draws * math.log(N_OTHERS)).round().long().tolist())
        for _ in range(_CUTOFFS):
            draws = torch.rand(n, generator=generator)
            cutoff = torch.exp(draws * math.log(max(1.01, 0.7 * horizon))).round().long()
            cutoff = cutoff.clamp(1, horizon - 1)
            seen = _some_running(others, cutoff, horizon, generator)
            for row, (step, share) in enumerate(zip(cutoff.tolist(), shares.numpy(), strict=True)):
                made = _judged(studies, seen, row, step)
                parts.append([part.astype(np.float16) for part in (made[0], share, *made[1:])])
    return Examples(*(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True)))


def _judged(studies: Drawn, others: Beside, row: int, cutoff: int) -> tuple[NDArray[np.generic], ...]:
    """Of the fresh trials of one study: features, whether each beats the incumbent, whether it yet has to."""
    gains, params = studies.gains[row].numpy(), studies.params[row].numpy()
    index, lengths, finished = (
        part[row][others.present[row]].numpy() for part in (others.chosen, others.lengths, others.finished)
    )
    judged = gains[N_OTHERS:]
    context = Context(gains[index], lengths, finished)
    known = bool(studies.known[row])
    configurations = Configurations(params[index], params[N_OTHERS:], studies.numeric[row].numpy())
    rows = features(context, judged, cutoff, configurations if known else None)
    best = np.array([curve[:n].max() for curve, n in zip(context.gains, lengths, strict=True)])
    incumbent = (best[finished] if finished.any() else best).max()
    return rows, judged.max(1) > incumbent, judged[:, :cutoff].max(1) <= incumbent


def _rungs(first: Tensor, ratio: Tensor, horizon: int) -> list[Tensor]:
    """Steps ``[B]`` at which trials are judged; past the horizon for studies that have no more."""
    return [(first * ratio**i * horizon).round().clamp(1, horizon).long() for i in range(_N_RUNGS)]


def _ranks(values: Tensor) -> Tensor:
    return values.argsort(1).argsort(1).double() / values.shape[1]


def _share_behind(tops: Tensor) -> Tensor:
    ordered = tops.sort().values
    below = torch.searchsorted(ordered, tops) + torch.searchsorted(ordered, tops, side="right")
    return below / (2 * len(tops))


def _others(lengths: Tensor, horizon: int, counts: list[int]) -> Beside:
    """So many of the first trials of each study, or those of them that a judgement would look at.

    Args:
        lengths: Steps that each of the first trials runs, ``[B, N_OTHERS]``.
        horizon: Steps of a trial that runs to its end.
        counts: Of each study.
    """
    index = torch.zeros(len(counts), min(max(counts), MOST_TRIALS), dtype=torch.long)
    present = torch.zeros(index.shape, dtype=torch.bool)
    for row, count in enumerate(counts):
        chosen = torch.arange(count)
        if count > MOST_TRIALS:
            longest = torch.argsort(lengths[row, :count] * N_OTHERS + chosen, descending=True)
            taken = torch.zeros(count, dtype=torch.bool)
            taken[longest[: MOST_TRIALS // 2]] = True
            newest = chosen[~taken][-(MOST_TRIALS - MOST_TRIALS // 2) :]
            chosen = torch.cat([chosen[taken], newest]).sort().values
        index[row, : len(chosen)] = chosen
        present[row, : len(chosen)] = True
    length = lengths.gather(1, index)
    return Beside(index, present, length, length == horizon)


def _some_running(others: Beside, cutoff: Tensor, horizon: int, generator: torch.Generator) -> Beside:
    """In half of the studies the newest trials run beside the judged one, about as far as it or anywhere."""
    n, most = others.lengths.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    workers = torch.tensor([1, 3, 7, 15, 31])[torch.randint(5, (n, 1), generator=generator)]
    beside = (cutoff[:, None] + torch.randint(-2, 3, (n, most), generator=generator)).clamp(min=1)
    anywhere = (rand(n, most) * horizon).long() + 1
    at = torch.where(rand(n, 1) < 0.5, beside, anywhere)
    newest = torch.arange(most)[None] >= others.present.sum(1, keepdim=True) - workers
    running = newest & others.present & (rand(n, 1) < 0.5)
    lengths = torch.where(running, torch.minimum(others.lengths, at), others.lengths)
    return others._replace(lengths=lengths, finished=others.finished & (lengths == others.lengths))
