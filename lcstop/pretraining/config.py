"""What one pre-training run is made of; the schema of ``configs/train/*.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lcstop.config import read_yaml
from lcstop.surrogates.network import NetworkConfig


class TrainConfig(BaseModel):
    """A pre-training run of LC-PFN.

    Attributes:
        seed: Seeds the initial weights and every batch; two runs of one seed see the same curves.
        network: Size of the network.
        steps: Optimizer steps; the learning rate falls to zero over them along a cosine.
        batch_size: Curves a step.
        learning_rate: Peak of the schedule, after ``warmup_steps`` of linear rise.
        weight_decay: Of AdamW.
        cutoffs_per_curve: Cutoffs of each curve that a step trains on, drawn without replacement.
        queries_per_cutoff: Later points forecast from each cutoff.
        irregular_share: Share of steps on a sparse or irregular grid instead of all 100 points.
        precision: ``bf16`` (autocast), ``fp32``, or ``auto``: bf16 where the hardware multiplies it.
        device: ``auto`` takes CUDA when there is one.
        checkpoint_every: Steps between checkpoints.
        evaluation_curves: Fresh curves of the prior for the final table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, lt=2**31)
    network: NetworkConfig = NetworkConfig()
    steps: int = Field(ge=1)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    warmup_steps: int = Field(300, ge=0)
    weight_decay: float = Field(0.01, ge=0)
    cutoffs_per_curve: int = Field(16, ge=1, le=100)
    queries_per_cutoff: int = Field(4, ge=1)
    irregular_share: float = Field(0.25, ge=0, le=1)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_every: int = Field(500, ge=1)
    evaluation_curves: int = Field(2000, ge=1)

    @classmethod
    def from_yaml(cls, path: str | Path) -> TrainConfig:
        """The run in a YAML file; see :func:`lcstop.config.read_yaml` for what it raises."""
        return read_yaml(path, cls)
