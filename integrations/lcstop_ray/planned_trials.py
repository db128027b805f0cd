"""How many trials a search of Ray Tune will have."""

from __future__ import annotations

import sys
from typing import Any


def planned_trials(tune_controller: Any) -> int | None:
    """Number of trials of a search, grid and ``num_samples`` together; None if it is unknown or has no limit.

    Args:
        tune_controller: What Ray passes to a scheduler; its searcher knows the number. None outside of Ray.

    Example:
        >>> from types import SimpleNamespace as Namespace
        >>> planned_trials(Namespace(search_alg=Namespace(total_samples=20))), planned_trials(None)
        (20, None)
    """
    total = getattr(getattr(tune_controller, "search_alg", None), "total_samples", None)
    # Ray stands sys.maxsize for num_samples=-1, before it multiplies it by the size of a grid.
    return total if isinstance(total, int) and 0 < total < sys.maxsize else None
