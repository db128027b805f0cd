"""Pre-training of the study network: examples first, in several processes, then the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch.nn import functional

from lcstop._utils.process_pool import map_as_completed, worker_processes
from lcstop._utils.provenance import commit, versions
from lcstop.config.yaml_file import read_yaml
from lcstop.pretraining.study_examples import (
    Examples,
    draw_studies,
    make_examples,
    stop_by_rank,
)
from lcstop.priors.broad import BroadConfig
from lcstop.ranking.numpy_network import QUANTILES, StudyNetworkConfig
from lcstop.ranking.torch_network import StudyNetwork

_PER_PIECE = 24
"""Studies drawn at a time; a piece of work has this many, whatever the number of processes."""


class StudyTrainConfig(BaseModel):
    """A pre-training run of the study network.

    Attributes:
        seed: Seeds everything.
        network: Size of the network.
        broad: Share of curves that have each component of the prior.
        studies: Artificial studies, 128 examples of each.
        steps: Optimizer steps.
        batch_size: Examples a step.
        learning_rate: Peak rate of AdamW.
        weight_decay: Of AdamW.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, lt=2**31)
    network: StudyNetworkConfig = StudyNetworkConfig()
    broad: BroadConfig = BroadConfig()
    studies: int = Field(ge=1)
    steps: int = Field(ge=1)
    batch_size: int = Field(1024, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(0.02, ge=0)

    @classmethod
    def from_yaml(cls, path: str | Path) -> StudyTrainConfig:
        """The run in a YAML file; see :func:`lcstop.config.yaml_file.read_yaml` for what it raises."""
        return read_yaml(path, cls)


def run(config: StudyTrainConfig, folder: Path, jobs: int, report: Callable[[str, float], None]) -> Path:
    """Train and write ``study.safetensors`` and ``study.json``.

    Args:
        config: The run.
        folder: Where files go.
        jobs: Processes that make examples; how many does not change what is made.
        report: Told of each stage and the share of it that is done.
    """
    examples = _examples(config, jobs, report)
    path = folder / "study.safetensors"
    card: dict[str, Any] = {"training": config.model_dump(), "examples": len(examples.share)}
    network = _train(config, examples, report)
    network.save(path, {**card, "commit": commit(), "versions": versions()})
    return path


def _examples(config: StudyTrainConfig, jobs: int, report: Callable[[str, float], None]) -> Examples:
    pieces = -(-config.studies // _PER_PIECE)
    found: dict[int, Examples] = {}
    with worker_processes(jobs) as pool:
        for piece, made in map_as_completed(pool, partial(_piece, config), range(pieces)):
            found[piece] = Examples(*map(torch.from_numpy, made))
            report("examples", len(found) / pieces)
    ordered = [found[piece] for piece in range(pieces)]
    return Examples(*(torch.cat(parts) for parts in zip(*ordered, strict=True)))


def _piece(config: StudyTrainConfig, piece: int) -> list[NDArray[Any]]:
    """Examples as arrays: torch would hand them over through a file descriptor each."""
    generator = torch.Generator().manual_seed(config.seed * 2**24 + piece)
    studies = draw_studies(_PER_PIECE, config.broad, generator)
    lengths = stop_by_rank(studies, generator)
    return [part.numpy() for part in make_examples(studies, lengths, generator)]


def _train(
    config: StudyTrainConfig, examples: Examples, report: Callable[[str, float], None]
) -> StudyNetwork:
    """Cross-entropy of the share left behind, and of beating the incumbent where that is open."""
    generator = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = StudyNetwork(config.network)
    some = examples.features[:200_000].float()
    network.mean.copy_(some.mean(0))
    network.std.copy_(some.std(0).clamp(min=0.05))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    borders, steps = torch.tensor(QUANTILES), config.steps
    for step in range(steps):
        rate = config.learning_rate * min(1.0, (step + 1) / 200, (1 - step / steps) / 0.7)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = torch.randint(len(examples.share), (config.batch_size,), generator=generator)
        features, share, beats, is_open = (part[rows].float() for part in examples)
        with torch.autocast("cpu", torch.bfloat16):
            standing = network(features)
        loss = functional.nll_loss(standing.quantile, torch.bucketize(share, borders, right=True))
        wins = functional.binary_cross_entropy_with_logits(standing.beats, beats, reduction="none")
        loss = loss + (wins * is_open).sum() / is_open.sum().clamp(min=1)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step}")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99 or step + 1 == steps:
            report(f"training, loss {loss.item():.2f}", (step + 1) / steps)
    return network
