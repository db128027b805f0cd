"""Torch on threads of its own, for work too small for torch's own parallel loops."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")

_AT_ONCE = 2

_lock = threading.Lock()
_pools: list[ThreadPoolExecutor] = []  # of one thread each


def apart(work: Callable[[], T]) -> T:
    """What ``work`` returns, done on a thread on which torch uses no other.

    On a machine that trains, threads that wait for each other wait for the training: a forecast of 3
    milliseconds then takes 300. The number of threads cannot be set for a while and set back: a thread of the
    user's that meets torch for the first time in between would keep it for good. And what the user has set
    for a thread (autocast, gradients, the default device) does not hold on another. A process that was forked
    from one whose torch had threads waits for them for ever as soon as it wants several of its own.

    Example:
        >>> apart(torch.get_num_threads)
        1
    """
    return apart_each([work])[0]


def apart_each(works: Sequence[Callable[[], T]]) -> list[T]:
    """What each of ``works`` returns, done as :func:`apart` does, on two threads where there are several.

    They wait for each other once, at the end, not at every operation.

    Example:
        >>> apart_each([torch.get_num_threads] * 3)
        [1, 1, 1]
    """
    pools = _the_pools(min(len(works), _AT_ONCE))
    return [future.result() for future in [pools[i % len(pools)].submit(w) for i, w in enumerate(works)]]


def _the_pools(n: int) -> list[ThreadPoolExecutor]:
    with _lock:
        while len(_pools) < n:
            pool = ThreadPoolExecutor(1, thread_name_prefix="lcstop")
            before = pool.submit(torch.get_num_threads).result()
            pool.submit(torch.set_num_threads, 1).result()
            # That also told torch what threads begin with from now on. Another new thread sets it back, so
            # that neither the first one nor one of the user's is concerned.
            back = threading.Thread(target=torch.set_num_threads, args=(before,))
            back.start()
            back.join()
            _pools.append(pool)
        return _pools[:n]


def _forget() -> None:
    """In a forked process there is no such thread, and nobody to release the lock."""
    global _lock, _pools
    _lock, _pools = threading.Lock(), []


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forget)
