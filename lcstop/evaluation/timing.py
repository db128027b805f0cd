"""Latency of a forecast on one thread, alone and in a batch, measured while the other processes are idle."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from statistics import median

import numpy as np

from lcstop.curves.curve import Curve
from lcstop.curves.scale import MetricScale
from lcstop.evaluation.forecast_work import loaded
from lcstop.surrogates import Surrogate
from lcstop.surrogates.posterior import draw_curves

BATCH = 100
"""Number of curves of a batch."""

_OBSERVED, _HORIZON = 50, 100
_MAX_SECONDS = 5.0
"""Seconds after which no further repetition starts."""

_MAX_ALONE = 0.1
"""Seconds for one curve. Above it a batch is not measured, because it would take too long."""


@dataclass(frozen=True)
class Latency:
    """Seconds for a forecast of the last of 100 points from the first 50, on one thread.

    Attributes:
        alone: Median seconds for one curve.
        in_batch: Median seconds per curve in a batch of :data:`BATCH`; None if one curve alone is slow.
    """

    alone: float
    in_batch: float | None


def latencies(surrogates: Sequence[str], pool: Executor) -> dict[str, Latency]:
    """The latency of each surrogate, measured one after another in a process of ``pool``."""
    return {surrogate: pool.submit(_measure, surrogate).result() for surrogate in surrogates}


def _measure(spec: str) -> Latency:
    steps = np.arange(1.0, _OBSERVED + 1)
    values = draw_curves(BATCH, np.random.default_rng(0), steps).clip(0, 1)
    curves = [Curve(steps, row, _HORIZON) for row in values]
    surrogate = loaded(spec)
    alone = _median_seconds(surrogate, [[curve] for curve in curves])
    in_batch = _median_seconds(surrogate, [curves] * 10) / BATCH if alone < _MAX_ALONE else None
    return Latency(alone, in_batch)


def _median_seconds(surrogate: Surrogate, batches: list[list[Curve]]) -> float:
    scale, seconds = MetricScale("maximize", 0.0, 1.0), list[float]()
    surrogate.forecast(batches[0], [_HORIZON], scale)  # fills caches, which are not part of the latency
    first_start = time.perf_counter()
    for batch in batches:
        start = time.perf_counter()
        surrogate.forecast(batch, [_HORIZON], scale)
        seconds.append(time.perf_counter() - start)
        if time.perf_counter() - first_start > _MAX_SECONDS:
            break
    return median(seconds)
