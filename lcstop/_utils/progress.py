"""The progress bar of searches."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


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
