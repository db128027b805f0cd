"""What several commands use."""

from __future__ import annotations

import importlib
import json
from enum import Enum
from typing import Annotated, Any

import typer
from rich.console import Console

from lcstop._utils.json_safe import plain

errors = Console(stderr=True)
"""Where errors and progress go, so that stdout holds results alone."""

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of a table.")]


class Engine(str, Enum):
    """The frameworks that lcstop has an adapter for."""

    OPTUNA = "optuna"
    RAY = "ray"


def load(module: str, extra: str) -> Any:
    """A module by name: the core imports no framework.

    Raises:
        ValueError: If something that it needs is not installed; names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"this command needs {error.name}: pip install 'lcstop[{extra}]'") from error


def print_json(found: Any) -> None:
    """Print figures as JSON, with null for a number that JSON does not know."""
    typer.echo(json.dumps(plain(found), default=str))
