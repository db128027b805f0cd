"""The last step of a benchmark: its summary in a file, and its figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from lcstop._utils.json_safe import json_safe
from lcstop._utils.provenance import commit, machine, versions


def write_summary(
    summary: dict[str, Any],
    config: Mapping[str, Any],
    path: Path,
    draw: Callable[[], object],
    console: Console,
) -> None:
    """Add to a summary what it was made by, write it, and draw its figures.

    Args:
        summary: The summary. The keys ``config``, ``versions`` and ``machine`` are added.
        config: The options that it depends on.
        path: The JSON file.
        draw: Draws the figures. Where its package is not installed, a note says so instead.
        console: Prints that note.

    Raises:
        OSError: If the file cannot be written.
    """
    summary |= {"config": config, "versions": {**versions(), "commit": commit()}, "machine": machine()}
    path.write_text(json.dumps(json_safe(summary)) + "\n", encoding="utf-8")
    try:
        draw()
    except ModuleNotFoundError as error:
        console.print(f"no plots written: they need {error.name}; pip install 'lcstop[plot]'", markup=False)
