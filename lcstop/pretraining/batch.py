"""The batch of a training step: curves of both priors on one grid of steps, and forecast targets."""

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

MIN_HORIZON, MAX_HORIZON = 4, 1000
"""Range of the varied horizons, in steps; log-uniform."""


@dataclass(frozen=True)
class Batch:
    """Curves on a common grid, and the targets of their forecasts.

    Attributes:
        step: Grid of the curves: time and share of the horizon, ``[length, 2]``.
        value: Observed values, ``[batch, length]``.
        prior: Index in ``PRIORS`` of the prior of each curve, ``[batch]``.
        states: Indices of the states of the network that forecast, ``[cutoffs]``.
        cutoff: Last step that each of these states has seen, ``[cutoffs, 2]``.
        query: Later steps to forecast, ``[batch, cutoffs, queries, 2]``.
        target: Values drawn at these steps, ``[batch, cutoffs, queries, draws]``.
    """

    step: Tensor
    value: Tensor
    prior: Tensor
    states: Tensor
    cutoff: Tensor
    query: Tensor
    target: Tensor


def sample_batch(config: TrainConfig, generator: torch.Generator, device: torch.device) -> Batch:
    """Draw a batch of curves with one random horizon.

    Curves are observed at every step, at every n-th step, or at a random subset of the steps.

    Args:
        config: The training run.
        generator: Source of all randomness; its device must be ``device``.
        device: Device of the batch.
    """

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    varied, size, stride, irregular, left_out, cut = rand(6).tolist()
    horizon = RESOLUTION
    if varied < config.varied_share:
        horizon = round(MIN_HORIZON * (MAX_HORIZON / MIN_HORIZON) ** size)
    curves, prior = _sample_curves(config, horizon, generator, device)
    # A long curve is thinned to at most RESOLUTION points. The grid may cover only the start of the horizon,
    # as for a trial that is young.
    every = round(max(1, horizon / RESOLUTION) ** stride)
    grid = torch.arange(every, horizon + 1, every, device=device)[:RESOLUTION]
    if irregular < config.irregular_share:
        grid = grid[rand(len(grid)) >= 0.7 * left_out]
    # Patches are filled from the end of a curve, so the end varies to vary their borders.
    grid = grid[: len(grid) - min(int(cut * config.network.patch), max(len(grid) - 1, 0))]
    value = curves.noisy(generator)[:, grid - 1]

    patch = config.network.patch
    n_states = -(-len(grid) // patch) + 1
    seen = (torch.arange(n_states, device=device) * patch - (-len(grid) % patch)).clamp(min=0)
    last = torch.cat([grid.new_zeros(1), grid])[seen]  # step of the last point that each state has seen
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
    """Draw curves ``[batch, horizon]``, and the index in ``PRIORS`` of the prior of each, ``[batch]``."""
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
    """Time and share of the horizon ``[..., 2]`` of whole steps ``[...]``. Both are 0 for step 0.

    For one report per step it equals :func:`lcstop.surrogates.prior_time.to_time`. A test compares them.
    """
    if horizon <= RESOLUTION:
        time = step / RESOLUTION
    else:
        time = (1 + (step - 1) * ((RESOLUTION - 1) / (horizon - 1))) / RESOLUTION
    return torch.stack([torch.where(step > 0, time, torch.zeros_like(time)), step / horizon], -1)


def forecast_batch(network: LCPFNNetwork, batch: Batch) -> Tensor:
    """Logits of the network for a batch, ``[batch, cutoffs, queries, n_bins]``."""
    n = len(batch.value)
    states = network.encode(batch.step.expand(n, -1, -1), batch.value, prior=batch.prior)
    return network.predict(states[:, batch.states], batch.cutoff.expand(n, -1, -1), batch.query)
