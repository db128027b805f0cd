"""Parts shared by several commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from lcstop._utils.json_safe import json_safe

errors = Console(stderr=True)
"""Console for errors and progress, so that stdout has only results."""

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of a table.")]


@contextmanager
def needs(extra: str, command: str) -> Iterator[None]:
    """Context of imports. Turns the error of a missing module into one line that names the extra to install.

    Args:
        extra: Extra of ``lcstop`` with the module.
        command: Subject of the error message.

    Raises:
        ValueError: If a module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(f"{command} needs {error.name}: pip install 'lcstop[{extra}]'") from error


def message_of(error: Exception) -> str:
    """The message of an error. That of a file names the file, without the number of the system."""
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"there is no file {error.filename}"
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror[0].lower()}{error.strerror[1:]}"
    return str(error)


def print_json(content: Any) -> None:
    """Print as JSON, with null for NaN and infinities."""
    typer.echo(json.dumps(json_safe(content), default=str))


def table_console(width: int) -> Console:
    """Console for tables: as wide as the terminal, or ``width`` characters if stdout is no terminal."""
    return Console(width=None if sys.stdout.isatty() else width)


def split_words(text: str) -> list[str]:
    """Values of an option, separated by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]
