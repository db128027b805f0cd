"""Weights on disk: a safetensors file, and beside it a JSON file that says what they are.

``NAME.json`` holds the network's size, the SHA-256 of ``NAME.safetensors``, and how it was trained.
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

Array = NDArray[np.float32]

Size = TypeVar("Size", bound=BaseModel)


class WeightsError(ValueError):
    """A weights file is missing, damaged, or not the one its JSON file speaks of."""


def write_weights(tensors: Mapping[str, Array], path: Path, card: dict[str, Any]) -> str:
    """Write ``path`` (``.safetensors``) and the JSON file beside it; return the SHA-256.

    Weights are stored in half precision; the borders of the bins keep float32, since a rounded border
    would move a forecast.
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
    return config, {name: tensor.astype(np.float32) for name, tensor in load(content).items()}
