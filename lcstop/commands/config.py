"""``lcstop config``: checks YAML files, prints them with their defaults, prints their JSON Schema."""

from __future__ import annotations

import json
from enum import Enum
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lcstop.commands.common import message_of

if TYPE_CHECKING:
    from pydantic import BaseModel

app = typer.Typer(help="Check, show and describe YAML files.", rich_markup_mode="markdown")


class Kind(str, Enum):
    """Kind of a YAML file."""

    PRUNER = "pruner"
    SEARCH = "search"


As = Annotated[
    Kind | None,
    typer.Option("--as", help="Kind of the file; by default the kind that has most of its keys."),
]


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="YAML files, such as configs/optuna.yaml.")],
    kind: As = None,
) -> None:
    """Check YAML files. Prints one line for each mistake; exit code 2 if there is one.

    Examples:

    lcstop config check configs/optuna.yaml

    lcstop config check --as search search.yaml
    """
    mistakes = []
    for path in files:
        try:
            file_kind = kind or _guess(path)
            _read(path, file_kind)
        except (ValueError, OSError) as error:
            mistakes.append(message_of(error))
        else:
            typer.echo(f"{path}: fine ({file_kind.value})")
    if mistakes:
        raise ValueError("\n".join(mistakes))


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A YAML file, such as configs/optuna.yaml.")],
    kind: As = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of YAML.")] = False,
) -> None:
    """Print a YAML file with all defaults.

    Examples:

    lcstop config show configs/safe.yaml

    lcstop config show --json search.yaml
    """
    content = _read(file, kind or _guess(file)).model_dump(mode="json")
    typer.echo(json.dumps(content, indent=2) if as_json else _as_yaml(content))


@app.command()
def schema(
    kind: Annotated[Kind, typer.Argument(help="Kind of the file.")] = Kind.PRUNER,
) -> None:
    """Print the JSON Schema of a kind of YAML file. Editors use it to complete and check such files.

    Save the schema to a file and name it in the first line of the YAML file:
    `# yaml-language-server: $schema=pruner.schema.json`

    Examples:

    lcstop config schema > pruner.schema.json

    lcstop config schema search > search.schema.json
    """
    typer.echo(json.dumps(json_schema(_model(kind)), indent=2))


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model. Descriptions are cut after the first line of the class's docstring.

    Example:
        >>> from lcstop.config.search_config import SearchConfig
        >>> json_schema(SearchConfig)["properties"]["pruner"]["description"]
        'Options of the stopping decision.'
    """
    schema = model.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        part["description"] = part["description"].partition("\n")[0]
    return schema


def _model(kind: Kind) -> type[BaseModel]:
    from lcstop.config.pruner import PrunerConfig
    from lcstop.config.search_config import SearchConfig

    return PrunerConfig if kind is Kind.PRUNER else SearchConfig


def _read(file: Path, kind: Kind) -> BaseModel:
    from lcstop.config.yaml_file import read_yaml

    return read_yaml(file, _model(kind))


def _as_yaml(content: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(content, text)
    return text.getvalue().rstrip()


def _guess(path: Path) -> Kind:
    """The kind that has most of the keys of the file. A misspelt key does not change it."""
    from lcstop.config.yaml_file import read_plain

    keys = set(read_plain(path)[0])
    return max(Kind, key=lambda kind: len(keys & set(_model(kind).model_fields)))
