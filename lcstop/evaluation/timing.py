"""How long one forecast takes on one thread, alone and in a batch, while nothing else of the run works."""

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
"""Curves of a batch."""

_OBSERVED, _HORIZON = 50, 100
_PATIENCE = 5.0
"""Seconds after which no further repetition is begun."""

_SLOW = 0.1
"""Seconds for one curve from which a batch is not tried: it would say the same, and take long."""


@dataclass(frozen=True)
class Latency:
    """Seconds of a forecast of the last of 100 points from the first 50, on one thread.

    Attributes:
        alone: For one curve, median.
        in_batch: For each curve of a batch of :data:`BATCH`, median; None where one alone is slow.
    """

    alone: float
    in_batch: float | None


def latencies(surrogates: Sequence[str], pool: Executor) -> dict[str, Latency]:
    """Time each surrogate in a process of ``pool``, one after another."""
    return {surrogate: pool.submit(_measure, surrogate).result() for surrogate in surrogates}


def _measure(spec: str) -> Latency:
    steps = np.arange(1.0, _OBSERVED + 1)
    values = draw_curves(BATCH, np.random.default_rng(0), steps).clip(0, 1)
    curves = [Curve(steps, row, _HORIZON) for row in values]
    surrogate = loaded(spec)
    alone = _median_seconds(surrogate, [[curve] for curve in curves])
    in_batch = _median_seconds(surrogate, [curves] * 10) / BATCH if alone < _SLOW else None
    return Latency(alone, in_batch)


def _median_seconds(surrogate: Surrogate, batches: list[list[Curve]]) -> float:
    scale, seconds = MetricScale("maximize", 0.0, 1.0), list[float]()
    surrogate.forecast(batches[0], [_HORIZON], scale)  # what is made once and kept is not part of it
    started = time.perf_counter()
    for batch in batches:
        begun = time.perf_counter()
        surrogate.forecast(batch, [_HORIZON], scale)
        seconds.append(time.perf_counter() - begun)
        if time.perf_counter() - started > _PATIENCE:
            break
    return median(seconds)
