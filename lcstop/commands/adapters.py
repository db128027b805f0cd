"""Adapters of frameworks: found through entry points, imported when a command needs one.

A package declares its adapter in the entry-point group ``lcstop.adapters``, under the name of the framework.
The adapter is a module with some of these functions. None takes an argument; each imports what it needs:

- ``study_reader()`` returns the function that reads a study on record,
- ``search_runner()`` returns ``run_search(config, console)``, which runs a search file,
- ``demo_runner()`` returns ``run_demo(storage, out, n_trials, n_epochs, console)``,
- ``rule_source()`` returns the framework's rules as a :class:`lcstop.benchmark.settings.RuleSource`,
- ``executor()`` returns ``run_all(function, items)``, which spreads work over a cluster.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

GROUP = "lcstop.adapters"


def names() -> list[str]:
    """Names of the installed adapters."""
    return sorted(_entry_points())


def provided_by(name: str, part: str, needed_by: str = "this command", extra: str | None = None) -> Any:
    """What a function of an adapter returns.

    Args:
        name: Of the adapter.
        part: Name of the function.
        needed_by: What an error says needs it.
        extra: Extras of ``lcstop`` that bring what the part needs; the adapter's name if None.

    Raises:
        ValueError: If there is no such adapter, it has no such part, or a module that it needs is
            not installed.
    """
    found = _entry_points()
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise ValueError(
            f"{needed_by} needs the adapter {name!r}, which is not installed; installed: {known}"
        )
    entry = found[name]
    try:
        adapter = entry.load()
        if not hasattr(adapter, part):
            raise ValueError(f"{needed_by} needs {part} of the adapter {name!r}, which has none")
        return getattr(adapter, part)()
    except ModuleNotFoundError as error:
        ours = entry.dist is not None and entry.dist.name == "lcstop"
        package = f"'lcstop[{extra or name}]'" if ours else error.name
        raise ValueError(f"{needed_by} needs {error.name}: pip install {package}") from error


def _entry_points() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
