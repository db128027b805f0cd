"""Adapters of frameworks, found through entry points and imported on demand.

A package declares its adapter in the entry-point group ``lcstop.adapters``, under the name of the framework.
The adapter is a module with some of these functions. They take no arguments and import what they need:

- ``study_reader()`` returns a function that reads a recorded study,
- ``search_runner()`` returns ``run_search(config, console)``, which runs a search file,
- ``demo_runner()`` returns ``run_demo(storage, out, n_trials, n_epochs, console)``,
- ``rule_source()`` returns the rules of the framework as a :class:`lcstop.benchmark.settings.RuleSource`,
- ``searcher()`` returns what searches recorded studies with the samplers of the framework, as a
  :class:`lcstop.benchmark.search_work.Searcher`,
- ``executor()`` returns ``run_all(function, items)``, which runs work on a cluster.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

GROUP = "lcstop.adapters"


def names() -> list[str]:
    """Names of the installed adapters."""
    return sorted(_entry_points())


def provided_by(name: str, part: str, needed_by: str = "this command", extra: str | None = None) -> Any:
    """The return value of a function of an adapter.

    Args:
        name: Name of the adapter.
        part: Name of the function.
        needed_by: Subject of error messages, such as an option.
        extra: Extras of ``lcstop`` named in the error if a module is missing; by default the adapter's name.

    Raises:
        ValueError: If there is no such adapter, it has no such function, or a module that it needs is
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
        adapter = entry.load()
        if not hasattr(adapter, part):
            raise ValueError(f"{needed_by} needs {part}, which the adapter {name!r} does not have")
        return getattr(adapter, part)()
    except ModuleNotFoundError as error:
        ours = entry.dist is not None and entry.dist.name == "lcstop"
        package = f"'lcstop[{extra or name}]'" if ours else error.name
        raise ValueError(f"{needed_by} needs {error.name}: pip install {package}") from error


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
