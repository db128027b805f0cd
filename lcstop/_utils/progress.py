"""Progress bars."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def count_progress(console: Console, unit: str = "") -> Progress:
    """A progress bar with the number of finished items, their unit and the remaining time."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *([TextColumn(unit)] if unit else []),
        TimeRemainingColumn(),
        console=console,
    )


def search_progress(console: Console) -> Progress:
    """A progress bar for trials. Its tasks need the fields ``best``, ``epochs`` and ``saved``."""
    return Progress(
        # The columns fit into a terminal 80 characters wide.
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.completed}/{task.total} trials"),
        TextColumn("best {task.fields[best]:.4f}"),
        TextColumn("{task.fields[epochs]:,} epochs ({task.fields[saved]:,} saved)"),
        TimeElapsedColumn(),
        console=console,
    )
