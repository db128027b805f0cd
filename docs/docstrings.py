"""Extension of griffe, which reads docstrings for the API page: `Example:` is a section, roles are code."""

import re
from typing import Any

import griffe


class Docstrings(griffe.Extension):
    """Puts docstrings into the words that griffe knows."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for every object that has been read."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(r":(?:class|meth|func|data|mod):`~?([^`]+)`", r"`\1`", text)
