"""The state of a search as ``LCPFNScheduler.save`` writes it and ``LCPFNScheduler.restore`` reads it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from lcstop import PrunerConfig
from lcstop.curves.first_step import StepCounting
from lcstop_ray.history import History
from lcstop_ray.search_state import SearchState


class SavedState(NamedTuple):
    """The state of a search.

    Attributes:
        time_attr, metric, mode: As in :class:`lcstop_ray.search_state.SearchState`.
        config: The options.
        counting: How steps are counted.
        histories: The trials, by trial id.
    """

    time_attr: str
    metric: str
    mode: str
    config: PrunerConfig
    counting: StepCounting
    histories: dict[str, History]


def write_state(search: SearchState, path: Path) -> None:
    """Write the state of a search to a JSON file.

    Raises:
        OSError: If the file cannot be written.
    """
    state = {
        "time_attr": search.time_attr,
        "metric": search.metric,
        "mode": search.mode,
        "config": search.core.config.model_dump(),
        "steps": asdict(search.counting),
        "trials": {trial_id: history.to_json() for trial_id, history in search.histories.items()},
    }
    path.write_text(json.dumps(state), encoding="utf-8")


def read_state(path: Path) -> SavedState:
    """Read what :func:`write_state` has written, of this version or an earlier one.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it was not written by :func:`write_state`.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        return SavedState(
            state["time_attr"],
            state["metric"],
            state["mode"],
            PrunerConfig.from_record(state["config"]),
            StepCounting(**state.get("steps", {})),
            {trial_id: History.from_json(trial) for trial_id, trial in state["trials"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} was not written by LCPFNScheduler.save: {error!r}") from error
