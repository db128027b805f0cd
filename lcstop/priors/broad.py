"""A broader prior of learning curves, with features of real training runs that the published prior lacks.

A curve rises from a start to an end, in one or two growth phases and with the learning-rate schedule. It may
overfit or diverge, and its noise is like that of real metrics. Curves are drawn on a linear scale, on which a
study starts at about 0 and its best trials end near 1. The logistic function of :class:`lcstop.MetricScale`
then maps them to the unit interval.
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
    """Share of the curves that have each component, from 0 to 1. 0 switches a component off.

    Attributes:
        flat: Trials that never learn, with almost no gain.
        late_start: The curve is flat at first and rises later.
        plateau: A second growth phase follows after the first has levelled off.
        schedule: A learning-rate schedule (steps, cosine, linear, one-cycle). A high rate lowers the value
            and raises the noise. The curve rises when the rate falls, which may be late.
        overfit: Decline after a peak.
        diverge: Collapse at some step, with recovery in a third of the cases.
        heteroscedastic: Noise that shrinks as the trial learns.
        correlated: Noise that is correlated between steps.
        spikes: Single bad points.
        saturate: The end is near the best possible value, where noise and differences are tiny.
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
        horizon: Number of steps, and length of the learning-rate schedules.
        config: Share of the curves that have each component.
        device: Device of the curves; the CPU by default.

    Returns:
        Curves ``[n, horizon]`` on the unit interval. ``signal`` includes correlated noise and spikes.

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
    # The logistic function of MetricScale. In most curves its range is that of the study, from the initial
    # level to the best value.
    anchored = draw.chance(0.7)
    slope = torch.where(anchored, 2.0, torch.exp(draw.normal(0.7, 0.4)))
    shift = torch.where(anchored, -1.0, draw.normal(-1.0, 0.7))
    signal = torch.sigmoid(slope * z + shift)
    return Curves(signal, sigma * slope * signal * (1 - signal))


def trials(draw: Draw, horizon: int, config: BroadConfig) -> Curves:
    """Curves ``[n, horizon]`` on the linear scale: a study starts at about 0, its best trials end at about 1.

    Args:
        draw: Source of all random numbers, one row for each curve.
        horizon: Number of steps.
        config: Share of the curves that have each component.
    """
    u = torch.linspace(1 / horizon, 1, horizon, device=draw.device)[None]  # share of the horizon
    start, end = _ends(draw, config)
    gain = end - start
    rate, scheduled = _schedule(draw, config, u)
    growth = _growth(draw, config, u)
    rate_effect = draw.only(
        scheduled, draw.uniform(0, 1) ** 2 * 0.8
    )  # share of the gain lost at the peak rate
    z = start + gain * (growth * (1 - rate_effect * rate))
    z = z - draw.only(draw.chance(config.overfit), _decline(draw, u) * gain.abs().clamp(min=0.05))
    z, collapsed = _diverge(draw, config, u, z, start)

    sigma = torch.exp(draw.normal(-4.0, 1.2)) * torch.where(draw.chance(0.15), 0.1, 1.0)
    constant = draw.uniform(0, 0.6)  # share of the noise that is independent of rate and progress
    sigma = sigma * torch.where(scheduled, constant + (1 - constant) * rate, torch.ones_like(rate))
    shrinking = constant + (1 - constant) * (1 - growth).clamp(0, 1) * draw.uniform(1, 4)
    sigma = sigma * torch.where(draw.chance(config.heteroscedastic), shrinking, torch.ones_like(rate))
    saturated = draw.chance(config.saturate)
    sigma = sigma * torch.where(saturated, (end + 0.1 - z).abs().clamp(0.01, 1), torch.ones_like(z))
    correlation = draw.only(draw.chance(config.correlated), draw.uniform(0.3, 1))
    z = z + correlation * sigma * _correlated_noise(draw, horizon)
    spiked = draw.chance(config.spikes) & (draw.rand(horizon) < 0.04)
    z = z - draw.only(spiked, draw.uniform(0, 1) * -torch.log(draw.rand(horizon) + 1e-6))
    sigma = torch.where(
        collapsed, sigma * draw.uniform(0, 1), sigma * (1 - correlation**2).clamp(min=0.01).sqrt()
    )
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
    """Share of the gain that is made by ``u``, ``[n, horizon]``. For most curves it is 1 at the horizon."""
    late = draw.only(draw.chance(config.late_start), draw.uniform(0, 1) ** 1.5 * 0.8)
    first = _phase(draw, u, late)
    second = _phase(draw, u, draw.uniform(0.05, 0.9))
    share = draw.only(draw.chance(config.plateau), draw.uniform(0, 0.7))
    growth = (1 - share) * first + share * second
    # Most trials reach their end at the horizon. The others are still rising there.
    last = growth[:, -1:]
    growth = torch.where(draw.chance(0.6), growth / last.clamp(min=0.05), growth)
    # Half of the curves start to rise at the first report. The others have risen before it.
    from_first = (growth - growth[:, :1]) / (growth[:, -1:] - growth[:, :1]).clamp(min=1e-3) * growth[:, -1:]
    return torch.where(draw.chance(0.5), from_first, growth)


