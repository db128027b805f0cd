"""Networks as torch modules, from disk and to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel
from torch import nn

from lcstop.nn.weights import Size, read_weights, write_weights

Module = TypeVar("Module", bound=nn.Module)


def save_module(module: nn.Module, size: BaseModel, path: Path, card: dict[str, Any]) -> str:
    """Write ``path`` (``.safetensors``) and the JSON file beside it; return the SHA-256."""
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    return write_weights(tensors, path, {"network": size.model_dump(), **card})


def load_module(make: Callable[[Size], Module], size: type[Size], path: Path) -> Module:
    """The network at ``path``, made from its size and ready to predict.

    Raises:
        WeightsError: If either file is missing or unreadable, or the hash differs.
    """

    config, tensors = read_weights(path, size)
    # On the meta device no initial weights are drawn: the global random state belongs to the caller.
    with torch.device("meta"):
        module = make(config)
    module.load_state_dict({name: torch.from_numpy(x) for name, x in tensors.items()}, assign=True)
    return module.eval().requires_grad_(False)
