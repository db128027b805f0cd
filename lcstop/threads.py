"""Torch on one thread, for work too small for more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread, without gradients or autocast, and afterwards all as the user has set it.

    On a machine that trains, threads that wait for each other wait for the training: a forecast of 3
    milliseconds then takes 300. The lock keeps two forecasts from restoring each other's setting.
    """
    with _lock:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode(), torch.autocast("cpu", enabled=False):
                yield
        finally:
            torch.set_num_threads(before)
