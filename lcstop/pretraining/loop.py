"""Pre-training of LC-PFN on curves of its prior."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lcstop.pretraining.config import TrainConfig
from lcstop.pretraining.loss import bar_log_prob, bin_borders
from lcstop.priors.lcpfn import sample_curves
from lcstop.surrogates.network import LCPFNNetwork

N_POINTS = 100
"""Points of a curve of the prior; a step of the network's time is 1 / N_POINTS of the horizon."""

_BORDER_CURVES = 20_000


@dataclass(frozen=True)
class Progress:
    """What the loop reports after each step."""

    step: int
    loss: float
    curves_per_second: float


@dataclass(frozen=True)
class Batch:
    """Curves and what to forecast of them."""

    time: Tensor  # [batch, length], share of the horizon
    value: Tensor  # [batch, length]
    cutoffs: Tensor  # [cutoffs], observed points at each, 0 .. length - 1
    queries: Tensor  # [batch, cutoffs, queries], index of the point to forecast


def train(
    config: TrainConfig, folder: Path, report: Callable[[Progress], None] = lambda _: None
) -> LCPFNNetwork:
    """Train, checkpointing into ``folder``; goes on from a checkpoint that is there.

    Each step seeds its own generator, so a resumed run sees the batches it would have seen.

    Raises:
        ValueError: If ``folder`` holds a checkpoint of another configuration.
    """
    device = pick_device(config.device)
    network, optimizer = _start(config, device)
    path = folder / "checkpoint.pt"
    first = _load_checkpoint(path, config, network, optimizer) if path.exists() else 0
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(config.precision, device))
    network.train()
    for step in range(first, config.steps):
        started = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * schedule(step, config.warmup_steps, config.steps)
        generator = torch.Generator(device).manual_seed(config.seed * 1_000_000_007 + step + 1)
        batch = sample_batch(config, generator, device)
        with autocast:
            logits, target = forecast_batch(network, batch)
        loss = -bar_log_prob(logits, target, network.borders).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        done = step + 1
        if done % config.checkpoint_every == 0 or done == config.steps:
            _save_checkpoint(path, config, network, optimizer, done)
        report(Progress(done, loss.item(), config.batch_size / (time.perf_counter() - started)))
    return network.eval()


def sample_batch(config: TrainConfig, generator: torch.Generator, device: torch.device) -> Batch:
    """Fresh curves on the whole grid or, now and then, on a sparse or irregular part of it."""

    def rand(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    value = sample_curves(config.batch_size, generator=generator, length=N_POINTS, device=device)
    points = _grid(rand(2).tolist(), rand(N_POINTS), config.irregular_share)
    time_ = (points + 1) / N_POINTS
    length = len(points)
    cutoffs = rand(length).argsort()[: config.cutoffs_per_curve]
    ahead = rand(config.batch_size, len(cutoffs), config.queries_per_cutoff) * (length - cutoffs)[:, None]
    queries = (cutoffs[:, None] + ahead.long()).clamp(max=length - 1)
    return Batch(time_.expand(config.batch_size, -1), value[:, points], cutoffs, queries)


def _grid(choice: list[float], order: Tensor, irregular_share: float) -> Tensor:
    """Indices of the points that a batch sees: all, evenly spaced up to the horizon, or any."""
    kind, size = choice
    if kind >= irregular_share:
        return torch.arange(N_POINTS, device=order.device)
    length = int(5 * (N_POINTS / 5) ** size)  # log-uniform from 5 points to all
    if kind < irregular_share / 2:
        return torch.linspace(N_POINTS / length, N_POINTS, length, device=order.device).round().long() - 1
    return order.argsort()[:length].sort().values


def forecast_batch(network: LCPFNNetwork, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits ``[batch, cutoffs, queries, n_bins]`` and the values that came ``[batch, cutoffs, queries]``."""
    states = network.encode(batch.time, batch.value)
    # State i has seen points 0 .. i - 1, the last of them at time[i - 1]; state 0 has seen none.
    seen = torch.cat([torch.zeros_like(batch.time[:, :1]), batch.time], 1)
    flat = batch.queries.flatten(1)
    asked = batch.time.gather(1, flat).view(batch.queries.shape)
    target = batch.value.gather(1, flat).view(batch.queries.shape)
    return network.predict(states[:, batch.cutoffs], seen[:, batch.cutoffs], asked), target


def schedule(step: int, warmup: int, total: int) -> float:
    """Share of the peak learning rate: linear warm-up, then half a cosine to zero.

    Example:
        >>> schedule(0, 10, 100), schedule(10, 10, 100)
        (0.1, 1.0)
    """
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1)))


def pick_device(wanted: str) -> torch.device:
    """``auto`` is CUDA when there is one.

    Raises:
        ValueError: If CUDA is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("device: cuda is not available on this machine; use cpu or auto")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def use_bf16(precision: str, device: torch.device) -> bool:
    """``auto`` is bf16 on CUDA, and on CPUs with AMX, where a training step takes half the time."""
    if precision == "auto":
        return device.type == "cuda" or _cpu_has_amx()
    return precision == "bf16"


def _cpu_has_amx() -> bool:
    tell = getattr(torch.cpu, "get_capabilities", None)  # older versions of torch cannot tell
    return tell is not None and bool(tell().get("amx_bf16", False))


def _start(config: TrainConfig, device: torch.device) -> tuple[LCPFNNetwork, torch.optim.AdamW]:
    with torch.random.fork_rng(devices=[]):  # the seed is ours, the global generator is the caller's
        torch.manual_seed(config.seed)
        network = LCPFNNetwork(config.network)
    curves = sample_curves(_BORDER_CURVES, generator=torch.Generator().manual_seed(config.seed))
    network.borders.copy_(bin_borders(curves, config.network.n_bins))
    network.to(device)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
    )
    return network, optimizer


def _save_checkpoint(
    path: Path, config: TrainConfig, network: LCPFNNetwork, optimizer: torch.optim.Optimizer, step: int
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    content = {
        "config": config.model_dump(),
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
    }
    torch.save(content, unfinished)
    unfinished.replace(path)  # a kill while writing leaves the last checkpoint whole


def _load_checkpoint(
    path: Path, config: TrainConfig, network: LCPFNNetwork, optimizer: torch.optim.Optimizer
) -> int:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        kept = content["config"]
    except Exception as error:  # what torch raises for a file that is no checkpoint is of many kinds
        raise ValueError(f"{path} is not a checkpoint of lcstop train; remove it: {error!r}") from error
    if kept != config.model_dump():
        raise ValueError(
            f"{path} belongs to another configuration; remove it, or choose another folder. "
            f"It was made with {kept}"
        )
    network.load_state_dict(content["network"])
    optimizer.load_state_dict(content["optimizer"])
    return int(content["step"])
