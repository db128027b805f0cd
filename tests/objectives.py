"""Objectives of the searches in tests of ``lcstop run``."""

import time
from collections.abc import Iterator
from pathlib import Path


def curve(level: float, kind: str = "a", pause: float = 0.0) -> Iterator[float]:
    """Yields values without end. The search ends it at the horizon."""
    print("a line of the objective")
    step = 0
    while True:
        step += 1
        time.sleep(pause)
        yield level * (1 - 0.7**step) + (0.01 if kind == "b" else 0.0)


def of_length(level: float, n: int) -> Iterator[float]:
    assert n == 30
    return curve(level)


def short(level: float, kind: str) -> Iterator[float]:
    yield from (level, level / 2)


def diverges(level: float, kind: str) -> Iterator[float]:
    yield from ([float("nan")] * 2 if level < 0.5 else [level] * 2)


def fails_at_first(level: float, kind: str) -> Iterator[float]:
    yield level
    raise RuntimeError("no memory\nat all")


def fails_once(level: float, kind: str, marker: str) -> Iterator[float]:
    """Fails in the third trial that starts, and only there."""
    with Path(marker).open("a") as file:
        file.write("x")
    if Path(marker).read_text() == "xxx":
        raise RuntimeError("no memory")
    yield level


def returns(level: float, kind: str) -> float:
    return level


def yields_text(level: float, kind: str) -> Iterator[str]:
    yield "good"
