"""Spreads work over a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import ray

Item = TypeVar("Item")
Result = TypeVar("Result")

_ITEMS_PER_CORE = 2
"""Items submitted at a time for each core. With more than one, no core waits for the driver."""


def run_all(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    """Apply ``function`` to each item, on one core each. Yields ``(item, result)`` in order of completion.

    Uses the Ray that is running in this process, or else the cluster at ``RAY_ADDRESS``, or else a new one on
    this computer. Tasks that are lost with a computer are run again.

    Args:
        function: A function of one item that Ray can pickle.
        items: The items. They are consumed as cores become free.

    Raises:
        OSError: If the process of a task died and Ray gave up on the task.
    """
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    remote = ray.remote(num_cpus=1)(function)  # Ray sets OMP_NUM_THREADS to the number of cores
    rest, running = iter(items), dict[Any, Item]()
    while True:
        cores = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
        n_free = _ITEMS_PER_CORE * int(cores) - len(running)
        for item in islice(rest, max(0, n_free)):
            running[remote.remote(item)] = item
        if not running:
            return
        (done,), _ = ray.wait(list(running), num_returns=1)
        try:
            yield running.pop(done), ray.get(done)
        except ray.exceptions.WorkerCrashedError as error:
            raise OSError("a worker process died; run the same command again to resume") from error
