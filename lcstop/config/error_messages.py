"""Mistakes in a configuration, in words: the key, its value, what is allowed, the nearest valid key."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

KeyPath = tuple[str | int, ...]
"""Where a value stands: the keys, and the places in lists, that lead to it."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 60
shown = _short.repr
"""A value as a message shows it: one short line."""


def in_words(error: ErrorDetails, model: type[BaseModel]) -> str:
    """One line on a mistake that pydantic found in the options of ``model``.

    Example:
        >>> from pydantic import ConfigDict, ValidationError
        >>> class Options(BaseModel, extra="forbid"):
        ...     confidence: float = 0.95
        >>> try:
        ...     Options.model_validate({"confidance": 0.9})
        ... except ValidationError as error:
        ...     in_words(error.errors()[0], Options)
        "confidance: no such key, got 0.9; did you mean 'confidence'? allowed: confidence"
    """
    message, at = error["msg"].removeprefix("Value error, "), error["loc"]
    if not at:
        return message  # what concerns several keys names them and their values itself
    where = key_path(at)
    if error["type"] == "missing":
        return f"{where}: is missing, and there is no default"
    if error["type"] == "extra_forbidden":
        *parents, key = at
        hint = nearest(str(key), _keys(model, parents))
        return f"{where}: no such key, got {shown(error['input'])}{hint}"
    if error["type"] == "value_error":
        return f"{where}: {message}"
    return f"{where}: {message}, got {shown(error['input'])}{_as_number(error)}"


def key_path(at: Sequence[str | int]) -> str:
    """The keys that lead to a value, with dots between them.

    Example:
        >>> key_path(("space", "width", "choices", 0))
        'space.width.choices.0'
    """
    words = (str(key) for key in at)
    return ".".join(word if word.isprintable() and len(word) <= 60 else shown(word) for word in words)


def nearest(word: str, allowed: Iterable[str]) -> str:
    """What to write instead of ``word``: the nearest of the allowed words, if one is near, and all of them.

    Example:
        >>> nearest("fina", ["best", "final"])
        "; did you mean 'final'? allowed: best, final"
    """
    words = list(allowed)
    near = difflib.get_close_matches(word, words, n=1)
    return "; " + (f"did you mean {near[0]!r}? " if near else "") + f"allowed: {', '.join(words)}"


def _as_number(error: ErrorDetails) -> str:
    """How to write a number that quotes made a text."""
    value = error["input"]
    if error["type"] not in ("float_type", "int_type") or not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    return f", which is text; write {number:.12g} without quotes"


def _keys(model: type[BaseModel], at: Sequence[str | int]) -> list[str]:
    """The keys that are allowed in the mapping that ``at`` leads to."""
    kind: Any = model
    for key in at:
        inner = get_args(kind)  # of a mapping or a list
        kind = inner[-1] if inner else kind.model_fields[str(key)].annotation
        if get_origin(kind) in (Union, UnionType):
            kind = next(part for part in get_args(kind) if part is not type(None))
    return list(kind.model_fields)
