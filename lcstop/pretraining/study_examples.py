"""Training examples of the study network: trials of artificial studies whose other trials were stopped.

In use, the network sees studies in which a pruner has stopped trials. The other trials of an example are
therefore stopped by successive halving with random settings.
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
from lcstop.ranking.param_features import Configurations
from lcstop.ranking.selection import MAX_TRIALS

N_OTHERS = 96
"""Number of other trials in a study. They are stopped one after another."""

N_JUDGED = 32
"""Number of judged trials in a study. Examples are about them."""

_HORIZONS = (8, 150)
"""Range of the horizons, in steps; log-uniform."""

_N_RUNGS = 8
"""Maximum number of rungs of the halving that stops other trials."""

_N_MOMENTS = 2
"""Moments of each study, each with another number of other trials."""

_N_CUTOFFS = 2
"""Cutoffs of the judged trials at each moment."""


class StudyBatch(NamedTuple):
    """``B`` artificial studies of ``M = N_OTHERS + N_JUDGED`` trials with ``H`` steps.

    Attributes:
        gains: Reported values, higher is better, ``[B, M, H]``. The judged trials are the last ones.
        params: Hyperparameters, ``[B, M, P]``.
        numeric: Which hyperparameters are numbers, ``[B, P]``.
        has_params: Whether the network may compare hyperparameters, ``[B]``.
    """

    gains: Tensor
    params: Tensor
    numeric: Tensor
    has_params: Tensor


class OtherTrials(NamedTuple):
    """The other trials that a judgement compares with, at most ``N`` in each of ``B`` studies.

    Attributes:
        trials: Indices of the trials in their study, ``[B, N]``.
        present: Which entries are trials and not padding, ``[B, N]``.
        lengths: Steps that each trial has run, ``[B, N]``.
        finished: Which trials ran to their end, ``[B, N]``.
    """

    trials: Tensor
    present: Tensor
    lengths: Tensor
    finished: Tensor


class Examples(NamedTuple):
    """Training examples, in half precision.

    Attributes:
        features: Inputs of the network, ``[n, N_FEATURES]``.
        share: Share of the configurations of the study that the trial beats in the end, ``[n]``.
        beats: 1 if the trial beats the incumbent at some step, ``[n]``.
        open: 1 if it has not beaten the incumbent by the cutoff, ``[n]``.
    """

    features: Tensor
    share: Tensor
    beats: Tensor
    open: Tensor


def draw_studies(n: int, config: BroadConfig, generator: torch.Generator) -> StudyBatch:
    """Draw ``n`` studies with one random horizon."""
    low, high = _HORIZONS
    horizon = round(low * (high / low) ** float(torch.rand(1, generator=generator)))
    studies = sample_studies(n, N_OTHERS + N_JUDGED, generator=generator, horizon=horizon, config=config)
    gains = torch.nan_to_num(studies.curves.noisy(generator).double(), MISSING, -MISSING, MISSING)
    has_params = torch.rand(n, generator=generator) < 0.88
    return StudyBatch(gains, studies.params.double(), studies.numeric, has_params)


def stop_by_rank(studies: StudyBatch, generator: torch.Generator) -> Tensor:
    """Steps that each of the other trials runs, ``[B, N_OTHERS]``: successive halving with random settings.

    In some studies no trial is stopped. In some the rank is partly that of the final value, as for
    a rule with good forecasts. In some a share of the trials is exempt from stopping.
    """
    gains = studies.gains[:, :N_OTHERS]
    n, m, horizon = gains.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    eta = torch.tensor([1.5, 2.0, 2.5, 3.0, 4.0])[torch.randint(5, (n,), generator=generator)]
    rungs = _rungs(0.02 * 5 ** rand(n), eta, horizon)
    no_stops = rand(n) < 0.12
    exempt_share = torch.tensor([0.0, 0.0, 0.04, 0.1, 0.3])[torch.randint(5, (n,), generator=generator)]
    exempt = (rand(n, m) < exempt_share[:, None]) | no_stops[:, None]
    foresight = torch.where(rand(n) < 0.4, rand(n), torch.zeros(n))[:, None]
    end = _ranks(gains.amax(2))
    lengths = torch.full((n, m), horizon)
    scores, reached = list[Tensor](), list[Tensor]()
    for rung in rungs:
        at = gains.gather(2, (rung.clamp(max=horizon) - 1)[:, None, None].expand(-1, m, 1))[..., 0]
        scores.append((1 - foresight) * _ranks(at) + foresight * end)
        reached.append(torch.zeros(n, m, dtype=torch.bool))
    for trial in range(m):
        alive = torch.ones(n, dtype=torch.bool)
        for rung, score, before in zip(rungs, scores, reached, strict=True):
            judged = alive & (rung < horizon)
            better = ((score[:, :trial] > score[:, trial, None]) & before[:, :trial]).sum(1)
            kept = ((before[:, :trial].sum(1) + 1) / eta).floor().clamp(min=1)
            stop = judged & ~exempt[:, trial] & (better >= kept)
            before[:, trial] = judged
            lengths[:, trial] = torch.where(stop, rung, lengths[:, trial])
            alive &= ~stop
    return lengths


def make_examples(studies: StudyBatch, lengths: Tensor, generator: torch.Generator) -> Examples:
    """Make examples from two moments of each study, with two cutoffs at each.

    A moment is a random number of other trials.

    Args:
        studies: The studies.
        lengths: Steps that each of the other trials runs, ``[B, N_OTHERS]``.
        generator: Source of all randomness.

    Returns:
        One example for each judged trial, moment and cutoff.
    """
    n, _, horizon = studies.gains.shape
    tops = studies.gains.amax(2)
    shares = torch.stack([_share_beaten(top)[N_OTHERS:] for top in tops])
    parts = []
    for _ in range(_N_MOMENTS):
        draws = torch.rand(n, generator=generator)
        others = _others(lengths, horizon, torch.exp(draws * math.log(N_OTHERS)).round().long().tolist())
        for _ in range(_N_CUTOFFS):
            draws = torch.rand(n, generator=generator)
            cutoff = torch.exp(draws * math.log(max(1.01, 0.7 * horizon))).round().long()
            cutoff = cutoff.clamp(1, horizon - 1)
            at_cutoff = _some_running(others, cutoff, horizon, generator)
            for row, (step, share) in enumerate(zip(cutoff.tolist(), shares.numpy(), strict=True)):
                made = _judged(studies, at_cutoff, row, step)
                parts.append([part.astype(np.float16) for part in (made[0], share, *made[1:])])
    return Examples(*(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True)))


def _judged(
    studies: StudyBatch, others: OtherTrials, row: int, cutoff: int
) -> tuple[NDArray[np.generic], ...]:
    """Examples of the judged trials of one study: their features, ``beats`` and ``open``."""
    gains, params = studies.gains[row].numpy(), studies.params[row].numpy()
    index, lengths, finished = (
        part[row][others.present[row]].numpy() for part in (others.trials, others.lengths, others.finished)
    )
    judged = gains[N_OTHERS:]
    context = Context(gains[index], lengths, finished)
    has_params = bool(studies.has_params[row])
    configurations = Configurations(params[index], params[N_OTHERS:], studies.numeric[row].numpy())
    rows = features(context, judged, cutoff, configurations if has_params else None)
    best = np.array([curve[:n].max() for curve, n in zip(context.gains, lengths, strict=True)])
    incumbent = (best[finished] if finished.any() else best).max()
    return rows, judged.max(1) > incumbent, judged[:, :cutoff].max(1) <= incumbent


def _rungs(first: Tensor, ratio: Tensor, horizon: int) -> list[Tensor]:
    """Steps of each rung, ``[B]``. Studies with fewer rungs have the horizon for the rest."""
    return [(first * ratio**i * horizon).round().clamp(1, horizon).long() for i in range(_N_RUNGS)]


def _ranks(values: Tensor) -> Tensor:
    """Ranks of ``values [B, m]`` within each row, as shares from 0 (worst) to below 1."""
    return values.argsort(1).argsort(1).double() / values.shape[1]


def _share_beaten(tops: Tensor) -> Tensor:
    """Share of the trials of a study that each of them beats, ``[M]``. A tie counts half."""
    ordered = tops.sort().values
    below = torch.searchsorted(ordered, tops) + torch.searchsorted(ordered, tops, side="right")
    return below / (2 * len(tops))


def _others(lengths: Tensor, horizon: int, counts: list[int]) -> OtherTrials:
    """The first trials of each study, limited to those that a judgement compares with.

    Args:
        lengths: Steps that each of the other trials runs, ``[B, N_OTHERS]``.
        horizon: Steps of a trial that runs to its end.
        counts: Number of first trials of each study, ``[B]``.
    """
    index = torch.zeros(len(counts), min(max(counts), MAX_TRIALS), dtype=torch.long)
    present = torch.zeros(index.shape, dtype=torch.bool)
    for row, count in enumerate(counts):
        chosen = torch.arange(count)
        if count > MAX_TRIALS:
            longest = torch.argsort(lengths[row, :count] * N_OTHERS + chosen, descending=True)
            taken = torch.zeros(count, dtype=torch.bool)
            taken[longest[: MAX_TRIALS // 2]] = True
            newest = chosen[~taken][-(MAX_TRIALS - MAX_TRIALS // 2) :]
            chosen = torch.cat([chosen[taken], newest]).sort().values
        index[row, : len(chosen)] = chosen
        present[row, : len(chosen)] = True
    length = lengths.gather(1, index)
    return OtherTrials(index, present, length, length == horizon)


def _some_running(
    others: OtherTrials, cutoff: Tensor, horizon: int, generator: torch.Generator
) -> OtherTrials:
    """Mark the newest trials as running, in half of the studies.

    Running trials are near the cutoff in half of these studies, and anywhere in the other half.
    """
    n, n_columns = others.lengths.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    workers = torch.tensor([1, 3, 7, 15, 31])[torch.randint(5, (n, 1), generator=generator)]
    near_cutoff = (cutoff[:, None] + torch.randint(-2, 3, (n, n_columns), generator=generator)).clamp(min=1)
    anywhere = (rand(n, n_columns) * horizon).long() + 1
    at = torch.where(rand(n, 1) < 0.5, near_cutoff, anywhere)
    newest = torch.arange(n_columns)[None] >= others.present.sum(1, keepdim=True) - workers
    running = newest & others.present & (rand(n, 1) < 0.5)
    lengths = torch.where(running, torch.minimum(others.lengths, at), others.lengths)
    return others._replace(lengths=lengths, finished=others.finished & (lengths == others.lengths))
