"""What runs in this process: its trials, and the callbacks that take up waiting ones."""

from __future__ import annotations

from weakref import WeakSet

import optuna

CALLBACKS: WeakSet[object] = WeakSet()
"""Each :class:`lcstop_optuna.PauseResume`. Without one, a trial that waits would never go on."""

_STARTED: set[tuple[str, int]] = set()


def add(study: optuna.Study, number: int) -> None:
    """A trial runs in this process."""
    _STARTED.add((study.study_name, number))


def is_here(study: optuna.Study, number: int) -> bool:
    """Whether a trial has run in this process."""
    return (study.study_name, number) in _STARTED
