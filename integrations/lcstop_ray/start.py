"""What a search needs to start: metric, mode and horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lcstop import PrunerConfig, PrunerCore
from lcstop_ray.results import DIRECTIONS
from lcstop_ray.search_state import SearchState


def check_mode(mode: str | None) -> None:
    """Check a mode that may not be known yet.

    Raises:
        ValueError: If it is neither ``min`` nor ``max`` nor None.
    """
    if mode not in (None, *DIRECTIONS):
        raise ValueError(f"mode must be 'min' or 'max', got {mode=}")


def core_of_stop(options: Mapping[str, Any], stop: Any, time_attr: str) -> PrunerCore | None:
    """The core of a scheduler that was given no horizon; None if Ray's stop does not say it either.

    Args:
        options: The options of the scheduler, without the horizon.
        stop: ``stop`` of ``tune.RunConfig``.
        time_attr: Name of the result that counts the steps.

    Raises:
        ValueError: If the horizon in ``stop`` is not allowed.
    """
    if not isinstance(stop, Mapping) or time_attr not in stop:
        return None
    return PrunerCore(PrunerConfig.from_record({**options, "horizon": stop[time_attr]}))


def start_search(
    core: PrunerCore | None, time_attr: str, metric: str | None, mode: str | None, n_trials: int | None
) -> SearchState:
    """A search that starts, with its networks loaded.

    Args:
        core: The core of the scheduler; None while the horizon is unknown.
        time_attr, metric, mode: As in :class:`lcstop_ray.LCPFNScheduler`.
        n_trials: Number of trials of the search, which is used if the options do not say it; None if unknown.

    Raises:
        ValueError: If the metric, the mode or the horizon is unknown.
    """
    if not metric or not mode:
        raise ValueError(
            "LCPFNScheduler needs metric and mode, as its own arguments or in tune.TuneConfig, "
            f"got {metric=}, {mode=}"
        )
    if core is None:
        raise ValueError(
            f"LCPFNScheduler needs the horizon, the {time_attr!r} at the end of a full trial: "
            f"pass horizon=..., or stop={{{time_attr!r}: ...}} to tune.RunConfig"
        )
    if core.config.keep is not None and core.config.n_trials is None and n_trials is not None:
        core = PrunerCore(core.config.model_copy(update={"n_trials": n_trials}))
    core.warm_up()  # at the first result, Ray would warn of a slow scheduler
    return SearchState(core, time_attr, metric, mode)
