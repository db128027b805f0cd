"""The training loop of LC-PFN: optimizers, learning rates, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch

from lcstop.pretraining.batch import forecast_batch, sample_batch
from lcstop.pretraining.config import TrainConfig
from lcstop.pretraining.loss import bar_log_prob, bin_borders
from lcstop.surrogates.torch_network import LCPFNNetwork

_BORDER_CURVES = 10_000
"""Curves whose values set the borders of the bins."""

_RESTART_HEIGHT = 0.5
"""Peak learning rate of a further round, as a share of that of the first."""

_INDEPENDENT_OPTIONS = ("checkpoint_every", "evaluation_curves")
"""Options that do not affect training steps. They may change when a run is resumed."""


@dataclass(frozen=True)
class Progress:
    """Progress of a training run after a step.

    Attributes:
        step: Number of finished steps.
        loss: Loss of the step, in nats.
        curves_per_second: Speed of the step.
    """

    step: int
    loss: float
    curves_per_second: float


def train(
    config: TrainConfig, folder: Path, report: Callable[[Progress], None] = lambda _: None
) -> LCPFNNetwork:
    """Train a network, with checkpoints in ``folder``. Resumes from a checkpoint that is there.

    Each step has a generator with its own seed, so that a resumed run sees the same batches.

    Args:
        config: The training run.
        folder: Folder of ``checkpoint.pt``.
        report: Called after each step.

    Returns:
        The trained network, in evaluation mode.

    Raises:
        FloatingPointError: If a loss is not finite.
        ValueError: If ``folder`` holds a checkpoint of another configuration, or torch is too old.
    """
    device = pick_device(config.device)
    network, optimizers = _start(config, device)
    path = folder / "checkpoint.pt"
    first = _load_checkpoint(path, config, network, optimizers) if path.exists() else 0
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(config.precision, device))
    ends = set(accumulate((config.steps, *config.restart_steps)))
    network.train()
    for step in range(first, config.total_steps):
        started = time.perf_counter()
        height = schedule(step, config)
        rates = (config.matrix_learning_rate, config.learning_rate)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * height
        generator = torch.Generator(device).manual_seed(config.seed * 1_000_000_007 + step + 1)
        batch = sample_batch(config, generator, device)
        with autocast:
            logits = forecast_batch(network, batch)
        loss = -bar_log_prob(logits, batch.target, network.borders).mean()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {step + 1} is {loss.item()}; {path} is unchanged")
        network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        done = step + 1
        if done % config.checkpoint_every == 0 or done in ends:
            _save_checkpoint(path, config, network, optimizers, done)
        report(Progress(done, loss.item(), config.batch_size / (time.perf_counter() - started)))
    return network.eval()


def schedule(step: int, config: TrainConfig) -> float:
    """Learning rate of a step as a share of its peak: linear warm-up, constant, linear decay, further rounds.

    Example:
        >>> config = TrainConfig(steps=1000, warmup_steps=10, decay_share=0.2)
        >>> [schedule(step, config) for step in (0, 10, 799, 900)]
        [0.1, 1.0, 1.0, 0.5]
        >>> config = TrainConfig(steps=1000, warmup_steps=10, restart_steps=(200, 400))
        >>> [schedule(step, config) for step in (999, 1000, 1010, 1100, 1200, 1400)]
        [0.0033333333333333335, 0.05, 0.475, 0.25, 0.05, 0.25]
    """
    begun, length, height = step, config.steps, 1.0
    decay = config.steps * config.decay_share
    for more in config.restart_steps:
        if begun < length:
            break
        begun, length, height, decay = begun - length, more, _RESTART_HEIGHT, more
    left = length - begun
    return height * min((begun + 1) / max(config.warmup_steps, 1), 1.0, left / max(decay, 1))


def pick_device(wanted: str) -> torch.device:
    """The device of a run. ``auto`` is CUDA if it is available, else the CPU.

    Raises:
        ValueError: If ``wanted`` is ``cuda`` and CUDA is not available.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("device: cuda is not available on this machine; use cpu or auto")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def use_bf16(precision: str, device: torch.device) -> bool:
    """Whether to train in bf16. ``auto`` does on CUDA and on CPUs that support it, where it is faster."""
    if precision == "auto":
        return device.type == "cuda" or _cpu_has_bf16()
    return precision == "bf16"


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies matrices in bf16: with AMX, or with the bf16 part of AVX-512."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # missing in older versions of torch
    return capabilities is not None and any(
        capabilities().get(name, False) for name in ("amx_bf16", "avx512_bf16")
    )


def _start(config: TrainConfig, device: torch.device) -> tuple[LCPFNNetwork, list[torch.optim.Optimizer]]:
    if not hasattr(torch.optim, "Muon"):
        raise ValueError(f"training needs torch 2.9 or later for torch.optim.Muon, got {torch.__version__}")
    with torch.random.fork_rng(devices=[]):  # leaves the global random state untouched
        torch.manual_seed(config.seed)
        network = LCPFNNetwork(config.network)
    generator = torch.Generator().manual_seed(config.seed)
    many = config.model_copy(update={"batch_size": _BORDER_CURVES, "varied_share": 0.0, "draws_per_query": 1})
    targets = sample_batch(many, generator, torch.device("cpu")).target
    network.borders.copy_(bin_borders(targets, config.network.n_bins))
    network.to(device)
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        inner = parameter.dim() == 2 and name.startswith(("blocks.", "from_state.", "head.1."))
        (matrices if inner else others).append(parameter)
    decay = config.weight_decay
    # The adjustment gives updates of Muon the size of those of AdamW (Liu et al. 2025, arXiv 2502.16982).
    muon = torch.optim.Muon(matrices, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    return network, [muon, torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=decay)]


def _save_checkpoint(
    path: Path,
    config: TrainConfig,
    network: LCPFNNetwork,
    optimizers: list[torch.optim.Optimizer],
    step: int,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    content = {
        "config": config.model_dump(),
        "network": network.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "step": step,
    }
    torch.save(content, unfinished)
    unfinished.replace(path)  # an interrupted write leaves the last checkpoint intact


def _load_checkpoint(
    path: Path, config: TrainConfig, network: LCPFNNetwork, optimizers: list[torch.optim.Optimizer]
) -> int:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        kept = TrainConfig.model_validate(content["config"])
    except Exception as error:  # torch raises errors of many types for a file that is not a checkpoint
        raise ValueError(f"{path} is not a checkpoint of lcstop train; remove it: {error!r}") from error
    step = int(content["step"])
    longer = ("steps", "restart_steps", *_INDEPENDENT_OPTIONS)
    same = config.model_dump(exclude={*longer}) == kept.model_dump(exclude={*longer})
    # A run of another length has taken the same steps if their learning rates are the same.
    if not (same and all(schedule(i, config) == schedule(i, kept) for i in range(step))):
        raise ValueError(
            f"{path} belongs to another configuration; remove it, or choose another folder. "
            f"It was made with {kept.model_dump()}"
        )
    network.load_state_dict(content["network"])
    for optimizer, state in zip(optimizers, content["optimizers"], strict=True):
        optimizer.load_state_dict(state)
    return step
