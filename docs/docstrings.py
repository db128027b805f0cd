"""Extension of griffe, the parser of the code for the API page."""

import inspect
import re
from typing import Any

import griffe

from lcstop import PrunerConfig


class Docstrings(griffe.Extension):
    """Converts docstrings and signatures to what griffe supports."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rename sections `Example:` to `Examples:`, and turn Sphinx roles into code."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(r":(?:class|meth|func|data|mod):`~?([^`]+)`", r"`\1`", text)

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Replace `**options: Unpack[...]` by the options, as `help()` shows them."""
        if "options" not in func.parameters or "Unpack" not in str(func.parameters["options"].annotation):
            return
        del func.parameters["options"]
        for name, field in PrunerConfig.model_fields.items():
            if name not in func.parameters:
                option = griffe.Parameter(
                    name,
                    annotation=inspect.formatannotation(field.annotation),
                    kind=griffe.ParameterKind.keyword_only,
                    default=None if field.is_required() else repr(field.default),
                )
                func.parameters.add(option)
