"""How well a network predicts curves of its prior: the table that the LC-PFN paper reports."""

from __future__ import annotations

import torch
from pydantic import BaseModel

from lcstop.pretraining.loop import N_POINTS
from lcstop.pretraining.loss import bar_log_prob
from lcstop.priors.lcpfn import sample_curves
from lcstop.surrogates.network import LCPFNNetwork

CUTOFFS = (10, 20, 40, 80)
"""Observed points out of 100, as published."""

_CHUNK = 100


class Score(BaseModel):
    """Mean log-likelihood of the unseen points of a curve, over curves; one curve has no standard error."""

    cutoff: int
    log_likelihood: float
    standard_error: float | None


@torch.inference_mode()
def evaluate_prior(network: LCPFNNetwork, n_curves: int, seed: int) -> list[Score]:
    """Score ``network`` on fresh noisy curves of the prior, of 100 points each.

    Args:
        network: On any device.
        n_curves: Curves to draw.
        seed: Of the curves; the same seed gives the same curves on one device type.
    """
    device = network.borders.device
    generator = torch.Generator(device).manual_seed(seed)
    curves = sample_curves(n_curves, generator=generator, length=N_POINTS, device=device)
    time = torch.arange(1, N_POINTS + 1, device=device) / N_POINTS
    scores: dict[int, list[torch.Tensor]] = {cutoff: [] for cutoff in CUTOFFS}
    for chunk in torch.split(curves, _CHUNK):
        states = network.encode(time.expand(len(chunk), -1), chunk)
        for cutoff in CUTOFFS:
            query = time[cutoff:].expand(len(chunk), 1, -1)
            seen = time[cutoff - 1].expand(len(chunk), 1)
            logits = network.predict(states[:, cutoff : cutoff + 1], seen, query)[:, 0]
            scores[cutoff].append(bar_log_prob(logits, chunk[:, cutoff:], network.borders).mean(1))
    table = []
    for cutoff, parts in scores.items():
        score = torch.cat(parts).double()
        error = score.std().item() / len(score) ** 0.5 if len(score) > 1 else None
        table.append(Score(cutoff=cutoff, log_likelihood=score.mean().item(), standard_error=error))
    return table
