"""Extension of griffe, which reads the code for the API page without running it."""

import inspect
import re
from typing import Any

import griffe

from lcstop import PrunerConfig


class Docstrings(griffe.Extension):
    """Puts docstrings and signatures into the words that griffe knows."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Make `Example:` a section, and roles code."""
        if obj.docstring:
            text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
            obj.docstring.value = re.sub(r":(?:class|meth|func|data|mod):`~?([^`]+)`", r"`\1`", text)

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Name the options in place of `**options: Unpack[...]`, as `help()` does."""
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
