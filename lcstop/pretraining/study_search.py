"""Artificial searches: studies whose trials are proposed, reported and stopped as in use.

A sampler that learns proposes ever better trials, with mistakes of its own. Successive halving with random
settings stops trials. Some trials report late, some report a placeholder at first, some metrics are rounded.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lcstop.curves.curve import Target
from lcstop.priors.broad import BroadConfig
from lcstop.priors.clear_studies import with_clear_part
from lcstop.priors.study import N_PARAMS, sample_studies
from lcstop.ranking.comparison import MISSING

N_TRIALS = 216
"""Number of trials in a study."""

_N_POOL = 288
"""Trials that the sampler chooses from."""

_N_STARTUP = 10
"""Trials that the sampler proposes at random, as that of Optuna does."""

_MOST_COMPARED = 6
"""Maximum number of candidates of which the sampler proposes the one that looks best."""

_HORIZONS = (8, 150)
"""Range of the horizons, in steps; log-uniform."""

_N_RUNGS = 9
"""Maximum number of rungs of the halving that stops trials."""


class StudyBatch(NamedTuple):
    """``B`` artificial studies of ``M`` trials with ``H`` steps, in the order of their proposals.

    Attributes:
        gains: Reported values, higher is better, :data:`lcstop.ranking.comparison.MISSING` before the first
            report, ``[B, M, H]``.
        starts: First step that each trial reports, from 1 on, ``[B, M]``.
        params: Hyperparameters, ``[B, M, P]``.
        numeric: Which hyperparameters are numbers, ``[B, P]``.
        has_params: Whether the network may compare hyperparameters, ``[B]``.
        target: Whether the best value or the last one counts.
    """

    gains: Tensor
    starts: Tensor
    params: Tensor
    numeric: Tensor
    has_params: Tensor
    target: Target

    @property
    def results(self) -> Tensor:
        """What each trial reaches at its end, ``[B, M]``."""
        return self.gains[..., -1] if self.target == "final" else self.gains.amax(2)


def draw_studies(n: int, config: BroadConfig, generator: torch.Generator) -> StudyBatch:
    """Draw ``n`` studies with one random horizon and one target."""
    low, high = _HORIZONS
    horizon = round(low * (high / low) ** float(torch.rand(1, generator=generator)))
    pool = sample_studies(n, _N_POOL, generator=generator, horizon=horizon, config=config)
    # Most search spaces have few hyperparameters. Those that are not told are constant.
    n_told = 1 + (torch.rand(n, 1, 1, generator=generator).square() * N_PARAMS).long()
    pool = pool._replace(params=torch.where(torch.arange(N_PARAMS) < n_told, pool.params, 0.0))
    pool = with_clear_part(pool, generator)
    gains = torch.nan_to_num(pool.curves.noisy(generator).double(), MISSING, -MISSING, MISSING)
    target: Target = "final" if float(torch.rand(1, generator=generator)) < 0.25 else "best"
    order = _proposals(gains[..., -1] if target == "final" else gains.amax(2), generator)
    gains = gains.gather(1, order[..., None].expand(-1, -1, horizon))
    params = pool.params.double().gather(1, order[..., None].expand(-1, -1, pool.params.shape[2]))
    gains = _as_reported(gains, generator)
    starts = _first_reports(n, horizon, generator)
    gains = torch.where(torch.arange(1, horizon + 1) < starts[..., None], MISSING, gains)
    has_params = torch.rand(n, generator=generator) < 0.88
    return StudyBatch(gains, starts, params, pool.numeric, has_params, target)


def _proposals(results: Tensor, generator: torch.Generator) -> Tensor:
    """Indices of the trials in the order of their proposals, ``[B, N_TRIALS]``.

    After the start, the sampler compares some random candidates by what it expects of them: their results
    with an error of its own. In half of the studies it proposes at random to the end.
    """
    n, n_pool = results.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    scores = torch.special.ndtri((ranks(results) + 0.5 / n_pool).clamp(1e-4, 1 - 1e-4))
    expected = scores + (0.2 + 1.5 * rand(n, 1)) * torch.randn(n, n_pool, generator=generator)
    most = torch.where(rand(n) < 0.5, 1, 2 + (rand(n) * (_MOST_COMPARED - 1)).long())
    free, chosen = torch.ones(n, n_pool, dtype=torch.bool), []
    for number in range(N_TRIALS):
        candidates = torch.where(free, rand(n, n_pool), -1.0).topk(_MOST_COMPARED).indices
        n_compared = most if number >= _N_STARTUP else torch.ones_like(most)
        n_compared = torch.where(rand(n) < 0.2, 1, n_compared)
        looks = expected.gather(1, candidates)
        looks = looks.masked_fill(torch.arange(_MOST_COMPARED) >= n_compared[:, None], -math.inf)
        best = candidates.gather(1, looks.argmax(1, keepdim=True))
        free.scatter_(1, best, False)
        chosen.append(best)
    return torch.cat(chosen, 1)


def _as_reported(gains: Tensor, generator: torch.Generator) -> Tensor:
    """Placeholders at the start in some studies, rounded values in some."""
    n, m, horizon = gains.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    unit = torch.exp(math.log(0.002) + math.log(30) * rand(n, 1, 1)).double()
    gains = torch.where(rand(n, 1, 1) < 0.15, (gains / unit).round() * unit, gains)
    until = 0.25 * rand(n, 1, 1).square() * torch.where(rand(n, 1, 1) < 0.5, 1.0, rand(n, m, 1)) * horizon
    flat = torch.where(rand(n, 1, 1) < 0.12, until, 0.0) >= torch.arange(1, horizon + 1)
    level = gains[..., 0].median(1).values[:, None, None]
    return torch.where(flat, level, gains)


def _first_reports(n: int, horizon: int, generator: torch.Generator) -> Tensor:
    """First step that each trial reports, ``[B, N_TRIALS]``: 1 in most studies.

    In the others it is the same late step for all trials, for a share of them, or another one for each.
    """

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    late = (1 + rand(n, 1).square() * horizon).long().clamp(max=horizon)
    each = (1 + rand(n, N_TRIALS) * rand(n, 1) * horizon).long().clamp(max=horizon)
    some = torch.where(rand(n, N_TRIALS) < rand(n, 1), late, 1)
    kind = rand(n, 1)
    some = torch.where(kind < 0.07, late.expand(-1, N_TRIALS), torch.where(kind < 0.14, some, each))
    return torch.where(kind < 0.21, some, 1)


def stop_by_rank(studies: StudyBatch, generator: torch.Generator) -> Tensor:
    """Steps that each trial runs, ``[B, M]``: successive halving with random settings.

    Many rungs with a small share of stops are like a rule that judges often. In some studies no trial is
    stopped. In some the rank is partly that of the final value, as for a rule with good forecasts. In some
    a share of the trials is exempt from stopping.
    """
    n, m, horizon = studies.gains.shape

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    def one_of(*options: float) -> Tensor:
        return torch.tensor(options)[torch.randint(len(options), (n,), generator=generator)]

    eta, ratio = one_of(1.3, 1.5, 1.5, 2.0, 3.0, 4.0), one_of(1.6, 1.6, 2.0, 3.0, 4.0)
    rungs = _rungs(0.02 * 5 ** rand(n), ratio, horizon)
    no_stops = rand(n) < 0.12
    exempt = (rand(n, m) < one_of(0.0, 0.0, 0.04, 0.1, 0.3)[:, None]) | no_stops[:, None]
    foresight = torch.where(rand(n) < 0.5, rand(n), torch.zeros(n))[:, None]
    end = ranks(studies.results)
    lengths = torch.full((n, m), horizon)
    scores, reached = list[Tensor](), list[Tensor]()
    for rung in rungs:
        at = studies.gains.gather(2, (rung.clamp(max=horizon) - 1)[:, None, None].expand(-1, m, 1))[..., 0]
        scores.append((1 - foresight) * ranks(at) + foresight * end)
        reached.append(torch.zeros(n, m, dtype=torch.bool))
    for trial in range(m):
        alive = torch.ones(n, dtype=torch.bool)
        for rung, score, before in zip(rungs, scores, reached, strict=True):
            judged = alive & (rung < horizon) & (rung >= studies.starts[:, trial])
            better = ((score[:, :trial] > score[:, trial, None]) & before[:, :trial]).sum(1)
            kept = ((before[:, :trial].sum(1) + 1) / eta).floor().clamp(min=1)
            stop = judged & ~exempt[:, trial] & (better >= kept)
            before[:, trial] = judged
            lengths[:, trial] = torch.where(stop, rung, lengths[:, trial])
            alive &= ~stop
    return lengths


def _rungs(first: Tensor, ratio: Tensor, horizon: int) -> list[Tensor]:
    """Steps of each rung, ``[B]``. Studies with fewer rungs have the horizon for the rest."""
    return [(first * ratio**i * horizon).round().clamp(1, horizon).long() for i in range(_N_RUNGS)]


def ranks(values: Tensor) -> Tensor:
    """Ranks of ``values [B, m]`` within each row, as shares from 0 (worst) to below 1."""
    return values.argsort(1).argsort(1).double() / values.shape[1]
