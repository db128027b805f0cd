"""Weights on disk: a safetensors file, and a JSON file beside it that describes them.

``NAME.json`` holds the size of the network, the SHA-256 of ``NAME.safetensors``, and the training options.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from safetensors.numpy import load, save

SHIPPED = Path(__file__).parents[1] / "weights"
"""Folder of the weights that are part of the package."""

Array = NDArray[np.float32]

Size = TypeVar("Size", bound=BaseModel)


class WeightsError(ValueError):
    """A weights file is missing, damaged, or does not match its JSON file."""


def write_weights(tensors: Mapping[str, Array], path: Path, card: dict[str, Any]) -> str:
    """Write weights to ``path`` (``.safetensors``), and a JSON file beside it.

    Weights are stored in half precision. The borders of the bins stay in float32, because rounded borders
    would change forecasts.

    Args:
        tensors: Weights by name.
        path: Where the weights go. Its folder is made if it is missing.
        card: Content of the JSON file, to which ``sha256`` is added.

    Returns:
        SHA-256 of the weights file.
    """
    stored = {
        name: np.ascontiguousarray(tensor, np.float32 if name == "borders" else np.float16)
        for name, tensor in tensors.items()
    }
    content = save(stored)
    digest = hashlib.sha256(content).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    described = {"sha256": digest, **card}
    path.with_suffix(".json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    return digest


def read_weights(path: Path, size: type[Size]) -> tuple[Size, dict[str, Array]]:
    """Read the size of a network and its tensors, in float32.

    Args:
        path: The ``.safetensors`` file; its JSON file is beside it.
        size: Class of the configuration that the JSON file holds as ``network``.

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
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise WeightsError(
            f"{path} is damaged or was replaced: SHA-256 {digest} in {len(content)} bytes, "
            f"{card_path.name} says {expected}; reinstall lcstop"
        )
    return config, {name: tensor.astype(np.float32) for name, tensor in load(content).items()}
