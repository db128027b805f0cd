"""Options of a pre-training run of LC-PFN: the schema of ``configs/train/lcpfn.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from lcstop.config.yaml_file import read_yaml
from lcstop.priors.broad import BroadConfig
from lcstop.surrogates.network_config import NetworkConfig


class TrainConfig(BaseModel):
    """A pre-training run of LC-PFN.

    Attributes:
        seed: Seed of the initial weights and of every batch.
        network: Size of the network.
        steps: Optimizer steps of the first round.
        decay_share: Share of the steps at the end of the first round over which the learning rate falls
            linearly to zero. Before, it is constant. A run can be made longer from its checkpoint until the
            decay begins.
        restart_steps: Optimizer steps of further rounds. In each the learning rate rises again to half of its
            peak and falls linearly (warm restart, Loshchilov and Hutter, arXiv 1608.03983). Rounds can be
            added to a run that has ended.
        batch_size: Curves in a step.
        learning_rate: Peak rate of AdamW, which trains vectors, the embedding and the last layer.
        matrix_learning_rate: Peak rate of Muon, which trains the other matrices.
        warmup_steps: Steps over which both rates rise linearly at the start of a round.
        weight_decay: Weight decay of both optimizers.
        broad_share: Share of each batch that is from the broader prior. The rest is from the published one.
        broad: Components of the broader prior.
        varied_share: Share of the steps with a random horizon instead of 100.
        irregular_share: Share of the steps in which some points of the curves are left out.
        cutoffs_per_curve: Maximum number of cutoffs of each curve in a step, drawn without replacement.
        queries_per_cutoff: Later steps forecast from each cutoff.
        draws_per_query: Values drawn at each later step, with independent noise.
        precision: ``bf16`` (autocast), ``fp32``, or ``auto``: bf16 if the hardware supports it.
        device: ``cpu``, ``cuda``, or ``auto``: CUDA if it is available.
        checkpoint_every: Steps between checkpoints.
        evaluation_curves: Fresh curves of the published prior in the final evaluation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, lt=2**31)
    network: NetworkConfig = NetworkConfig()
    steps: int = Field(ge=1)
    decay_share: float = Field(0.3, ge=0, le=1)
    restart_steps: tuple[Annotated[int, Field(ge=1)], ...] = ()
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(1.5e-3, gt=0)
    matrix_learning_rate: float = Field(3e-3, gt=0)
    warmup_steps: int = Field(200, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    broad_share: float = Field(0.5, ge=0, le=1)
    broad: BroadConfig = BroadConfig()
    varied_share: float = Field(0.5, ge=0, le=1)
    irregular_share: float = Field(0.15, ge=0, le=1)
    cutoffs_per_curve: int = Field(16, ge=1, le=100)
    queries_per_cutoff: int = Field(4, ge=1)
    draws_per_query: int = Field(4, ge=1)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_every: int = Field(500, ge=1)
    evaluation_curves: int = Field(2000, ge=1)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of all rounds."""
        return self.steps + sum(self.restart_steps)

    @classmethod
    def from_yaml(cls, path: str | Path) -> TrainConfig:
        """Read the options from a YAML file. For errors see :func:`lcstop.config.yaml_file.read_yaml`."""
        return read_yaml(path, cls)
