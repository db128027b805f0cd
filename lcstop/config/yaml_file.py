"""YAML files, read strictly: each mistake is one line with file, line and key.

What a file holds is what ``yaml.safe_load`` reads in it. Refused on top of that is whatever YAML reads other
than a person does: keys that are written twice, ``off`` and ``yes`` for booleans, ``010`` for 8, dates, tags
and aliases.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lcstop.config.error_messages import KeyPath, in_words, key_path

Model = TypeVar("Model", bound=BaseModel)

_MAX_BYTES = 100_000
"""A configuration is a page or two; something larger is another file, and would take long to parse."""

_MAX_TOLD = 10
"""Mistakes that are told; a file with more is probably for something else."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = {"map", "seq", "str", "int", "float", "bool", "null"}
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")


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
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise ValueError(f"{path} is empty; it must hold keys and values, one to a line (key: value)")
        if not isinstance(node, MappingNode):
            kind = "a list" if isinstance(node, SequenceNode) else "a single value"
            raise ValueError(f"{path}:1: the file must hold keys and values (key: value), got {kind}")
        values = _Values(loader)
        return values.mapping(node, ()), values.lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark else 0
        shown = text.splitlines()[line : line + 1]
        tab = "; the line holds a tab, and YAML is indented by spaces" if shown and "\t" in shown[0] else ""
        problem = error.problem or error.context
        raise ValueError(f"{path}:{line + 1}: not valid YAML: {problem}{tab}") from None
    except _NotPlainError as error:
        raise ValueError(f"{path}:{error}") from None
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply for a configuration") from None
    finally:
        loader.dispose()


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"{path} is too large for a configuration: more than {_MAX_BYTES // 1000} kB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise ValueError(
            f"{path}:{line}: not valid YAML: the text is not UTF-8 (byte 0x{byte:02x})"
        ) from None
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        raise ValueError(f"{path}:{line}: not valid YAML: the character {unprintable[0]!r} is not allowed")
    return text


class _Loader(yaml.SafeLoader):
    """Refuses aliases: a few lines of them can stand for gigabytes, and no configuration needs them."""

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*) are not allowed; repeat it", problem_mark=mark)
        node: Node | None = super().compose_node(parent, index)
        return node


class _NotPlainError(Exception):
    """Something in the file is read other than it looks; the message begins with the line."""


class _Values:
    """Values from nodes: plain ones alone, and no object is ever built; ``lines`` says where each stands."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self.lines: dict[KeyPath, int] = {}

    def mapping(self, node: MappingNode, at: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, at)
            here = (*at, key)
            if key in found:
                self._refuse(key_node, here, f"the key is written twice, first in line {self.lines[here]}")
            self.lines[here] = _line_of(key_node)
            found[key] = self._value(value_node, here)
        return found

    def _key(self, node: Node, at: KeyPath) -> str:
        if node.tag == f"{_TAG}merge":
            self._refuse(node, at, "<< is not allowed; repeat the keys")
        if not isinstance(node, ScalarNode) or node.tag != f"{_TAG}str":
            shown = node.value if isinstance(node, ScalarNode) else "?"
            self._refuse(node, at, f"a key must be text, got {shown!r}; in quotes it would be text")
        return str(node.value)

    def _value(self, node: Node, at: KeyPath) -> Any:
        self.lines.setdefault(at, _line_of(node))
        kind = node.tag.removeprefix(_TAG)
        if kind in ("timestamp", "value"):
            self._refuse(node, at, f"{node.value!r} is a date or a sign to YAML; write it in quotes")
        if kind not in _PLAIN:
            self._refuse(node, at, f"the tag {node.tag!r} is not allowed; write a plain value")
        if isinstance(node, MappingNode):
            return self.mapping(node, at)
        if isinstance(node, SequenceNode):
            return [self._value(item, (*at, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, at, kind)

    def _scalar(self, node: Node, at: KeyPath, kind: str) -> Any:
        text = node.value
        if kind == "bool" and text.lower() not in ("true", "false"):
            value = "true" if text.lower() in ("yes", "on") else "false"
            self._refuse(node, at, f"{text!r} is {value} to YAML; write {value}, or {text!r} in quotes")
        try:
            value = self._loader.construct_object(node)
        except (ValueError, KeyError, AttributeError, yaml.YAMLError):  # such as !!int and no number
            self._refuse(node, at, f"{text!r} cannot be read as {kind}")
        if (kind == "int" and not _DECIMAL.fullmatch(text)) or (kind == "float" and ":" in text):
            self._refuse(node, at, f"{text!r} is {value} to YAML; write {value}, or {text!r} in quotes")
        return value

    def _refuse(self, node: Node, at: KeyPath, why: str) -> NoReturn:
        where = f"{key_path(at)}: " if at else ""
        raise _NotPlainError(f"{_line_of(node)}: {where}{why}")


def _line_of(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _line(at: KeyPath, message: str, lines: dict[KeyPath, int]) -> int:
    """The line of the nearest key on the way to a mistake.

    A message on several keys begins with the first of them, and stands where that key stands.
    """
    first = message.removeprefix("Value error, ").partition(" ")[0]
    for place in ((*at, first), at, *(at[:n] for n in range(len(at) - 1, 0, -1))):
        if place in lines:
            return lines[place]
    return 1
