"""Readers of published files of recorded curves. Each one yields packs.

The formats are the JSON of LCBench and of TaskSet, numpy arrays (as used for NAS-Bench-201), the JSON lines
of PD1, and CSV. No reader unpickles.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcstop.curves.curve import Curve, Direction
from lcstop.curves.packs import Pack, find_packs, read_pack

_LOWER = re.compile(r"loss|err|perplexity|ppl|nll|wer\b|mse|mae|entropy")
_HIGHER = re.compile(r"acc|auc|f1|score|reward|return|bleu|top[-_ ]?[15]|precision|recall|map\b")
_SUFFIXES = (".npz", ".npy", ".json", ".jsonl", ".jsonl.gz", ".csv")

_LCBENCH_METRIC, _LCBENCH_EPOCHS = "Train/val_accuracy", 50
_PD1_METRIC = "valid/error_rate"


def read_packs(path: Path) -> Iterator[Pack]:
    """Every pack in a file or in a folder and its subfolders.

    The suffix and the content of a file give its format. If a folder has an ``index.json``, only the files
    listed there are read, otherwise all files with a known suffix.

    Raises:
        ValueError: If there is no file to read, or a file is damaged or has an unknown format.
        OSError: If a file cannot be read.
    """
    if path.is_file():
        yield from _read_file(path)
    elif (path / "index.json").is_file():
        for file, entry in find_packs(path):
            yield read_pack(file, entry)
    else:
        files = sorted(f for f in path.rglob("*") if f.name.endswith(_SUFFIXES) and f.is_file())
        if not files:
            raise ValueError(f"there are no recorded curves ({', '.join(_SUFFIXES)}) in {path}")
        for file in files:
            yield from _read_file(file)


def _read_file(path: Path) -> Iterator[Pack]:
    readers = {
        ".npz": _read_npz,
        ".npy": _read_npy,
        ".json": _read_json,
        ".jsonl": read_pd1,
        ".jsonl.gz": read_pd1,
        ".csv": read_csv,
    }
    reader = next((reader for suffix, reader in readers.items() if path.name.endswith(suffix)), None)
    if reader is None:
        raise ValueError(f"a file of recorded curves must end with {', '.join(_SUFFIXES)}, got {path}")
    try:
        yield from reader(path)
    except ValueError as error:
        message = str(error)
        raise ValueError(message if str(path) in message else f"{path}: {message}") from error
    except Exception as error:  # json, zipfile, zlib and numpy raise many types for a damaged file
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            raise
        raise ValueError(f"{path} has no recorded curves in a known format: {error!r}") from error


def _read_json(path: Path) -> Iterator[Pack]:
    content = json.loads(path.read_text(encoding="utf-8"))
    yield from (read_taskset(path.stem, content) if isinstance(content, list) else read_lcbench(content))


def read_lcbench(content: Mapping[str, Any]) -> Iterator[Pack]:
    """LCBench: ``content[data set][run]`` has a ``config`` and a ``log`` of lists by metric.

    The first evaluation of a run is before training and the last one after it. Both are left out.
    """
    for name, runs in content.items():
        curves = [run["log"][_LCBENCH_METRIC][1 : 1 + _LCBENCH_EPOCHS] for run in runs.values()]
        configs = [run["config"] for run in runs.values()]
        yield pack_of("lcbench", name, "maximize", curves, configs)


def read_taskset(name: str, content: Sequence[Any]) -> Iterator[Pack]:
    """TaskSet: a list of runs with hyperparameters in ``hp`` and losses in ``valid``."""
    curves = [run["valid"]["loss"] for run in content]
    yield pack_of("taskset", name, "minimize", curves, [run["hp"] for run in content])


def read_pd1(path: Path) -> Iterator[Pack]:
    """PD1: one line per run. A task is a data set, a model and a batch size.

    A run without a curve is left out, unless it diverged, before its first evaluation.
    """
    tasks: dict[str, list[dict[str, Any]]] = {}
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        for line in file:
            run = json.loads(line)
            if run.get(_PD1_METRIC) or run.get("status") == "diverged":
                name = "_".join(str(run[key]) for key in ("dataset", "model", "hps.batch_size"))
                tasks.setdefault(name, []).append(run)
    for name, runs in tasks.items():
        curves = [run.get(_PD1_METRIC) or [] for run in runs]
        configs = [
            {
                key.removeprefix("hps."): value
                for key, value in run.items()
                if key.startswith("hps.") and key != "hps.rng_seed" and not isinstance(value, (list, dict))
            }
            for run in runs
        ]
        diverged = [run.get("status") == "diverged" for run in runs]
        # The training loop of PD1 ends diverged runs.
        yield pack_of("pd1", name, "minimize", curves, configs, diverged, ends=True)


def read_csv(path: Path) -> Iterator[Pack]:
    """CSV: columns ``trial`` and ``step``, a column named after the metric, and optionally ``task``.

    Columns after the metric are hyperparameters. The direction follows from the name of the metric.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        names = [name for name in reader.fieldnames or [] if name not in ("task", "trial", "step")]
        if not names or not {"trial", "step"} <= set(reader.fieldnames or []):
            raise ValueError(f"columns must be trial, step and a metric, got {reader.fieldnames}")
        metric, *params = names
        tasks: dict[str, dict[str, list[dict[str, str]]]] = {}
        for row in reader:
            tasks.setdefault(row.get("task") or path.stem, {}).setdefault(row["trial"], []).append(row)
    for name, trials in tasks.items():
        reports = [sorted(rows, key=lambda row: float(row["step"])) for rows in trials.values()]
        curves = [[_number(row[metric]) for row in rows] for rows in reports]
        configs = [{param: _parsed(rows[0][param]) for param in params} for rows in reports]
        yield pack_of("csv", name, direction_of(metric), curves, configs if params else [])


