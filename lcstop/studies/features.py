"""Features of a trial among the other trials of its study, what the study network sees.

Nearly all of them are ranks and comparisons at the same step, so that neither the units of a metric nor any
rising transformation of it matters much: losses of 0.6929 and 0.6931 differ as clearly as accuracies of 0.5
and 0.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lcstop.studies.regression import N_REGRESSION, regression, relevance, squared_distances

NONE = -1e9
"""Stands for a value that is not there, or not finite: worse than every other."""

N_FEATURES = 37 + N_REGRESSION

_FEWEST = 1e-9


@dataclass(frozen=True)
class Context:
    """The other trials of each of ``B`` studies, at most ``N`` of them; float64.

    Attributes:
        gains: Values on a common grid of ``H`` steps up to the horizon, higher is better, ``[B, N, H]``;
            those beyond a trial's length are never looked at.
        lengths: Steps of the grid that each trial has reached, 0 where there is no trial, ``[B, N]``.
        finished: Trials that ran to their own end, ``[B, N]``.
        params: Hyperparameters, numbers as ranks in [0, 1], categories as codes, ``[B, N, P]``.
        numeric: Which hyperparameters are numbers, ``[B, P]``.
        known: Whether hyperparameters are known at all, ``[B]``.
    """

    gains: Tensor
    lengths: Tensor
    finished: Tensor
    params: Tensor
    numeric: Tensor
    known: Tensor

    @property
    def present(self) -> Tensor:
        """Where there is a trial, ``[B, N]``."""
        return self.lengths > 0


def features(context: Context, gains: Tensor, cutoff: Tensor, params: Tensor) -> Tensor:
    """Features ``[B, T, N_FEATURES]`` of ``T`` trials of each study; none of them is in ``context``.

    Args:
        context: The other trials.
        gains: Values of the trials on the same grid, ``[B, T, H]``; those up to the cutoff are looked at.
        cutoff: Steps of the grid that the trials have reached, at least 1, ``[B]``.
        params: Hyperparameters of the trials, ``[B, T, P]``.

    Example:
        >>> ones = torch.ones(1, 2, 1, dtype=torch.float64)
        >>> others = Context(
        ...     gains=torch.tensor([[[0.1, 0.2, 0.3], [0.2, 0.4, 0.5]]], dtype=torch.float64),
        ...     lengths=torch.tensor([[3, 3]]), finished=torch.tensor([[True, True]]),
        ...     params=ones, numeric=torch.tensor([[True]]), known=torch.tensor([False]),
        ... )
        >>> features(others, others.gains[:, :1] - 0.05, torch.tensor([2]), ones[:, :1]).shape
        torch.Size([1, 1, 55])
    """
    study = _Study(context, gains, cutoff)
    return torch.cat([_of_curves(study), _of_configurations(study, params, context.known)], -1)


def with_and_without(context: Context, gains: Tensor, cutoff: Tensor, params: Tensor) -> Tensor:
    """Features as of :func:`features`, and those without hyperparameters, ``[2, B, T, N_FEATURES]``.

    Example:
        >>> ones = torch.ones(1, 2, 1, dtype=torch.float64)
        >>> gains = torch.tensor([[[0.1, 0.2, 0.3], [0.2, 0.4, 0.5]]], dtype=torch.float64)
        >>> full = torch.tensor([[3, 3]])
        >>> others = Context(gains, full, full == 3, ones, torch.tensor([[True]]), torch.tensor([True]))
        >>> with_and_without(others, gains[:, :1] - 0.05, torch.tensor([2]), ones[:, :1]).shape
        torch.Size([2, 1, 1, 55])
    """
    study = _Study(context, gains, cutoff)
    curves = _of_curves(study)
    told = _of_configurations(study, params, context.known)
    untold = _of_configurations(study, None, torch.zeros_like(context.known))
    return torch.stack([torch.cat([curves, told], -1), torch.cat([curves, untold], -1)])


def _of_curves(study: _Study) -> Tensor:
    parts = [
        *_standing(study),
        *_against_incumbent(study),
        *_spread(study),
        *_shape(study),
        *_agreement(study),
        *_counts(study),
    ]
    return torch.stack([part.expand(study.shape) for part in parts], -1)


def normal_score(share: Tensor) -> Tensor:
    """The standard normal quantile of a share, finite at 0 and 1."""
    score: Tensor = torch.special.ndtri(share.clamp(1e-4, 1 - 1e-4))
    return score


def _beats(values: Tensor, others: Tensor) -> Tensor:
    """1 where a value is better, 1/2 where both are the same."""
    return (values > others).double() + 0.5 * (values == others).double()


def _score(values: Tensor, others: Tensor, among: Tensor) -> Tensor:
    """Normal score of the share of ``others [B, N]`` that each of ``values [B, T]`` beats, ``[B, T]``.

    One more, half of which it beats, keeps a rank among few near the middle.
    """
    won = (_beats(values[:, :, None], others[:, None]) * among[:, None]).sum(2)
    return normal_score((won + 0.5) / (among.sum(1)[:, None] + 1))


def _at(curves: Tensor, step: Tensor) -> Tensor:
    """Values ``[B, n]`` of curves ``[B, n, H]`` at a step ``[B]``, counted from 1."""
    index = (step - 1).clamp(0)[:, None, None].expand(-1, curves.shape[1], 1)
    return curves.gather(2, index)[..., 0]


class _Study:
    """What several features need."""

    def __init__(self, context: Context, gains: Tensor, cutoff: Tensor) -> None:
        self.context, self.gains, self.cutoff = context, gains, cutoff
        self.shape = gains.shape[:2]
        self.horizon = gains.shape[2]
        lengths, finished, present = context.lengths, context.finished, context.present
        self.none = gains.new_tensor(NONE)
        self.n = present.sum(1).to(gains)
        self.n_finished = finished.sum(1).to(gains)
        steps = torch.arange(self.horizon, device=gains.device)
        self.others_best = context.gains.masked_fill(steps >= lengths[..., None], NONE).cummax(2).values
        # The best value of each other trial so far.
        self.ends = self.others_best.gather(2, (lengths - 1).clamp(0)[..., None])[..., 0]
        # As long as none has finished, the best trial so far stands in for the incumbent.
        holds = torch.where(self.n_finished[:, None] == 0, present, finished)
        incumbent, self.holder = self.ends.masked_fill(~holds, NONE).max(1)
        self.incumbent = incumbent[:, None]
        firsts = torch.where(present, context.gains[..., 0], torch.nan)
        self.first = torch.nanmedian(firsts, 1).values[:, None]
        self.span = (self.incumbent - self.first).clamp(min=_FEWEST)
        self.now = _at(gains, cutoff)
        self.others_now = _at(context.gains, cutoff)
        self.reached = lengths >= cutoff[:, None]
        self.best = _at(gains.cummax(2).values, cutoff)
        self.score = _score(self.now, self.others_now, self.reached)
        # Of each other trial at the cutoff, among those that have reached it.
        self.won_now = _beats(self.others_now[:, :, None], self.others_now[:, None])
        won = (self.won_now * (self.reached[:, None] & self.reached[:, :, None])).sum(2)
        share = (won + 0.5 - 0.5 * self.reached) / self.reached.sum(1)[:, None]
        self.others_rank = normal_score(share).nan_to_num(0.0) * self.reached

        # Every pair of other trials, compared at the last step that both have reached.
        last = torch.minimum(lengths[:, :, None], lengths[:, None])
        self.pairs = (last > 0) & ~torch.eye(lengths.shape[1], dtype=torch.bool, device=gains.device)
        values = context.gains.gather(2, (last - 1).clamp(0))
        self.won = _beats(values, values.transpose(1, 2))
        share = ((self.won * self.pairs).sum(2) + 0.5) / (self.pairs.sum(2) + 1)
        self.others_score = normal_score(share) * present


def _standing(study: _Study) -> list[Tensor]:
    """Ranks: at the cutoff and before, among those that finished, and at the last step shared with each."""
    context, cutoff, half = study.context, study.cutoff, []
    for parts in (2, 4):
        step = torch.div(cutoff + parts - 1, parts, rounding_mode="floor").clamp(min=1)
        before = _at(study.gains, step)
        half += [_score(before, _at(context.gains, step), context.lengths >= step[:, None])]
        half += [torch.tanh((study.now - before) / study.span * 3)]
    others_best = _at(study.others_best, cutoff)
    shared = torch.minimum(cutoff[:, None], context.lengths)
    index = (shared - 1).clamp(0)
    own = study.gains.gather(2, index[:, None].expand(*study.shape, -1))
    theirs = context.gains.gather(2, index[..., None])[..., 0]
    won = (_beats(own, theirs[:, None]) * context.present[:, None]).sum(2)
    return [
        study.score,
        *half,
        _score(study.best, others_best, study.reached),
        _score(study.now, study.others_now, context.finished & study.reached),
        _score(study.best, study.ends, context.finished),
        normal_score((won + 0.5) / (study.n[:, None] + 1)),
    ]


def _against_incumbent(study: _Study) -> list[Tensor]:
    """How far the trial is from the incumbent, and from the incumbent's curve at the same step."""
    height = (study.now - study.first) / study.span
    missing = (study.best - study.incumbent) / study.span
    incumbents = _at(study.others_best, study.cutoff).gather(1, study.holder[:, None])
    behind = (study.best - incumbents) / study.span
    return [
        torch.tanh(height),
        torch.exp(-3 * (1 - height).clamp(0, 20)),
        torch.tanh(2 * missing),
        torch.tanh(20 * missing),
        torch.tanh(3 * behind),
        torch.tanh(40 * behind),
    ]


