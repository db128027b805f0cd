"""Log-likelihood of curves of the published prior under a network: the table of the LC-PFN paper."""

from __future__ import annotations

import torch
from pydantic import BaseModel

from lcstop.pretraining.batch import to_steps
from lcstop.pretraining.loss import bar_log_prob
from lcstop.priors.lcpfn import sample_curves
from lcstop.surrogates.network_config import PRIORS
from lcstop.surrogates.prior_time import RESOLUTION
from lcstop.surrogates.torch_network import LCPFNNetwork

CUTOFFS = (10, 20, 40, 80)
"""Numbers of observed points out of 100, as in the paper."""

_CHUNK = 100
"""Curves in one forward pass."""


class LikelihoodRow(BaseModel):
    """A row of the table: the mean log-likelihood of the unseen points of a curve.

    Attributes:
        cutoff: Number of observed points.
        log_likelihood: Mean over unseen points and curves, in nats.
        standard_error: Standard error of the mean over curves. None for a single curve.
    """

    cutoff: int
    log_likelihood: float
    standard_error: float | None


@torch.inference_mode()
def evaluate_prior(network: LCPFNNetwork, n_curves: int, seed: int) -> list[LikelihoodRow]:
    """Score a network on fresh noisy curves of the published prior, of 100 points each.

    Args:
        network: The network, on any device.
        n_curves: Number of curves.
        seed: Seed of the curves. It gives the same curves on the same type of device.

    Returns:
        One row for each of :data:`CUTOFFS`.
    """
    device = network.borders.device
    generator = torch.Generator(device).manual_seed(seed)
    curves = sample_curves(n_curves, generator=generator, length=RESOLUTION, device=device)
    step = to_steps(torch.arange(1, RESOLUTION + 1, device=device), RESOLUTION)
    scores: dict[int, list[torch.Tensor]] = {cutoff: [] for cutoff in CUTOFFS}
    for chunk in torch.split(curves, _CHUNK):
        steps = step.expand(len(chunk), -1, -1)
        prior = torch.full((len(chunk),), PRIORS.index("published"), device=device)
        for cutoff in CUTOFFS:
            state = network.encode(steps[:, :cutoff], chunk[:, :cutoff], prior=prior)[:, -1:]
            logits = network.predict(state, steps[:, cutoff - 1 : cutoff], steps[:, None, cutoff:])[:, 0]
            unseen = chunk[:, cutoff:, None]
            scores[cutoff].append(bar_log_prob(logits, unseen, network.borders)[..., 0].mean(1))
    table = []
    for cutoff, parts in scores.items():
        score = torch.cat(parts).double()
        error = score.std().item() / len(score) ** 0.5 if len(score) > 1 else None
        table.append(LikelihoodRow(cutoff=cutoff, log_likelihood=score.mean().item(), standard_error=error))
    return table