def _phase(draw: Draw, u: Tensor, late: Tensor) -> Tensor:
    """Growth ``[n, horizon]`` from ``late`` on, a mix of exponential, power-law, Hill and logarithmic."""
    passed = (u - late).clamp(min=0)
    scale = draw.log_uniform(0.003, 2)
    x = passed / scale
    exponential = 1 - torch.exp(-(x ** torch.exp(draw.normal(0, 0.4))))
    power = 1 - (1 + x) ** -torch.exp(draw.normal(-0.3, 0.8))
    hill = 1 / (1 + x ** -torch.exp(draw.normal(0.6, 0.5)))  # x**k / (1 + x**k) would overflow
    logarithm = torch.log1p(x) / torch.log1p(1 / scale)
    weights = torch.stack([-(torch.log(draw.rand() + 1e-9) ** 3) for _ in range(4)])  # one often dominates
    weights = weights / weights.sum(0)
    return weights[0] * exponential + weights[1] * power + weights[2] * hill + weights[3] * logarithm


def _schedule(draw: Draw, config: BroadConfig, u: Tensor) -> tuple[Tensor, Tensor]:
    """Learning rate ``[n, horizon]`` as a share of its peak, and which curves have a schedule, ``[n, 1]``."""
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
    # The metric responds to a drop of the rate within a few steps.
    settled = 1 - torch.exp(-since * every / speed)
    steps = factor**n_drops + (factor ** (n_drops - 1).clamp(min=0) - factor**n_drops) * (1 - settled)
    rate = torch.where(kind == 0, cosine, torch.where(kind == 1, linear, steps))
    rate = torch.where(kind == 2, trapezoid, rate)
    has = draw.chance(config.schedule)
    return torch.where(has, rate, torch.zeros_like(rate)), has


def _decline(draw: Draw, u: Tensor) -> Tensor:
    """Loss of value by overfitting ``[n, horizon]``, in units of the gain."""
    since = (u - draw.uniform(0.02, 1)).clamp(min=0)
    return torch.exp(draw.normal(-1.0, 1.0)) * since ** torch.exp(draw.normal(0, 0.4))


def _diverge(draw: Draw, config: BroadConfig, u: Tensor, z: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Curves of which some collapse, and where they have reached the bottom, each ``[n, horizon]``."""
    at, speed = draw.rand(), draw.log_uniform(0.002, 0.05)
    bottom = start - draw.only(draw.chance(0.6), -torch.log(draw.rand() + 1e-6))
    fallen = (1 - torch.exp(-(u - at).clamp(min=0) / speed)) * torch.exp(
        -draw.only(draw.chance(0.33), (u - at).clamp(min=0) / draw.log_uniform(0.02, 0.5))
    )
    fallen = draw.only(draw.chance(config.diverge), fallen)
    return z + (torch.minimum(bottom, z) - z) * fallen, fallen > 0.95


def _correlated_noise(draw: Draw, horizon: int) -> Tensor:
    """Ornstein-Uhlenbeck noise of unit variance, ``[n, horizon]``. Some of it is nearly a random walk."""
    keep = torch.exp(-1 / draw.log_uniform(0.8, 60))  # correlation of neighbouring steps, 0.29 to 0.98
    fresh = draw.randn(horizon) * (1 - keep**2).sqrt()
    path = [fresh[:, :1] / (1 - keep**2).sqrt()]
    for i in range(1, horizon):
        path.append(keep * path[-1] + fresh[:, i : i + 1])
    return torch.cat(path, 1)
