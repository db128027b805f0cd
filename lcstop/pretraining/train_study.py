"""Pre-training of the study network: several processes make examples, then the network is trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from lcstop._utils.process_pool import map_as_completed, worker_processes
from lcstop._utils.provenance import commit, versions
from lcstop.config.yaml_file import read_yaml
from lcstop.pretraining.study_examples import Examples, make_examples
from lcstop.pretraining.study_search import draw_studies, stop_by_rank
from lcstop.priors.broad import BroadConfig
from lcstop.ranking.numpy_network import QUANTILES, StudyNetworkConfig
from lcstop.ranking.torch_network import StudyNetwork, StudyNetworkOutput

_CHUNK = 24
"""Studies in a chunk of work. It does not depend on the number of processes, so neither do the examples."""

_FEWEST, _MOST = 8.0, 200.0
"""Range of the numbers of trials of which a trial may become the best, unless more are known; log-uniform."""

_WEIGHT_OF_BEST = 5.0
"""Weight of the loss of becoming the best. A best trial is rare, and this loss small."""

_SMALLEST = 1e-6
"""Smallest P(best) of the loss."""


class StudyTrainConfig(BaseModel):
    """A pre-training run of the study network.

    Attributes:
        seed: Seed of the examples, of the initial weights and of the batches.
        network: Size of the network.
        broad: Share of the curves that have each component of the prior.
        studies: Number of artificial studies, rounded up to whole chunks. Each has 240 examples.
        steps: Optimizer steps.
        batch_size: Examples in a step.
        learning_rate: Peak rate of AdamW.
        weight_decay: Weight decay of AdamW.
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
        """Read the options from a YAML file. For errors see :func:`lcstop.config.yaml_file.read_yaml`."""
        return read_yaml(path, cls)


def run(config: StudyTrainConfig, folder: Path, jobs: int, report: Callable[[str, float], None]) -> Path:
    """Train and write ``study.safetensors`` and ``study.json``.

    Args:
        config: The training run.
        folder: Folder of the weights.
        jobs: Number of processes that make examples. It does not change the result.
        report: Called with the name of a stage and the share of it that is finished.

    Returns:
        Path of the weights.

    Raises:
        FloatingPointError: If a loss is not finite.
    """
    examples = _examples(config, jobs, report)
    path = folder / "study.safetensors"
    card: dict[str, Any] = {"training": config.model_dump(), "examples": len(examples.share)}
    network = _train(config, examples, report)
    network.save(path, {**card, "commit": commit(), "versions": versions()})
    return path


def _examples(config: StudyTrainConfig, jobs: int, report: Callable[[str, float], None]) -> Examples:
    n_chunks = -(-config.studies // _CHUNK)
    chunks: dict[int, Examples] = {}
    with worker_processes(jobs) as pool:
        for chunk, made in map_as_completed(pool, partial(_chunk_of_examples, config), range(n_chunks)):
            chunks[chunk] = Examples(*map(torch.from_numpy, made))
            report("examples", len(chunks) / n_chunks)
    ordered = [chunks[chunk] for chunk in range(n_chunks)]
    return Examples(*(torch.cat(parts) for parts in zip(*ordered, strict=True)))


def _chunk_of_examples(config: StudyTrainConfig, chunk: int) -> list[NDArray[Any]]:
    """Examples of a chunk, as arrays: torch would need a file descriptor for each tensor sent."""
    generator = torch.Generator().manual_seed(config.seed * 2**24 + chunk)
    studies = draw_studies(_CHUNK, config.broad, generator)
    lengths = stop_by_rank(studies, generator)
    return [part.numpy() for part in make_examples(studies, lengths, generator)]


def _train(
    config: StudyTrainConfig, examples: Examples, report: Callable[[str, float], None]
) -> StudyNetwork:
    generator = torch.Generator().manual_seed(config.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = StudyNetwork(config.network)
    sample = examples.features[:200_000].float()
    network.mean.copy_(sample.mean(0))
    network.std.copy_(sample.std(0).clamp(min=0.05))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    steps = config.steps
    for step in range(steps):
        rate = config.learning_rate * min(1.0, (step + 1) / 200, (1 - step / steps) / 0.7)
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = torch.randint(len(examples.share), (config.batch_size,), generator=generator)
        batch = Examples(*(part[rows].float() for part in examples))
        with torch.autocast("cpu", torch.bfloat16):
            output = network(batch.features)
        loss = _loss(output, batch, torch.rand(len(rows), generator=generator))
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss.item()} at step {step}")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99 or step + 1 == steps:
            report(f"training, loss {loss.item():.2f}", (step + 1) / steps)
    return network


def _loss(output: StudyNetworkOutput, examples: Examples, draws: Tensor) -> Tensor:
    """Cross-entropies: of the bin of the share beaten, of beating the incumbent, and of being the best.

    ``draws [n]``, uniform on [0, 1), choose of how many trials.
    """
    bins = torch.bucketize(examples.share, torch.tensor(QUANTILES), right=True)
    wins = functional.binary_cross_entropy_with_logits(output.beats, examples.beats, reduction="none")
    wins = (wins * examples.open).sum() / examples.open.sum().clamp(min=1)
    low = (examples.n_known + 1).clamp(min=_FEWEST)
    n_trials = low * ((1.5 * low).clamp(min=_MOST) / low) ** draws
    # The trials that come later are as those that the sampler proposed next.
    is_best = examples.beats_known * examples.share_later ** (n_trials - examples.n_known - 1)
    p_best = torch.minimum(_best_of(output.quantile.exp(), n_trials), output.beats.sigmoid())
    p_best = p_best.clamp(_SMALLEST, 1 - _SMALLEST)
    best = -(is_best * p_best.log() + (1 - is_best) * (-p_best).log1p()).mean()
    return functional.nll_loss(output.quantile, bins) + wins + _WEIGHT_OF_BEST * best


def _best_of(shares: Tensor, n_trials: Tensor) -> Tensor:
    """As :func:`lcstop.ranking.numpy_network.best_of`, of ``shares [n, 19]`` and ``n_trials [n]``."""
    borders = torch.tensor([0.0, *QUANTILES, 1.0])
    mass = (borders ** n_trials[:, None]).diff(dim=1) / (n_trials[:, None] * borders.diff())
    return (shares * mass).sum(1)
