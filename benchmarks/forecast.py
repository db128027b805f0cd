"""Time of a forecast of the shipped surrogate, compared with a power law and MCMC in the same run.

    python benchmarks/forecast.py [lcpfn:WEIGHTS]

The last of 100 points is forecast from the first 50, for curves of the prior. The network is timed alone and
in turn with the power law, which empties the caches. The ratios are those in turn. MCMC is timed as shipped,
all walkers at once, and as published, walker by walker. It needs ``lcstop[mcmc]``, and the curves of the
prior need ``lcstop[train]``. Everything runs on one thread.
"""

import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table
from speed import interleaved, machine

from lcstop import Curve, MetricScale, Surrogate
from lcstop.evaluation.cases import prior_values
from lcstop.evaluation.specs import load
from lcstop.nn.weights import SHIPPED, read_weights
from lcstop.surrogates.mcmc import MCMC
from lcstop.surrogates.network_config import NetworkConfig

OBSERVED, HORIZON = 50, 100
REPETITIONS = {1: 1000, 10: 200, 100: 50, 1000: 5}


def milliseconds(surrogates: list[Surrogate], n: int, repetitions: int) -> list[float]:
    """Median time of a forecast of ``n`` curves at once, by surrogate. The surrogates run in turn."""
    steps, scale = np.arange(1.0, OBSERVED + 1), MetricScale("maximize", 0.0, 1.0)
    curves = [Curve(steps, row[:OBSERVED], HORIZON) for row in prior_values(n, seed=0, length=HORIZON)]
    calls = [partial(one.forecast, curves, [HORIZON], scale) for one in surrogates]
    found: list[float] = (1e3 * np.median(interleaved(calls, repetitions), axis=1)).tolist()
    return found


def import_seconds(module: str) -> float:
    """Time of an import, median of five new interpreters, without their start."""
    code = f"import time; start = time.perf_counter(); import {module}; print(time.perf_counter() - start)"
    command = [sys.executable, "-c", code]
    return median(float(subprocess.check_output(command)) for _ in range(5))  # noqa: S603


def main(spec: str) -> None:
    """Print the tables."""
    console, path = Console(), Path(spec.partition(":")[2] or SHIPPED / "lcpfn.safetensors")
    size = sum(tensor.size for tensor in read_weights(path, NetworkConfig)[1].values())
    console.print(machine())
    console.print(f"{size / 1e6:.2f} M parameters, {path.stat().st_size / 1e6:.1f} MB on disk")
    console.print(
        "import: " + ", ".join(f"{m} {import_seconds(m):.2f} s" for m in ("lcstop", "numpy", "torch"))
    )
    table = Table(title="Milliseconds of a forecast, medians; how much longer the others take")
    titles = ("curves", "alone", "in turn", "each", "powerlaw", "mcmc", "walker by walker")
    for title in titles:
        table.add_column(title, justify="right")
    surrogate, peer = load(spec), load("powerlaw")
    slow = milliseconds([MCMC(), MCMC(vectorize=False)], 1, 3)
    for n, repetitions in REPETITIONS.items():
        (alone,) = milliseconds([surrogate], n, repetitions)
        ours, theirs = milliseconds([surrogate, peer], n, repetitions)
        each = ours / n
        peers = [f"{x / each:,.0f} x" for x in (theirs / n, *slow)]
        table.add_row(f"{n:,}", f"{alone:.2f}", f"{ours:.2f}", f"{each:.2f}", *peers)
    console.print(table)
    console.print(f"mcmc takes {slow[0]:.0f} ms with all walkers at once, {slow[1]:,.0f} walker by walker")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["lcpfn"])
