"""Public names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package.

    A name must not be that of a submodule: Python would replace it by the submodule.

    Args:
        package: Name of the package.
        modules: Module of each name.

    Example:
        >>> getattr_, dir_ = lazy_names("statistics", {"floor": "math"})
        >>> getattr_("floor")(2.5), dir_()[-1]
        (2, 'floor')
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    def names() -> list[str]:
        return [*vars(importlib.import_module(package)), *modules]

    return get, names
