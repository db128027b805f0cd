"""Messages on errors in a configuration: the key, its value, the allowed values, the nearest valid key."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

KeyPath = tuple[str | int, ...]
"""The keys and list indices that lead to a value."""

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 60
short_repr = _repr.repr
"""``repr`` of a value, shortened to one line for messages."""


def describe_error(error: ErrorDetails, model: type[BaseModel]) -> str:
    """One line on an error that pydantic found in the options of ``model``.

    Args:
        error: An entry of ``ValidationError.errors()``.
        model: The model that was validated.

    Example:
        >>> from pydantic import ConfigDict, ValidationError
        >>> class Options(BaseModel, extra="forbid"):
        ...     confidence: float = 0.95
        >>> try:
        ...     Options.model_validate({"confidance": 0.9})
        ... except ValidationError as error:
        ...     describe_error(error.errors()[0], Options)
        "confidance: no such key, got 0.9; did you mean 'confidence'? allowed: confidence"
    """
    message, path = plain_message(error["msg"].removeprefix("Value error, ")), error["loc"]
    if not path:
        return message  # an error on several keys: its message contains them and their values
    where = join_keys(path)
    if error["type"] == "missing":
        return f"{where}: is missing, and there is no default"
    if error["type"] == "extra_forbidden":
        *parents, key = path
        hint = suggest(str(key), _allowed_keys(model, parents))
        return f"{where}: no such key, got {short_repr(error['input'])}{hint}"
    if error["type"] == "value_error":
        return f"{where}: {message}"
    return f"{where}: {message}, got {short_repr(error['input'])}{_number_hint(error)}"


_PLAIN = (
    (r"Input should be (?:a valid |an? )?", "must be "),
    (r"must be (number|integer|boolean|string|dictionary|list)\b(?:, [^']*)?$", r"must be a \1"),
    (r"must be a integer", "must be a whole number"),
    (r"must be a boolean", "must be true or false"),
    (r"must be a string", "must be text"),
    (r"must be a dictionary", "must be a mapping"),
    (r"must be finite number", "must be a finite number"),
    (r"greater than or equal to", "at least"),
    (r"less than or equal to", "at most"),
    (r"greater than", "above"),
    (r"less than", "below"),
)
"""Wording of pydantic as patterns, and plain words for them."""


def plain_message(message: str) -> str:
    """A message of pydantic in plain words; others stay as they are.

    Example:
        >>> plain_message("Input should be greater than or equal to 1")
        'must be at least 1'
        >>> plain_message("Input should be a valid number, unable to parse string as a number")
        'must be a number'
    """
    if "Input should be " not in message:
        return message
    for pattern, words in _PLAIN:
        message = re.sub(pattern, words, message)
    return message


def join_keys(path: Sequence[str | int]) -> str:
    """The keys that lead to a value, joined by dots.

    Example:
        >>> join_keys(("space", "width", "choices", 0))
        'space.width.choices.0'
    """
    keys = (str(key) for key in path)
    return ".".join(key if key.isprintable() and len(key) <= 60 else short_repr(key) for key in keys)


def suggest(word: str, allowed: Iterable[str]) -> str:
    """The end of a message on an unknown word: a similar allowed word, if there is one, and all of them.

    Example:
        >>> suggest("fina", ["best", "final"])
        "; did you mean 'final'? allowed: best, final"
    """
    words = list(allowed)
    similar = difflib.get_close_matches(word, words, n=1)
    return "; " + (f"did you mean {similar[0]!r}? " if similar else "") + f"allowed: {', '.join(words)}"


def _number_hint(error: ErrorDetails) -> str:
    """A hint to remove the quotes, if the value is a number in quotes; else empty."""
    value = error["input"]
    if error["type"] not in ("float_type", "int_type") or not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    return f", which is text; write {number:.12g} without quotes"


def _allowed_keys(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that are allowed in the mapping at ``path``."""
    kind: Any = model
    for key in path:
        inner = get_args(kind)  # types of the items of a mapping or list
        kind = inner[-1] if inner else kind.model_fields[str(key)].annotation
        if get_origin(kind) in (Union, UnionType):
            kind = next(part for part in get_args(kind) if part is not type(None))
    return list(kind.model_fields)
