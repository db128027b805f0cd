"""Gaussian processes within one study: where a trial will stand, by its hyperparameters and its rank so far.

Standings are normal scores. Each process is small (as many points as there are other trials) and has fixed
hyperparameters; there are several, and the network learns which of them to believe from how well each
forecasts the trials that it was fitted to, one left out at a time.
"""

from __future__ import annotations

import torch
from torch import Tensor

_KERNELS = ((1.5, 0.0), (0.4, 0.0), (0.0, 1.0), (0.0, 6.0), (0.7, 2.0), (2.0, 0.5))
"""How fast likeness falls with the distance of configurations, and with that of ranks; 0 leaves it out."""

_VARIANCE = 0.8
_NOISE = 0.35

N_REGRESSION = 3 * len(_KERNELS)
"""Of each process: mean, standard deviation, and the share of variance explained with one left out."""


def squared_distances(params: Tensor, others: Tensor, numeric: Tensor) -> Tensor:
    """Squared distance in each hyperparameter, about 1 between random ones, ``[B, T, N, P]``.

    Args:
        params: ``[B, N, P]``, numbers as ranks in [0, 1], categories as codes.
        others: ``[B, T, P]``.
        numeric: ``[B, P]``; categories are alike or not.

    Example:
        >>> params = torch.tensor([[[0.0, 1.0], [0.5, 2.0]]])
        >>> squared_distances(params, params, torch.tensor([[True, False]]))[0, 0, 1].tolist()
        [1.5, 1.0]
    """
    difference = others[:, :, None] - params[:, None]
    unlike = (difference.abs() >= 1e-9).to(params)
    return torch.where(numeric[:, None, None], difference.square() * 6, unlike)


def relevance(distances: Tensor, scores: Tensor, pairs: Tensor) -> Tensor:
    """Share of variance that each hyperparameter explains alone, ``[B, P]``, at least 0.

    By kernel regression in one dimension, one trial left out at a time (Nadaraya 1964, Watson 1964).

    Args:
        distances: Squared, between trials, ``[B, N, N, P]``.
        scores: Standings, ``[B, N]``.
        pairs: Pairs of distinct trials that are there, ``[B, N, N]``.
    """
    kernel = torch.exp(-4 * distances) * pairs[..., None]
    forecast = (kernel * scores[:, None, :, None]).sum(2) / (kernel.sum(2) + 1.0)  # shrunk towards 0
    there = pairs.any(2).to(scores)[..., None]
    explained = (2 * forecast * scores[..., None] - forecast.square()) * there
    total = (scores.square() * there[..., 0]).sum(1)[:, None]
    return (explained.sum(1) / (total + 1e-9)).clamp(0)


def regression(
    between: Tensor,
    ranks: Tensor,
    to_trial: Tensor,
    rank: Tensor,
    scores: Tensor,
    present: Tensor,
    went_on: Tensor,
) -> Tensor:
    """Forecasts of the standings of ``T`` trials by each process, ``[B, T, N_REGRESSION]``.

    Rasmussen and Williams 2006, equations 2.25, 2.26 and 5.12.

    Args:
        between: Squared distances of configurations, ``[B, N, N]``.
        ranks: Of the other trials at the cutoff, ``[B, N]``.
        to_trial: Squared distances of configurations, ``[B, T, N]``.
        rank: Of the trials at the cutoff, ``[B, T]``.
        scores: Standings of the other trials, ``[B, N]``.
        present: Where there is a trial, ``[B, N]``.
        went_on: Those beyond the cutoff: only they tell what a rank there is worth, ``[B, N]``.
    """
    by_params, by_rank = torch.tensor(_KERNELS, dtype=scores.dtype, device=scores.device).T[..., None, None]
    ranks_between = (ranks[:, :, None] - ranks[:, None]).square() / 2
    ranks_to_trial = (rank[:, :, None] - ranks[:, None]).square() / 2
    used = torch.where(by_rank[..., 0] > 0, (present & went_on)[:, None], present[:, None])  # [B, K, N]
    both = used[..., None] & used[..., None, :]
    covariance = torch.exp(-by_params * between[:, None] - by_rank * ranks_between[:, None])
    noise = torch.where(used, _NOISE, 1.0).to(scores)
    factor = torch.linalg.cholesky(_VARIANCE * covariance * both + torch.diag_embed(noise))
    inverse = torch.cholesky_inverse(factor)
    targets = scores[:, None] * used
    weights = (inverse @ targets[..., None])[..., 0]
    left_out = (weights / inverse.diagonal(dim1=-2, dim2=-1)).square() * used  # squared errors
    explained = 1 - left_out.sum(-1) / (targets.square().sum(-1) + 1.0)
    kernel = torch.exp(-by_params * to_trial[:, None] - by_rank * ranks_to_trial[:, None])
    kernel = _VARIANCE * kernel * used[:, :, None]  # [B, K, T, N]
    mean = (kernel @ weights[..., None])[..., 0]
    deviation = (_VARIANCE - ((kernel @ inverse) * kernel).sum(-1)).clamp(min=0).sqrt()
    forecasts = [mean, deviation, explained.clamp(-0.5, 1)[..., None].expand_as(mean)]
    return torch.stack(forecasts, 2).flatten(1, 2).transpose(1, 2)
