"""YAML files, read strictly: each mistake is one line with file, line and key.

Files are read by the rules of YAML 1.2. Refused on top of that is what YAML 1.1, and many programs with it,
read otherwise (``off`` and ``yes`` for booleans, ``010`` for 8), and what no configuration needs: dates,
tags, anchors and aliases.
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

from lcstop.config.error_messages import KeyPath, in_words, key_path, shown

Model = TypeVar("Model", bound=BaseModel)

_MAX_BYTES = 100_000
"""A configuration is a page or two; something larger is another file, and would take long to parse."""

_MAX_DEPTH = 50
"""Lists and mappings within each other; a configuration has a handful."""

_MAX_TOLD = 10
"""Mistakes that are told; a file with more is probably for something else."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = {"map", "seq", "str", "int", "float", "bool", "null"}
_SWITCHES = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""Booleans in YAML 1.1, text in YAML 1.2."""

_TWO_NUMBERS = re.compile(r"[-+]?(0[0-9_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)")
"""Octal and base 60 in YAML 1.1, decimal and text in YAML 1.2."""


def read_yaml(path: str | Path, model: type[Model]) -> Model:
    """A configuration from a YAML file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not a YAML mapping, or a key or value is not allowed; one line for each mistake,
            with the file, the line, the key, the value, what is allowed, and the nearest valid key.

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
        # As JSON, since only there strict validation takes a mapping for a model. Not strict, pydantic would
        # take true for 1 and "50" for 50.
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        found = sorted((_line(e["loc"], e["msg"], lines), in_words(e, model)) for e in error.errors())
        told = [f"{path}:{line}: {words}" for line, words in found[:_MAX_TOLD]]
        if len(found) > _MAX_TOLD:
            told.append(f"{path}: {len(found) - _MAX_TOLD} more mistakes")
        raise ValueError("\n".join(told)) from None


def read_plain(path: str | Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """The keys and values of a YAML file, and the line of each.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it does not hold keys and values, or something that is read other than it looks.
    """
    text = _read(Path(path))
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # no anchor is allowed
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
        raise ValueError(f"{path}:{mark.line + 1}: {_in_words(error, text, mark.line)}") from None


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
    """Valid YAML that no configuration needs, or that is read other than it looks."""


def _lines(node: Node, at: KeyPath, yaml: YAML) -> Iterator[tuple[KeyPath, int]]:
    """The line of each key and of each item of a list; raises :class:`_RefusedError`."""
    _check(node, at, yaml)
    if isinstance(node, MappingNode):
        for key, value in node.value:
            _check(key, at, yaml)
            if key.tag != f"{_TAG}str":
                why = f"a key must be text, got {_shown(key)}; in quotes it would be text"
                raise _RefusedError(problem=why, problem_mark=key.start_mark)
            yield (*at, key.value), key.start_mark.line + 1
            yield from _lines(value, (*at, key.value), yaml)
    elif isinstance(node, SequenceNode):
        for i, item in enumerate(node.value):
            yield (*at, i), item.start_mark.line + 1
            yield from _lines(item, (*at, i), yaml)


def _check(node: Node, at: KeyPath, yaml: YAML) -> None:
    why = _why_refused(node, yaml)
    if why:
        raise _RefusedError(problem=f"{key_path(at)}: {why}" if at else why, problem_mark=node.start_mark)


def _why_refused(node: Node, yaml: YAML) -> str | None:
    tag = str(node.tag).removeprefix(_TAG)
    if yaml.resolver.processing_version < (1, 2):
        return "only YAML 1.2 is read; leave out the %YAML directive"
    if node.anchor:  # with aliases a few lines can stand for gigabytes
        return "anchors (&) and aliases (*) are not allowed; repeat the value"
    if tag == "merge":
        return "<< is not allowed; repeat the keys"
    if tag in ("timestamp", "value"):
        return f"{_shown(node)} is a date or a sign to YAML; write it in quotes"
    if node.ctag.handle or tag not in _PLAIN:
        return f"the tag {node.tag!r} is not allowed; write a plain value"
    if not isinstance(node, ScalarNode) or node.style:
        return None
    if node.value.lower() in _SWITCHES:
        word = _SWITCHES[node.value.lower()]
        return f"{_shown(node)} is {word} to YAML 1.1; write {word}, or {_shown(node)} in quotes"
    if _TWO_NUMBERS.fullmatch(node.value):
        return f"{_shown(node)} is another number to YAML 1.1; write it in decimal, or in quotes"
    try:
        yaml.constructor.construct_object(node)
    except (ValueError, IndexError):  # thousands of digits, or 0x_
        return f"{_shown(node)} cannot be read as {tag}"
    return None


def _shown(node: Node) -> str:
    return shown(node.value if isinstance(node, ScalarNode) else "?")


def _in_words(error: MarkedYAMLError, text: str, line: int) -> str:
    problem = str(error.problem or error.context)
    if isinstance(error, _RefusedError):
        return problem
    if isinstance(error, MaxDepthExceededError):
        return "nested too deeply for a configuration"
    if isinstance(error, DuplicateKeyError):
        key = problem.removeprefix('found duplicate key "').partition('" with value ')[0]
        return f"the key {shown(key)} is written twice"
    lines = text.splitlines()[line : line + 1]
    tab = "; the line holds a tab, and YAML is indented by spaces" if "\t" in "".join(lines) else ""
    return f"not valid YAML: {shorten(problem, 200)}{tab}"


def _line(at: KeyPath, message: str, lines: dict[KeyPath, int]) -> int:
    """The line of the nearest key on the way to a mistake.

    A message on several keys begins with the first of them, and stands where that key stands.
    """
    first = message.removeprefix("Value error, ").partition(" ")[0]
    for place in ((*at, first), at, *(at[:n] for n in range(len(at) - 1, 0, -1))):
        if place in lines:
            return lines[place]
    return 1
