"""Strict reading of YAML files. Each error is one line with file, line and key.

Files are read as YAML 1.2. Two kinds of valid YAML are refused: values that YAML 1.1 and many programs read
differently (``off`` and ``yes`` as booleans, ``010`` as 8), and what no configuration needs (dates, tags,
anchors and aliases).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import shorten
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from lcstop.config.error_messages import KeyPath, describe_error, join_keys, short_repr

Model = TypeVar("Model", bound=BaseModel)

_MAX_BYTES = 100_000
"""Maximum size of a file, in bytes. A larger file is not a configuration, and would take long to parse."""

_MAX_DEPTH = 50
"""Maximum depth of nested lists and mappings."""

_MAX_ERRORS = 10
"""Maximum number of errors in a message. A file with more is probably not a configuration."""

_TAG = "tag:yaml.org,2002:"
_ALLOWED_TAGS = {"map", "seq", "str", "int", "float", "bool", "null"}
_YAML_1_1_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""Booleans in YAML 1.1, text in YAML 1.2."""

_YAML_1_1_NUMBER = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
"""Octal and base 60 in YAML 1.1, decimal and text in YAML 1.2."""


def read_yaml(path: str | Path, model: type[Model]) -> Model:
    """Read a configuration from a YAML file.

    Args:
        path: The file.
        model: The pydantic model of the configuration.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is not a YAML mapping, or a key or value is not allowed. The message has one
            line for each error, with the file, the line, the key, the value, the allowed values, and a
            similar valid key.

    Example:
        >>> import tempfile
        >>> from lcstop import PrunerConfig
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "pruner.yaml")
        ...     _ = path.write_text("horizon: 50")
        ...     read_yaml(path, PrunerConfig).horizon
        50.0
    """
    content, lines = read_plain(path)
    try:
        # Strict, because pydantic would otherwise read true as 1 and "50" as 50. From JSON, because strict
        # validation of Python objects does not accept mappings for nested models.
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        errors = sorted((_line(e["loc"], e["msg"], lines), describe_error(e, model)) for e in error.errors())
        messages = [f"{path}:{line}: {message}" for line, message in errors[:_MAX_ERRORS]]
        if len(errors) > _MAX_ERRORS:
            messages.append(f"{path}: {len(errors) - _MAX_ERRORS} more mistakes")
        raise ValueError("\n".join(messages)) from None


def read_plain(path: str | Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Read a YAML file without a model: its content, and the line of each key and list item.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the file is not a YAML mapping, or contains YAML that is refused; see the module.
    """
    text = _read(Path(path))
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # anchors are refused anyway
    try:
        node = yaml.compose(text)
        if node is None:
            raise ValueError(f"{path} is empty; it must hold keys and values, one to a line (key: value)")
        if not isinstance(node, MappingNode):
            kind = "a list" if isinstance(node, SequenceNode) else "a single value"
            raise ValueError(f"{path}:1: the file must hold keys and values (key: value), got {kind}")
        lines = dict(_lines(node, (), yaml))
        return yaml.constructor.construct_document(node), lines
    except ReaderError as error:
        line, character = text.count("\n", 0, error.position) + 1, text[error.position]
        raise ValueError(
            f"{path}:{line}: not valid YAML: the character {character!r} is not allowed"
        ) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"{path}:{mark.line + 1}: {_describe(error, text, mark.line)}") from None


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"{path} is too large for a configuration: more than {_MAX_BYTES // 1000} kB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise ValueError(
            f"{path}:{line}: not valid YAML: the text is not UTF-8 (byte 0x{byte:02x})"
        ) from None


class _RefusedError(MarkedYAMLError):
    """Valid YAML that is refused; see the module."""


def _lines(node: Node, path: KeyPath, yaml: YAML) -> Iterator[tuple[KeyPath, int]]:
    """The line of each key and list item below ``node``; raises :class:`_RefusedError`."""
    _check(node, path, yaml)
    if isinstance(node, MappingNode):
        for key, value in node.value:
            _check(key, path, yaml)
            if key.tag != f"{_TAG}str":
                why = f"a key must be text, got {_node_repr(key)}; write it in quotes"
                raise _RefusedError(problem=why, problem_mark=key.start_mark)
            yield (*path, key.value), key.start_mark.line + 1
            yield from _lines(value, (*path, key.value), yaml)
    elif isinstance(node, SequenceNode):
        for i, item in enumerate(node.value):
            yield (*path, i), item.start_mark.line + 1
            yield from _lines(item, (*path, i), yaml)


def _check(node: Node, path: KeyPath, yaml: YAML) -> None:
    why = _why_refused(node, yaml)
    if why:
        raise _RefusedError(
            problem=f"{join_keys(path)}: {why}" if path else why, problem_mark=node.start_mark
        )


def _why_refused(node: Node, yaml: YAML) -> str | None:
    tag = str(node.tag).removeprefix(_TAG)
    if yaml.resolver.processing_version < (1, 2):
        return "only YAML 1.2 is read; leave out the %YAML directive"
    if node.anchor:  # with aliases, a few lines can expand to gigabytes
        return "anchors (&) and aliases (*) are not allowed; repeat the value"
    if tag == "merge":
        return "<< is not allowed; repeat the keys"
    if tag in ("timestamp", "value"):
        return f"{_node_repr(node)} is a date or a special value in YAML; write it in quotes"
    if node.ctag.handle or tag not in _ALLOWED_TAGS:
        return f"the tag {node.tag!r} is not allowed; write a plain value"
    if not isinstance(node, ScalarNode) or node.style:
        return None
    if node.value.lower() in _YAML_1_1_BOOLEANS:
        word = _YAML_1_1_BOOLEANS[node.value.lower()]
        return f"{_node_repr(node)} means {word} in YAML 1.1; write {word}, or {_node_repr(node)} in quotes"
    if _YAML_1_1_NUMBER.fullmatch(node.value):
        return f"{_node_repr(node)} is another number in YAML 1.1; write it in decimal, or in quotes"
    try:
        yaml.constructor.construct_object(node)
    except (ValueError, IndexError):  # raised for thousands of digits, and for 0x_
        return f"{_node_repr(node)} cannot be read as {tag}"
    return None


def _node_repr(node: Node) -> str:
    return short_repr(node.value if isinstance(node, ScalarNode) else "?")


def _describe(error: MarkedYAMLError, text: str, line: int) -> str:
    problem = str(error.problem or error.context)
    if isinstance(error, _RefusedError):
        return problem
    if isinstance(error, MaxDepthExceededError):
        return "nested too deeply for a configuration"
    if isinstance(error, DuplicateKeyError):
        key = problem.removeprefix('found duplicate key "').partition('" with value ')[0]
        return f"the key {short_repr(key)} is written twice"
    lines = text.splitlines()[line : line + 1]
    tab = "; the line contains a tab, but YAML is indented by spaces" if "\t" in "".join(lines) else ""
    return f"not valid YAML: {shorten(problem, 200)}{tab}"


def _line(path: KeyPath, message: str, lines: dict[KeyPath, int]) -> int:
    """The line of an error: that of its key, or else of the nearest parent that is in the file.

    A message on several keys starts with one of them, and has the line of that key.
    """
    first_word = message.removeprefix("Value error, ").partition(" ")[0]
    for candidate in ((*path, first_word), path, *(path[:n] for n in range(len(path) - 1, 0, -1))):
        if candidate in lines:
            return lines[candidate]
    return 1
