"""A broader prior of learning curves: what real training runs do and the published prior does not know.

A curve is a gain between a start and an end, driven by one to two growth phases and by the learning-rate
schedule, with what may go wrong and with noise as real metrics have it. It is made on a linear scale on which
a study starts at 0 and its best trial is near 1, and then put on the unit interval by the logistic function
of :class:`lcstop.MetricScale`.
"""

from __future__ import annotations

import math

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from lcstop.priors.curves import Curves
from lcstop.priors.draw import Draw


def _share(default: float) -> float:
    value: float = Field(default, ge=0, le=1)
    return value


class BroadConfig(BaseModel):
    """Share of the curves that have each component; 0 switches it off.

    Attributes:
        flat: Trials that never learn: nearly no gain, often with hardly any noise.
        late_start: Nothing happens for a while, then the curve rises.
        plateau: A second growth phase after the first has levelled off.
        schedule: A learning-rate schedule (steps, cosine, linear, one-cycle) that holds the value down and
            its noise up while the rate is high, and lifts the curve when it falls, also late.
        overfit: Decline after a peak.
        diverge: Collapse at some step, a third of the time with recovery.
        heteroscedastic: Noise that shrinks as the trial learns.
        correlated: Noise that wanders instead of being drawn afresh at each step.
        spikes: Single bad points.
        saturate: The end lies near the best possible value, where noise and differences are tiny.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flat: float = _share(0.08)
    late_start: float = _share(0.2)
    plateau: float = _share(0.2)
    schedule: float = _share(0.45)
    overfit: float = _share(0.2)
    diverge: float = _share(0.06)
    heteroscedastic: float = _share(0.5)
    correlated: float = _share(0.4)
    spikes: float = _share(0.12)
    saturate: float = _share(0.2)


def sample_broad(
    n: int,
    *,
    generator: torch.Generator,
    horizon: int,
    config: BroadConfig = BroadConfig(),  # noqa: B008  # frozen
    device: torch.device | str = "cpu",
) -> Curves:
    """Draw curves of the broader prior at steps 1 .. ``horizon``.

    Args:
        n: Number of curves.
        generator: Source of all randomness; its device must be ``device``.
        horizon: Number of steps, which is also the length of the learning-rate schedules.
        config: Which components occur, and how often.
        device: Where the curves are made.

    Returns:
        ``signal`` holds whatever is not independent from step to step (wandering noise, spikes).

    Raises:
        ValueError: If ``n`` is negative or ``horizon`` is below 2.

    Example:
        >>> curves = sample_broad(5, generator=torch.Generator().manual_seed(0), horizon=30)
        >>> curves.signal.shape, bool(((curves.signal >= 0) & (curves.signal <= 1)).all())
        (torch.Size([5, 30]), True)
    """
    if n < 0:
        raise ValueError(f"n must be at least 0, got {n=}")
    if horizon < 2:
        raise ValueError(f"horizon must be at least 2, got {horizon=}")
    draw = Draw(n, generator, device)
    z, sigma = trials(draw, horizon, config)
    # The logistic function of MetricScale, mostly with the study's initial level and best value as its range.
    anchored = draw.chance(0.7)
    slope = torch.where(anchored, 2.0, torch.exp(draw.normal(0.7, 0.4)))
    shift = torch.where(anchored, -1.0, draw.normal(-1.0, 0.7))
    signal = torch.sigmoid(slope * z + shift)
    return Curves(signal, sigma * slope * signal * (1 - signal))


def trials(draw: Draw, horizon: int, config: BroadConfig) -> Curves:
    """Curves on the linear scale, where a study starts at about 0 and its best trials end at about 1."""
    u = torch.linspace(1 / horizon, 1, horizon, device=draw.device)[None]  # share of the horizon
    start, end = _ends(draw, config)
    gain = end - start
    rate, fall = _schedule(draw, config, u)
    growth = _growth(draw, config, u)
    held = draw.only(fall, draw.uniform(0, 1) ** 2 * 0.8)  # how much a high rate takes from the gain
    z = start + gain * (growth * (1 - held * rate))
    z = z - draw.only(draw.chance(config.overfit), _decline(draw, u) * gain.abs().clamp(min=0.05))
    z, collapsed = _diverge(draw, config, u, z, start)

    sigma = torch.exp(draw.normal(-4.0, 1.2)) * torch.where(draw.chance(0.15), 0.1, 1.0)
    calm = draw.uniform(0, 0.6)  # share of the noise that is there whatever the rate and the progress
    sigma = sigma * torch.where(fall, calm + (1 - calm) * rate, torch.ones_like(rate))
    shrinking = calm + (1 - calm) * (1 - growth).clamp(0, 1) * draw.uniform(1, 4)
    sigma = sigma * torch.where(draw.chance(config.heteroscedastic), shrinking, torch.ones_like(rate))
    near = draw.chance(config.saturate)
    sigma = sigma * torch.where(near, (end + 0.1 - z).abs().clamp(0.01, 1), torch.ones_like(z))
    wander = draw.only(draw.chance(config.correlated), draw.uniform(0.3, 1))
    z = z + wander * sigma * _wandering(draw, horizon)
    hit = draw.chance(config.spikes) & (draw.rand(horizon) < 0.04)
    z = z - draw.only(hit, draw.uniform(0, 1) * -torch.log(draw.rand(horizon) + 1e-6))
    sigma = torch.where(collapsed, sigma * draw.uniform(0, 1), sigma * (1 - wander**2).clamp(min=0.01).sqrt())
    return Curves(z, sigma)


def _ends(draw: Draw, config: BroadConfig) -> tuple[Tensor, Tensor]:
    """Start and end of each curve on the linear scale."""
    start = torch.where(draw.chance(0.6), draw.normal(0, 0.1), draw.uniform(-0.6, 0.7))
    start = torch.where(draw.chance(0.1), start + torch.log(draw.rand() + 1e-6) * 0.7, start)
    end = torch.where(draw.chance(0.5), draw.uniform(-0.1, 1.15), 1.1 - torch.exp(draw.normal(-2.0, 1.0)))
    end = torch.where(draw.chance(config.saturate), 1.05 - torch.exp(draw.normal(-4.0, 1.0)), end)
    end = torch.maximum(end, start - 0.1 * draw.rand())
    flat = draw.chance(config.flat)
    end = torch.where(flat, start + draw.normal(0, 0.02) * draw.chance(0.7), end)
    return start, end


def _growth(draw: Draw, config: BroadConfig, u: Tensor) -> Tensor:
    """Share of the gain that is made at ``u``: ``[n, horizon]``, 1 at the horizon for most curves."""
    late = draw.only(draw.chance(config.late_start), draw.uniform(0, 1) ** 1.5 * 0.8)
    first = _phase(draw, u, late)
    second = _phase(draw, u, draw.uniform(0.05, 0.9))
    share = draw.only(draw.chance(config.plateau), draw.uniform(0, 0.7))
    growth = (1 - share) * first + share * second
    # Most trials are made to arrive; the others are on their way when the horizon comes.
    last = growth[:, -1:]
    growth = torch.where(draw.chance(0.6), growth / last.clamp(min=0.05), growth)
    # What is gained before the first report is not seen: half of the curves start their gain there.
    seen = (growth - growth[:, :1]) / (growth[:, -1:] - growth[:, :1]).clamp(min=1e-3) * growth[:, -1:]
    return torch.where(draw.chance(0.5), seen, growth)


def _phase(draw: Draw, u: Tensor, late: Tensor) -> Tensor:
    """A mixture of saturating exponential, power law, Hill and logarithmic growth from ``late`` on."""
    passed = (u - late).clamp(min=0)
    scale = draw.log_uniform(0.003, 2)
    x = passed / scale
    exponential = 1 - torch.exp(-(x ** torch.exp(draw.normal(0, 0.4))))
    power = 1 - (1 + x) ** -torch.exp(draw.normal(-0.3, 0.8))
    hill = 1 / (1 + x ** -torch.exp(draw.normal(0.6, 0.5)))  # not x**k / (1 + x**k), which overflows
    logarithm = torch.log1p(x) / torch.log1p(1 / scale)
    weights = torch.stack([-(torch.log(draw.rand() + 1e-9) ** 3) for _ in range(4)])  # one often dominates
    weights = weights / weights.sum(0)
    return weights[0] * exponential + weights[1] * power + weights[2] * hill + weights[3] * logarithm


def _schedule(draw: Draw, config: BroadConfig, u: Tensor) -> tuple[Tensor, Tensor]:
    """Learning rate ``[n, horizon]`` in [0, 1] as a share of its peak, and whether there is a schedule."""
    kind = (draw.rand() * 4).long()
    peak = draw.only(draw.chance(0.4), draw.uniform(0, 0.5))  # warm-up, mostly short or none
    after = ((u - peak) / (1 - peak)).clamp(0, 1)
    power = torch.exp(draw.normal(0, 0.4))
    cosine = (0.5 * (1 + torch.cos(math.pi * after))).clamp(min=0) ** power
    linear = (1 - after).clamp(min=0) ** power
    flat_first = draw.uniform(0, 0.9)
    trapezoid = ((1 - u) / (1 - flat_first)).clamp(0, 1)
    factor, speed = draw.uniform(0.05, 0.6), draw.log_uniform(0.002, 0.05)
    every = draw.uniform(0.12, 0.9)
    n_drops = torch.floor(u / every)
    since = u / every - n_drops
    # The metric follows a drop of the rate within a few steps.
    settled = 1 - torch.exp(-since * every / speed)
    steps = factor**n_drops + (factor ** (n_drops - 1).clamp(min=0) - factor**n_drops) * (1 - settled)
    rate = torch.where(kind == 0, cosine, torch.where(kind == 1, linear, steps))
    rate = torch.where(kind == 2, trapezoid, rate)
    has = draw.chance(config.schedule)
    return torch.where(has, rate, torch.zeros_like(rate)), has


def _decline(draw: Draw, u: Tensor) -> Tensor:
    since = (u - draw.uniform(0.02, 1)).clamp(min=0)
    return torch.exp(draw.normal(-1.0, 1.0)) * since ** torch.exp(draw.normal(0, 0.4))


def _diverge(draw: Draw, config: BroadConfig, u: Tensor, z: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """The curve after some of them collapsed, and where they lie at the bottom."""
    at, speed = draw.rand(), draw.log_uniform(0.002, 0.05)
    bottom = start - draw.only(draw.chance(0.6), -torch.log(draw.rand() + 1e-6))
    fallen = (1 - torch.exp(-(u - at).clamp(min=0) / speed)) * torch.exp(
        -draw.only(draw.chance(0.33), (u - at).clamp(min=0) / draw.log_uniform(0.02, 0.5))
    )
    fallen = draw.only(draw.chance(config.diverge), fallen)
    return z + (torch.minimum(bottom, z) - z) * fallen, fallen > 0.95


def _wandering(draw: Draw, horizon: int) -> Tensor:
    """Ornstein-Uhlenbeck noise of unit variance ``[n, horizon]``; some of it nearly a random walk."""
    keep = torch.exp(-1 / draw.log_uniform(0.8, 60))  # correlation of neighbours, 0.29 .. 0.98
    fresh = draw.randn(horizon) * (1 - keep**2).sqrt()
    path = [fresh[:, :1] / (1 - keep**2).sqrt()]
    for i in range(1, horizon):
        path.append(keep * path[-1] + fresh[:, i : i + 1])
    return torch.cat(path, 1)
