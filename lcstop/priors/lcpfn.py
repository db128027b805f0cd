"""The learning-curve prior of LC-PFN (arXiv 2310.20447, section 3.2), vectorised.

A noiseless curve is the sum of one pow3, one janoschek and one ilog2 curve, each weighted by U(0, 1).
It is kept only if it ends higher than it starts and stays within [0, 1]. Gaussian noise is added, with one
standard deviation for the whole curve.

The ranges follow the released code of the paper, which differs from its text.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lcstop.priors.curves import Curves

T_MAX = 100.0
"""Last time of a curve. All curves of the prior are defined on t in [1, T_MAX], for any number of points."""

_COARSE = (0, 1, 2, 4, 9, 24, 49, 99)
"""Indices of times for a first check. It rejects most proposals, so that few are evaluated at all times."""

_ACCEPTANCE = 0.2
"""Approximate share of accepted proposals. It only sets the size of the next round of proposals."""

_MAX_PROPOSALS = 16_384
"""Maximum number of proposals at once on a CPU. More do not fit its cache and are five times slower."""


def sample_curves(
    n: int,
    *,
    generator: torch.Generator,
    length: int = 100,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw noisy learning curves from the LC-PFN prior.

    Args:
        n: Number of curves.
        generator: Source of all randomness; its device must be ``device``.
        length: Number of points, evenly spaced on t = 1 .. 100; 100 by default.
        device: Device of the curves; the CPU by default.

    Returns:
        float32 ``[n, length]``, higher is better. Noisy values may leave [0, 1].

    Raises:
        ValueError: If ``n`` is negative or ``length`` is below 2.

    Example:
        >>> import torch
        >>> curves = sample_curves(5, generator=torch.Generator().manual_seed(0))
        >>> curves.shape
        torch.Size([5, 100])
    """
    return sample_published(n, generator=generator, length=length, device=device).noisy(generator)


def sample_published(
    n: int,
    *,
    generator: torch.Generator,
    length: int = 100,
    device: torch.device | str = "cpu",
) -> Curves:
    """Draw learning curves from the LC-PFN prior, with signal and noise separate.

    The arguments are those of :func:`sample_curves`.

    Raises:
        ValueError: If ``n`` is negative or ``length`` is below 2.

    Example:
        >>> curves = sample_published(5, generator=torch.Generator().manual_seed(0))
        >>> bool((curves.signal[:, 0] < curves.signal[:, -1]).all())
        True
    """
    noiseless = sample_noiseless(n, generator=generator, length=length, device=device)
    sigma = torch.exp(_normal(n, -4.0, 1.0, generator, device))
    return Curves(noiseless, sigma[:, None].expand(-1, length))


def sample_noiseless(
    n: int,
    *,
    generator: torch.Generator,
    length: int = 100,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw noiseless curves from the LC-PFN prior: float32 ``[n, length]``, within [0, 1] at t = 1 .. 100.

    The arguments are those of :func:`sample_curves`.

    Raises:
        ValueError: If ``n`` is negative or ``length`` is below 2.

    Example:
        >>> import torch
        >>> f = sample_noiseless(5, generator=torch.Generator().manual_seed(0))
        >>> bool((f[:, -1] > f[:, 0]).all())
        True
    """
    if n < 0:
        raise ValueError(f"n must be at least 0, got {n=}")
    if length < 2:
        raise ValueError(f"length must be at least 2, got {length=}")
    # The rejection rule checks t = 1 .. 100, whatever the length of the curves.
    rule_times = torch.linspace(1.0, T_MAX, int(T_MAX), device=device)
    t = torch.linspace(1.0, T_MAX, length, device=device)
    kept = [torch.empty(0, length, device=device)]
    missing = n
    while missing > 0:
        round_size = int(missing / _ACCEPTANCE * 1.1) + 64
        if torch.device(device).type == "cpu":
            round_size = min(round_size, _MAX_PROPOSALS)
        proposals = propose(round_size, generator, device)
        proposals = _select(proposals, accepted(evaluate(proposals, rule_times[list(_COARSE)])))
        curves = evaluate(proposals, rule_times)
        keep = accepted(curves)
        curves = curves[keep] if length == len(rule_times) else evaluate(_select(proposals, keep), t)
        kept.append(curves[:missing])
        missing -= len(kept[-1])
    return torch.cat(kept)


def _select(parameters: dict[str, Tensor], keep: Tensor) -> dict[str, Tensor]:
    return {name: value[keep] for name, value in parameters.items()}


def accepted(curves: Tensor) -> Tensor:
    """Whether noiseless curves ``[n, length]`` pass the rejection rule, bool ``[n]``."""
    inside = (curves >= 0).all(-1) & (curves <= 1).all(-1)
    return inside & (curves[:, 0] < curves[:, -1])


def propose(n: int, generator: torch.Generator, device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Draw the parameters of ``n`` curves before rejection, each ``[n]``, by name."""

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator, device=device)

    def log_normal(mean: float, std: float) -> Tensor:
        return torch.exp(_normal(n, mean, std, generator, device))

    return {
        "pow3_weight": uniform(0, 1),
        "pow3_c": uniform(0, 1.25),
        "pow3_a": uniform(-0.6, 0.6),
        "pow3_alpha": log_normal(0, 2),
        "janoschek_weight": uniform(0, 1),
        "janoschek_a": uniform(0, 1),
        "janoschek_b": uniform(0, 2),
        "janoschek_k": log_normal(-2, 1),
        "janoschek_d": log_normal(0, 0.5),
        "ilog2_weight": uniform(0, 1),
        "ilog2_c": uniform(0, 1),
        "ilog2_a": uniform(-0.5, 0.5),
    }


def evaluate(p: dict[str, Tensor], t: Tensor) -> Tensor:
    """The weighted sum of the three families at ``t`` ``[length]``: ``[n, length]``."""
    return (
        p["pow3_weight"][:, None] * pow3(p, t)
        + p["janoschek_weight"][:, None] * janoschek(p, t)
        + p["ilog2_weight"][:, None] * ilog2(p, t)
    )


def pow3(p: dict[str, Tensor], t: Tensor) -> Tensor:
    """``c - a t^-alpha`` ``[n, length]``."""
    return p["pow3_c"][:, None] - p["pow3_a"][:, None] * torch.exp(-p["pow3_alpha"][:, None] * torch.log(t))


def janoschek(p: dict[str, Tensor], t: Tensor) -> Tensor:
    """``a - (a - b) exp(-k t^d)`` ``[n, length]``."""
    a, b = p["janoschek_a"][:, None], p["janoschek_b"][:, None]
    power = torch.exp(p["janoschek_d"][:, None] * torch.log(t))
    return a - (a - b) * torch.exp(-p["janoschek_k"][:, None] * power)


def ilog2(p: dict[str, Tensor], t: Tensor) -> Tensor:
    """``c - a / log(t + 1)`` ``[n, length]``."""
    return p["ilog2_c"][:, None] - p["ilog2_a"][:, None] / torch.log(t + 1)


def _normal(
    n: int, mean: float, std: float, generator: torch.Generator, device: torch.device | str
) -> Tensor:
    return mean + std * torch.randn(n, generator=generator, device=device)
