"""Weights on disk: a safetensors file, and beside it a JSON file that says what they are.

``NAME.json`` holds the network's size, the SHA-256 of ``NAME.safetensors``, and how it was trained.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel
from safetensors.torch import load, save
from torch import Tensor

from lcstop.surrogates.network import LCPFNNetwork, NetworkConfig
from lcstop.threads import apart

SHIPPED = Path(__file__).parent / "weights"

Size = TypeVar("Size", bound=BaseModel)


class WeightsError(ValueError):
    """A weights file is missing, damaged, or not the one its JSON file speaks of."""


def save_weights(network: LCPFNNetwork, path: Path, card: dict[str, Any]) -> str:
    """:func:`write_weights` of a surrogate's network."""
    return write_weights(network.state_dict(), path, {"network": network.config.model_dump(), **card})


def write_weights(tensors: Mapping[str, Tensor], path: Path, card: dict[str, Any]) -> str:
    """Write ``path`` (``.safetensors``) and the JSON file beside it; return the SHA-256.

    Weights are stored in half precision; the borders of the bins keep float32, since a rounded border
    would move a forecast.
    """
    stored = {
        name: tensor.detach().cpu().to(torch.float32 if name == "borders" else torch.float16).contiguous()
        for name, tensor in tensors.items()
    }
    content = save(stored)
    digest = hashlib.sha256(content).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    described = {"sha256": digest, **card}
    path.with_suffix(".json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    return digest


def read_weights(path: Path, size: type[Size]) -> tuple[Size, dict[str, Tensor]]:
    """The network's size and its tensors in float32, from ``path`` (``.safetensors``).

    Raises:
        WeightsError: If either file is missing or unreadable, or the hash differs.
    """
    card_path = path.with_suffix(".json")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        expected, config = card["sha256"], size.model_validate(card["network"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"cannot read {card_path}, which describes {path.name}: {error}") from error
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read weights: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise WeightsError(
            f"{path} is damaged or was replaced: SHA-256 {found} in {len(content)} bytes, "
            f"{card_path.name} says {expected}; reinstall lcstop"
        )
    return config, {name: tensor.float() for name, tensor in load(content).items()}


def load_network(path: Path) -> LCPFNNetwork:
    """The surrogate's network at ``path``, ready to predict; see :func:`read_weights` for what it raises."""
    return apart(lambda: _load_network(path))


def _load_network(path: Path) -> LCPFNNetwork:
    config, tensors = read_weights(path, NetworkConfig)
    # On the meta device nothing is drawn for initial weights: the random state is the user's, and other
    # threads may be using it.
    with torch.device("meta"):
        network = LCPFNNetwork(config)
    network.load_state_dict(tensors, assign=True)
    for module in network.modules():
        if isinstance(module, torch.nn.Linear):
            # For the few rows of one curve MKL multiplies 1.6 times faster by a matrix that lies this way.
            module.weight.data = module.weight.data.t().contiguous().t()
    return network.eval().requires_grad_(False)
