"""Save torch modules to weights files and load them."""

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
    """Write the weights to ``path`` (``.safetensors``), and a JSON file beside it.

    Args:
        module: The network.
        size: Its configuration, which is stored as ``network`` in the JSON file.
        path: Where the weights go.
        card: Further content of the JSON file.

    Returns:
        SHA-256 of the weights file.
    """
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    return write_weights(tensors, path, {"network": size.model_dump(), **card})


def load_module(make: Callable[[Size], Module], size: type[Size], path: Path) -> Module:
    """Load the network at ``path``, in evaluation mode and without gradients.

    Args:
        make: Makes the network from its configuration.
        size: Class of the configuration.
        path: The ``.safetensors`` file; its JSON file is beside it.

    Raises:
        WeightsError: If either file is missing or unreadable, or the hash differs.
    """

    config, tensors = read_weights(path, size)
    # On the meta device no initial weights are drawn, which leaves the global random state untouched.
    with torch.device("meta"):
        module = make(config)
    module.load_state_dict({name: torch.from_numpy(x) for name, x in tensors.items()}, assign=True)
    return module.eval().requires_grad_(False)