def _read_npz(path: Path) -> Iterator[Pack]:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    if {"curves", "steps", "meta"} <= set(arrays):
        yield read_pack(path)
        return
    direction = _direction(str(arrays.pop("direction"))) if "direction" in arrays else None
    for name, array in arrays.items():
        yield _read_array(path, name, array, direction)


def _read_npy(path: Path) -> Iterator[Pack]:
    yield _read_array(path, path.stem, np.load(io.BytesIO(path.read_bytes()), allow_pickle=False), None)


def _read_array(path: Path, name: str, array: NDArray[Any], direction: Direction | None) -> Pack:
    """The pack of an array ``[n_configs, n_epochs]`` or ``[n_configs, n_seeds, n_epochs]``.

    Each seed is a run of its own.
    """
    if array.ndim not in (2, 3) or array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be numbers [n_configs, n_epochs], got {array.dtype} {array.shape}")
    configs = np.repeat(np.arange(len(array)), 1 if array.ndim == 2 else array.shape[1])
    curves = array.reshape(-1, array.shape[-1]).tolist()
    direction = direction or direction_of(f"{name} {path.stem}")
    return pack_of(path.stem, name, direction, curves, [{"index": int(i)} for i in configs])


def pack_of(
    family: str,
    name: str,
    direction: Direction,
    curves: Sequence[Sequence[Any]],
    configs: Sequence[Mapping[str, Any]],
    diverged: Sequence[bool] | None = None,
    ends: bool = False,
) -> Pack:
    """A pack from curves of any lengths.

    Args:
        family: Name of the origin, shared by its packs.
        name: Name of the task.
        direction: ``maximize`` or ``minimize``.
        curves: One per run, one report per step; None is read as NaN.
        configs: One per run; empty if they are unknown.
        diverged: Whether each run diverged; by default, whether its last value is NaN.
        ends: Whether the training loop ends a run that diverges.

    Raises:
        ValueError: If no run has a report.

    Example:
        >>> pack = pack_of("f", "t", "minimize", [[3, 2, 1], [3, None, None]], [])
        >>> pack.name, pack.lengths.tolist(), pack.diverged.tolist()
        ('f/t', [3, 1], [False, True])
    """
    n_steps = max(map(len, curves), default=0)
    if not n_steps:
        raise ValueError(f"{name}: no run has a report")
    values = np.full((len(curves), n_steps), math.nan)
    for row, curve in zip(values, curves, strict=True):
        row[: len(curve)] = [_number(value) for value in curve]
    finite = np.isfinite(values)
    lengths = np.where(finite.any(1), n_steps - finite[:, ::-1].argmax(1), 0)
    if diverged is None:
        diverged = (lengths < [len(curve) for curve in curves]).tolist()
    steps = np.arange(1.0, n_steps + 1)
    whole = tuple(Curve(steps, row, n_steps) for row in values)
    return Pack(
        family,
        f"{family}/{name}",
        direction,
        whole,
        lengths,
        np.array(diverged, bool),
        planned=ends,
        configs=tuple(dict(config) for config in configs),
    )


def direction_of(metric: str) -> Direction:
    """The direction of a metric, guessed from its name.

    Raises:
        ValueError: If the name matches neither direction, or both.

    Example:
        >>> direction_of("valid_loss"), direction_of("cifar10 accuracy")
        ('minimize', 'maximize')
    """
    lower, higher = _LOWER.search(metric.lower()), _HIGHER.search(metric.lower())
    if bool(lower) == bool(higher):
        raise ValueError(
            f"the name {metric!r} does not say which values are better: rename it to a loss or an accuracy"
        )
    return "minimize" if lower else "maximize"


def _direction(text: str) -> Direction:
    if text.startswith("min"):
        return "minimize"
    if text.startswith("max"):
        return "maximize"
    raise ValueError(f"direction must be min or max, got {text!r}")


def _number(value: Any) -> float:
    """``value`` as a float; NaN for None and for an empty field."""
    return math.nan if value is None or value == "" else float(value)


def _parsed(text: str) -> Any:
    try:
        return float(text)
    except (TypeError, ValueError):
        return text