def _spread(study: _Study) -> list[Tensor]:
    """How far the trial is from the others at the same step, in units of their spread."""
    others = torch.where(study.reached, study.others_now, torch.nan)
    middle = torch.nanmedian(others, 1).values[:, None]
    spread = torch.nan_to_num(torch.nanmedian((others - middle).abs(), 1).values)[:, None]
    middle = torch.nan_to_num(middle)
    unit = 1.5 * spread + _FEWEST * (1 + middle.abs())
    several = study.reached.sum(1)[:, None] > 1
    top = torch.where(study.reached, study.others_now, study.none).max(1).values[:, None]
    return [
        torch.tanh((study.now - middle) / unit / 4) * several,
        torch.tanh((study.now - middle) / unit / 20) * several,
        torch.tanh((study.now - top) / unit / 3) * several,
    ]


def _shape(study: _Study) -> list[Tensor]:
    """The trial's own curve: how much it has moved of late, how much of that upwards, how old its best is."""
    cutoff = study.cutoff[:, None]
    step = torch.arange(study.horizon - 1, device=cutoff.device)[None, None]
    late = (step < cutoff[..., None] - 1) & (step >= cutoff[..., None] - 7)
    difference = torch.where(late, study.gains.diff(dim=2), 0.0)
    moved = difference.abs().sum(2)
    upwards = difference.clamp(min=0).sum(2)
    seen = torch.arange(study.horizon, device=cutoff.device)[None, None] < cutoff[..., None]
    best_at = torch.where(seen, study.gains, study.none).argmax(2)
    return [
        torch.tanh(3 * moved / study.span),
        upwards / (moved + 1e-12),
        (cutoff - 1 - best_at) / cutoff,
    ]


