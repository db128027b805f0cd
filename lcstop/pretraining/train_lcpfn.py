"""Pre-training of LC-PFN: training, evaluation, weights on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lcstop._utils.provenance import commit, versions
from lcstop.pretraining.config import TrainConfig
from lcstop.pretraining.evaluate import LikelihoodRow, evaluate_prior
from lcstop.pretraining.loop import Progress, train
from lcstop.surrogates.torch_network import LCPFNNetwork

_EVALUATION_SEED = 2**60
"""Added to the seed of the run. It is far from the seeds of the training batches."""


def run(config: TrainConfig, folder: Path, report: Callable[[Progress], None]) -> list[LikelihoodRow]:
    """Train or resume, evaluate, and write ``lcpfn.safetensors`` and ``lcpfn.json``.

    The evaluated weights are read back from the file, because rounding to half precision changes them.

    Args:
        config: The training run.
        folder: Folder of the checkpoint and of the weights.
        report: Called after each step.

    Returns:
        The table of log-likelihoods.

    Raises:
        ValueError: If ``folder`` holds a checkpoint of another configuration, or torch is too old.
    """
    path = folder / "lcpfn.safetensors"
    network = train(config, folder, report)
    card: dict[str, Any] = {"training": config.model_dump(), "commit": commit(), "versions": versions()}
    network.save(path, card)
    table = evaluate_prior(LCPFNNetwork.load(path), config.evaluation_curves, _EVALUATION_SEED + config.seed)
    card["evaluation"] = [score.model_dump() for score in table]
    network.save(path, card)
    return table
