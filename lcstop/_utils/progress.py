"""The progress display of searches."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


def search_progress(console: Console) -> Progress:
    """A display whose tasks have the fields ``best``, ``epochs`` and ``saved``."""
    return Progress(
        # Fits a terminal of 80 columns.
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.completed}/{task.total} trials"),
        TextColumn("best {task.fields[best]:.4f}"),
        TextColumn("{task.fields[epochs]:,} epochs ({task.fields[saved]:,} saved)"),
        TimeElapsedColumn(),
        console=console,
    )
