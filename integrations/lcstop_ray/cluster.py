"""Spreads work over a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import ray

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Items handed out at a time for each core, so that none waits for the driver."""


def run_all(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
    """Apply ``function`` to each item, on one core each; each item with its result as it is finished.

    Joins the cluster that ``RAY_ADDRESS`` names, or starts one on this computer, unless Ray runs already.
    Work that is lost with a computer is done again.

    Raises:
        OSError: If a task is lost for good.
    """
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    remote = ray.remote(num_cpus=1)(function)  # with one core Ray gives one thread
    rest, running = iter(items), dict[Any, Item]()
    while True:
        cores = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
        room = _AHEAD * int(cores) - len(running)
        for item in islice(rest, max(0, room)):
            running[remote.remote(item)] = item
        if not running:
            return
        (done,), _ = ray.wait(list(running), num_returns=1)
        try:
            yield running.pop(done), ray.get(done)
        except ray.exceptions.WorkerCrashedError as error:
            raise OSError("a process died; the same command again goes on from what is finished") from error
