"""What one training step sees: curves of both priors on one grid of steps, and what to forecast of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lcstop.pretraining.config import TrainConfig
from lcstop.priors.broad import sample_broad
from lcstop.priors.curves import Curves
from lcstop.priors.lcpfn import sample_published
from lcstop.surrogates.network_config import PRIORS
from lcstop.surrogates.prior_time import RESOLUTION
from lcstop.surrogates.torch_network import LCPFNNetwork

MAX_HORIZON = 1000
MIN_HORIZON = 4


@dataclass(frozen=True)
class Batch:
    """Curves on a common grid, and what to forecast of them."""

    step: Tensor  # [length, 2], time and share of the horizon
    value: Tensor  # [batch, length]
    prior: Tensor  # [batch]
    states: Tensor  # [cutoffs], which states of the network forecast
    cutoff: Tensor  # [cutoffs, 2], the last step that each has seen
    query: Tensor  # [batch, cutoffs, queries, 2], later steps
    target: Tensor  # [batch, cutoffs, queries, draws], values drawn there


def sample_batch(config: TrainConfig, generator: torch.Generator, device: torch.device) -> Batch:
    """Fresh curves of one horizon, seen at all of its steps, at every n-th, or at any of them."""

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    varied, size, stride, irregular, left_out, cut = rand(6).tolist()
    horizon = RESOLUTION
    if varied < config.varied_share:
        horizon = round(MIN_HORIZON * (MAX_HORIZON / MIN_HORIZON) ** size)
    curves, prior = _sample_curves(config, horizon, generator, device)
    # A long curve is thinned to at most RESOLUTION points; early in a trial they lie close together.
    every = round(max(1, horizon / RESOLUTION) ** stride)
    grid = torch.arange(every, horizon + 1, every, device=device)[:RESOLUTION]
    if irregular < config.irregular_share:
        grid = grid[rand(len(grid)) >= 0.7 * left_out]
    # The network fills its patches from the end of a curve, so ends vary.
    grid = grid[: len(grid) - min(int(cut * config.network.patch), max(len(grid) - 1, 0))]
    value = curves.noisy(generator)[:, grid - 1]

    patch = config.network.patch
    n_states = -(-len(grid) // patch) + 1
    seen = (torch.arange(n_states, device=device) * patch - (-len(grid) % patch)).clamp(min=0)
    last = torch.cat([grid.new_zeros(1), grid])[seen]  # step of the last point each state has seen
    states = rand(n_states).argsort()
    states = states[last[states] < horizon][: config.cutoffs_per_curve]
    last = last[states]
    ahead = rand(len(value), len(states), config.queries_per_cutoff) * (horizon - last)[:, None]
    query = (last[:, None] + 1 + ahead.long()).clamp(max=horizon)
    flat = (query - 1).flatten(1)
    at = Curves(*(part.gather(1, flat).view(query.shape) for part in curves))
    noise = torch.randn(*query.shape, config.draws_per_query, generator=generator, device=device)
    return Batch(
        step=to_steps(grid, horizon),
        value=value,
        prior=prior,
        states=states,
        cutoff=to_steps(last, horizon),
        query=to_steps(query, horizon),
        target=at.signal[..., None] + at.sigma[..., None] * noise,
    )


def _sample_curves(
    config: TrainConfig, horizon: int, generator: torch.Generator, device: torch.device
) -> tuple[Curves, Tensor]:
    """Curves ``[batch, horizon]`` and the prior ``[batch]`` that each is from."""
    n_broad = round(config.batch_size * config.broad_share)
    published = sample_published(
        config.batch_size - n_broad,
        generator=generator,
        length=max(horizon, RESOLUTION),
        device=device,
    )
    broad = sample_broad(n_broad, generator=generator, horizon=horizon, config=config.broad, device=device)
    parts = zip(published, broad, strict=True)
    prior = torch.full((config.batch_size,), PRIORS.index("published"), device=device)
    prior[config.batch_size - n_broad :] = PRIORS.index("broad")
    return Curves(*(torch.cat([one[:, :horizon], other]) for one, other in parts)), prior


def to_steps(step: Tensor, horizon: int) -> Tensor:
    """Whole steps ``[...]`` to time and share of the horizon ``[..., 2]``, 0 for step 0.

    Agrees with :func:`lcstop.surrogates.prior_time.to_time` for one report a step; a test compares them.
    """
    if horizon <= RESOLUTION:
        time = step / RESOLUTION
    else:
        time = (1 + (step - 1) * ((RESOLUTION - 1) / (horizon - 1))) / RESOLUTION
    return torch.stack([torch.where(step > 0, time, torch.zeros_like(time)), step / horizon], -1)


def forecast_batch(network: LCPFNNetwork, batch: Batch) -> Tensor:
    """Logits ``[batch, cutoffs, queries, n_bins]``."""
    n = len(batch.value)
    states = network.encode(batch.step.expand(n, -1, -1), batch.value, prior=batch.prior)
    return network.predict(states[:, batch.states], batch.cutoff.expand(n, -1, -1), batch.query)