def _agreement(study: _Study) -> list[Tensor]:
    """Whether ranks at the cutoff have lasted in this study, and how its best trials ranked at the cutoff."""
    finished, lengths = study.context.finished, study.context.lengths
    went_on = study.reached & (lengths > study.cutoff[:, None])
    ties = (study.won_now == 0.5) | (study.won == 0.5)
    counts = went_on[:, :, None] & went_on[:, None] & study.pairs & ~ties
    same, pairs = ((study.won_now == study.won) & counts).sum((1, 2)), counts.sum((1, 2))
    rank = study.others_rank
    best = study.ends.masked_fill(~finished, NONE).topk(min(3, lengths.shape[1]), 1).indices
    there = finished.gather(1, best)
    holder = rank.gather(1, study.holder[:, None])[:, 0] * (study.n_finished > 0)
    shares = [
        (same + 8 * 0.75) / (pairs + 8) * 2 - 1,  # three quarters until there is evidence
        torch.log1p(pairs.double()) / 5,
        holder,
        (rank.gather(1, best) * there).sum(1) / there.sum(1).clamp(min=1),
    ]
    return [share[:, None] for share in shares]


def _counts(study: _Study) -> list[Tensor]:
    """How far the trial is, and how much the study has seen."""
    lengths, horizon = study.context.lengths.to(study.gains), study.horizon
    time = study.cutoff.to(study.gains) / horizon
    counts = [
        torch.log1p(study.reached.sum(1).to(study.gains)) / 3,
        (lengths / horizon).sum(1) / study.n.clamp(min=1),
        2 * time - 1,
        torch.log(time) / 2,
        torch.full_like(time, math.log(horizon / 50) / 2),
        torch.log1p(study.n) / 4,
        torch.log1p(study.n_finished) / 3,
        study.n_finished / study.n.clamp(min=1),
    ]
    return [count[:, None] for count in counts]


def _of_configurations(study: _Study, params: Tensor | None, known: Tensor) -> Tensor:
    """What hyperparameters tell, alone and with the rank at the cutoff; None are the same everywhere."""
    context, present, scores = study.context, study.context.present, study.others_score
    nobody_near = scores.new_tensor(4.0)
    if params is None:
        told = scores.new_zeros(len(known), 1)
        between = nobody_near.expand(*present.shape, present.shape[1])
        to_trial = nobody_near.expand(*study.shape, present.shape[1])
    else:
        between = squared_distances(context.params, context.params, context.numeric)
        to_trial = squared_distances(context.params, params, context.numeric)
        told = relevance(between, scores, study.pairs)
        weights = told + 0.02
        weights = 2 * (weights / weights.sum(1, keepdim=True))[:, None, None]
        between = torch.where(known[:, None, None], (between * weights).sum(-1), nobody_near)
        to_trial = torch.where(known[:, None, None], (to_trial * weights).sum(-1), nobody_near)
    went_on = study.reached & (context.lengths > study.cutoff[:, None])
    summary = [
        told.max(1).values[:, None],
        told.sum(1).clamp(max=2)[:, None],
        known.to(scores)[:, None],
        to_trial.masked_fill(~present[:, None], 9.0).min(2).values.clamp(max=4) / 2,
    ]
    forecasts = regression(between, study.others_rank, to_trial, study.score, scores, present, went_on)
    return torch.cat([torch.stack([part.expand(study.shape) for part in summary], -1), forecasts], -1)
