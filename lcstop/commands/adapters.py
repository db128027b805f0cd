"""Adapters of frameworks, found through entry points and imported on demand.

A package declares its adapter in the entry-point group ``lcstop.adapters``, under the name of the framework.
The adapter is a module whose ``PARTS`` name some of these objects, each as ``"module:object"``:

- ``study_reader``, a function that reads a recorded study,
- ``search_runner``, ``run_search(config, console)``, which runs a search file,
- ``demo_runner``, ``run_demo(storage, out, n_trials, n_epochs, console)``,
- ``rule_source``, the rules of the framework as a :class:`lcstop.benchmark.settings.RuleSource`,
- ``searcher``, what searches recorded studies with the samplers of the framework, as a
  :class:`lcstop.benchmark.search_work.Searcher`,
- ``executor``, ``run_all(function, items)``, which runs work on a cluster.

``lcstop bench`` and ``lcstop demo`` use the adapters of any package. ``lcstop run``, ``explain`` and
``report`` know the frameworks of this one: search files and options say what each of them needs.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pkgutil import resolve_name
from typing import Any

GROUP = "lcstop.adapters"


def names() -> list[str]:
    """Names of the installed adapters."""
    return sorted(_entry_points())


def provided_by(name: str, part: str, needed_by: str = "this command", extra: str | None = None) -> Any:
    """A part of an adapter.

    Args:
        name: Name of the adapter.
        part: Name of the part.
        needed_by: Subject of error messages, such as an option.
        extra: Extras of ``lcstop`` named in the error if a module is missing; by default the adapter's name.

    Raises:
        ValueError: If there is no such adapter, it has no such part, or a module that it needs is
            not installed.
    """
    installed = _entry_points()
    if name not in installed:
        known = ", ".join(sorted(installed)) or "none"
        raise ValueError(
            f"{needed_by} needs the adapter {name!r}, which is not installed; installed: {known}"
        )
    entry = installed[name]
    try:
        parts = entry.load().PARTS
        if part not in parts:
            raise ValueError(f"{needed_by} needs {part}, which the adapter {name!r} does not have")
        return resolve_name(parts[part])
    except ModuleNotFoundError as error:
        ours = entry.dist is not None and entry.dist.name == "lcstop"
        package = f"'lcstop[{extra or name}]'" if ours else error.name
        raise ValueError(f"{needed_by} needs {error.name}: pip install {package}") from error


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
