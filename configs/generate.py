"""Writes what is made from the fields of the options: ``make generate``.

That is ``configs/optuna.yaml``, the JSON schemas, and the table of options in ``docs/options.md``.
"""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lcstop import PrunerConfig
from lcstop.commands.config import json_schema
from lcstop.config.search_config import SearchConfig

ROOT = Path(__file__).parents[1]

TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "string": "text",
}
BOUNDS = {
    "exclusiveMinimum": "above",
    "minimum": "at least",
    "exclusiveMaximum": "below",
    "maximum": "at most",
}

PAGE = """\
# Options

Each is a keyword of `LCPFNPruner` and `LCPFNScheduler`, a field of `lcstop.PrunerConfig` and a key of the
YAML file that `from_yaml(path)` of either and `lcstop.load_config(path)` read. `configs/optuna.yaml` has all
of them at their defaults. In Python `null` is `None`, `true` and `false` are `True` and `False`.

| option | default | allowed | effect |
|---|---|---|---|
{rows}
"""

FILE = """\
# yaml-language-server: $schema=schema/pruner.json
# Every option of the stopping decision, at its default, for Optuna:
#   study = optuna.create_study(direction="maximize", pruner=LCPFNPruner.from_yaml("configs/optuna.yaml"))
# Only horizon has no default. Check your copy: lcstop config check FILE
"""


def generated() -> dict[Path, str]:
    """The content of each file."""
    fields = json_schema(PrunerConfig)["properties"]
    texts = {
        ROOT / "docs" / "options.md": PAGE.format(rows="\n".join(map(_row, fields, fields.values()))),
        ROOT / "configs" / "optuna.yaml": "\n".join([FILE, *_lines(fields)]),
    }
    for kind, model in (("pruner", PrunerConfig), ("search", SearchConfig)):
        texts[ROOT / "configs" / "schema" / f"{kind}.json"] = json.dumps(json_schema(model), indent=2) + "\n"
    return texts


def _row(name: str, field: dict[str, Any]) -> str:
    default = f"`{_yaml(field['default'])}`" if "default" in field else ""
    return f"| `{name}` | {default} | {_allowed(field)} | {field['description']} |"


def _lines(fields: dict[str, Any]) -> Iterator[str]:
    for name, field in fields.items():
        comment = f"{field['description']} Allowed: {_allowed(field)}."
        yield from textwrap.wrap(comment, 116, initial_indent="# ", subsequent_indent="# ")
        yield f"{name}: {_yaml(field.get('default', 50))}\n"


def _allowed(field: dict[str, Any]) -> str:
    """The values that a field may have.

    Example:
        >>> _allowed({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
        'number above 0, at most 1'
    """
    if "anyOf" in field:
        return " or ".join(map(_allowed, field["anyOf"]))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    bounds = ", ".join(f"{words} {field[bound]}" for bound, words in BOUNDS.items() if bound in field)
    return f"{TYPES[field['type']]} {bounds}".strip()


def _yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
