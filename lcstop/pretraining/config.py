"""What one pre-training run is made of; the schema of ``configs/train/*.yaml``."""

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
        seed: Seeds the initial weights and every batch; two runs of one seed see the same curves.
        network: Size of the network.
        steps: Optimizer steps.
        decay_share: Last share of the steps, over which the learning rate falls to zero in a line. Until then
            it is constant, so a run may be made longer from its checkpoint as long as the fall has not begun.
        restart_steps: Further rounds of so many steps. At the beginning of each the learning rate rises once
            more, to half of its height, and falls in a line (warm restart, Loshchilov and Hutter, arXiv
            1608.03983). One may be added to a run that has ended.
        batch_size: Curves a step.
        learning_rate: Of AdamW, which trains vectors, the embedding, and the last layer.
        matrix_learning_rate: Of Muon, which trains the matrices in between.
        warmup_steps: Steps of linear rise of both.
        weight_decay: Of both.
        broad_share: Share of each batch from the broader prior instead of the published one.
        broad: Components of the broader prior.
        varied_share: Share of steps whose curves have a horizon other than 100.
        irregular_share: Share of steps whose curves lack some of their points.
        cutoffs_per_curve: Cutoffs of each curve that a step trains on, drawn without replacement.
        queries_per_cutoff: Later steps forecast from each cutoff.
        draws_per_query: Values drawn at each of them, with fresh noise.
        precision: ``bf16`` (autocast), ``fp32``, or ``auto``: bf16 where the hardware multiplies it.
        device: ``auto`` takes CUDA when there is one.
        checkpoint_every: Steps between checkpoints.
        evaluation_curves: Fresh curves of the published prior for the final table.
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
        """Of all rounds."""
        return self.steps + sum(self.restart_steps)

    @classmethod
    def from_yaml(cls, path: str | Path) -> TrainConfig:
        """The run in a YAML file; see :func:`lcstop.config.yaml_file.read_yaml` for what it raises."""
        return read_yaml(path, cls)
