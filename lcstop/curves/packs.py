"""Curve packs: recorded curves of many trials in one ``.npz`` file.

A pack holds ``curves`` ``[n_configs, n_steps]`` padded with NaN, ``steps`` ``[n_steps]`` and ``meta``, JSON
with at least ``direction`` (min or max); ``index.json`` beside packs lists them.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve, Direction

_DIRECTIONS: dict[str, Direction] = {"min": "minimize", "max": "maximize"}


@dataclass(frozen=True)
class Pack:
    """Recorded curves of one task.

    Attributes:
        family: What packs of one origin have in common.
        name: Unique among packs.
        direction: Of the metric.
        curves: Every row, up to its last step, diverged points included.
        lengths: ``[n_configs]``, points up to the last finite one.
        diverged: ``[n_configs]``, whether the trial ended before it should have.
        planned: Whether each trial has chosen its own length.
        chosen: ``[n_configs]``, reports that each trial had planned; None where that is not on record.
        configs: What was recorded of each run, hyperparameters among it; empty if nothing was.
    """

    family: str
    name: str
    direction: Direction
    curves: tuple[Curve, ...]
    lengths: NDArray[np.intp]
    diverged: NDArray[np.bool_]
    planned: bool = False
    configs: tuple[dict[str, Any], ...] = ()
    chosen: NDArray[np.float64] | None = None


def find_packs(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Every pack at or below ``path``, with what an ``index.json`` there says of it.

    Raises:
        ValueError: If there is none, or the index is damaged.
    """
    if path.is_file():
        return [(path, {})]
    index = path / "index.json"
    if index.is_file():
        try:
            return [(path / entry["file"], entry) for entry in json.loads(index.read_text(encoding="utf-8"))]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{index} is no index of curve packs: {error!r}") from error
    found = sorted(path.rglob("*.npz"))
    if not found:
        raise ValueError(f"there is no curve pack (.npz) at {path}")
    return [(file, {}) for file in found]


def read_pack(path: Path, entry: dict[str, Any] | None = None) -> Pack:
    """The pack at ``path``; nothing in it is ever unpickled.

    Args:
        path: A ``.npz`` file.
        entry: What an index says of it.

    Raises:
        ValueError: If it is no curve pack.
        OSError: If it cannot be read.
    """
    content = io.BytesIO(path.read_bytes())
    try:
        with np.load(content, allow_pickle=False) as data:
            values, steps = data["curves"].astype(np.float64), data["steps"].astype(np.float64)
            meta: dict[str, Any] = {**json.loads(str(data["meta"])), **(entry or {})}
            diverged = data.get("diverged")
            configs = json.loads(str(data.get("configs", "[]")))
            chosen = data["planned_epochs"].astype(np.float64) if "planned_epochs" in data else None
            to_a_target = "frac_of_longest" in data
        direction = _DIRECTIONS[meta["direction"]]
        if values.ndim != 2 or not len(steps) or values.shape[1] != len(steps):
            raise ValueError(f"curves {values.shape} do not fit steps {steps.shape}")
        if not (np.diff(steps) > 0).all():
            raise ValueError("steps must be strictly increasing")
        if chosen is not None and chosen.shape != values.shape[:1]:
            raise ValueError(f"planned_epochs {chosen.shape} do not fit curves {values.shape}")
        finite = np.isfinite(values)
        lengths = np.where(finite.any(1), len(steps) - finite[:, ::-1].argmax(1), 0)
        planned = chosen is not None
        if diverged is None:
            # Where a step is the number of an evaluation, runs differ in how many they planned, unless they
            # end as soon as they have reached a target.
            by_number = "index" in str(meta.get("step_unit", "")).split("(")[0]
            diverged = np.full(len(values), False) if by_number else lengths < len(steps)
            if by_number and not to_a_target and not planned:
                chosen = np.maximum(lengths, 1).astype(np.float64)
        horizon = steps[-1] + (steps[0] == 0)
        reports = (dict(zip(steps.tolist(), row.tolist(), strict=True)) for row in values)
        curves = tuple(Curve.from_reports(row, horizon) for row in reports)
        family, name = meta.get("family", path.parent.name), meta.get("task", path.stem)
        name = f"{family}/{name}"
        diverged = diverged.astype(bool)
        return Pack(family, name, direction, curves, lengths, diverged, planned, tuple(configs), chosen)
    except Exception as error:  # what zipfile, zlib and numpy raise for a damaged archive is of many kinds
        raise ValueError(f"{path} is no curve pack: {error!r}") from error
