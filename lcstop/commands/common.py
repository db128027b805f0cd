"""What several commands use."""

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
"""Where errors and progress go, so that stdout holds results alone."""

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of a table.")]


@contextmanager
def needs(extra: str, command: str) -> Iterator[None]:
    """Around imports: a module that is not installed becomes one line that names the extra that brings it.

    Raises:
        ValueError: If a module is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(f"{command} needs {error.name}: pip install 'lcstop[{extra}]'") from error


def print_json(found: Any) -> None:
    """Print figures as JSON, with null for a number that JSON does not know."""
    typer.echo(json.dumps(json_safe(found), default=str))


def table_console(width: int) -> Console:
    """Where tables are printed: as wide as the terminal, or ``width`` characters where there is none."""
    return Console(width=None if sys.stdout.isatty() else width)


def split_words(text: str) -> list[str]:
    """The words of an option that takes several, separated by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]
