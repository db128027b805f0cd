"""Reads a study from Optuna's storage, for ``explain`` and ``report``."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from lcstop.curves.first_step import study_counts_from_0
from lcstop.review.recorded_study import RecordedStudy, longest
from lcstop.review.recorded_trial import RecordedTrial, State
from lcstop.review.wait import Wait
from lcstop_optuna.chains import Chain, chains_of, joined, links_of
from lcstop_optuna.judgements import is_stopped, is_waiting, records_of, suppressed_stop_of
from lcstop_optuna.other_trials import direction_of
from lcstop_optuna.trials import (
    CONFIG_ATTR,
    LCSTOP_ATTRS,
    REASON_ATTR,
    check_single_objective,
    is_infeasible,
    to_curve,
)

_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "stopped",
    TrialState.RUNNING: "running",
    TrialState.FAIL: "failed",
}


def read_storage(storage: str, name: str | None = None, horizon: float | str | None = None) -> RecordedStudy:
    """Read a study from a storage. Nothing is created or upgraded there.

    Args:
        storage: The storage's URL, such as ``sqlite:///study.db``, or the path of a Journal file.
        name: The study's name. May be left out if the storage holds one study.
        horizon: See :func:`read_study`.

    Raises:
        ValueError: If the storage cannot be used, has no such study, or :func:`read_study` raises it.
    """
    with _opened(storage) as opened:
        names = [study.study_name for study in opened.get_all_studies()]
        if name is None and len(names) == 1:
            (name,) = names
        if name is None or name not in names:
            which = "--study says which" if name is None else f"there is no study {name!r}"
            raise ValueError(f"{which}: {storage} has {', '.join(map(repr, names)) or 'none'}")
        return read_study(optuna.load_study(study_name=name, storage=opened), horizon)


def read_study(study: optuna.Study, horizon: float | str | None = None) -> RecordedStudy:
    """Convert a study that ran with any pruner.

    A finished trial without reports has one point: its result, at the horizon. Other trials without reports
    are left out. If ``horizon`` is a name, so are trials without a horizon under that name.

    Args:
        study: A study with one objective.
        horizon: Last step of a full trial, or the name of the hyperparameter or user attribute that holds
            it. Default: the horizon that ``LCPFNPruner`` has stored in the study; without one, the last step
            of the longest trial.

    Raises:
        ValueError: If the study has more than one objective, or no trial has reported a finite value.

    Example:
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(study_name="tuning")
        >>> study.add_trial(optuna.create_trial(value=0.1, intermediate_values={0: 0.3, 1: 0.1}))
        >>> recorded = read_study(study)
        >>> recorded.trials[0].curve.steps.tolist(), recorded.direction, recorded.trials[0].state
        ([1.0, 2.0], 'minimize', 'finished')
    """
    check_single_objective(study)
    everyone = study.get_trials(deepcopy=False)
    trials = [t for t in everyone if t.state in _STATES]
    if not any(math.isfinite(value) for t in trials for value in t.intermediate_values.values()):
        raise ValueError(
            f"study {study.study_name!r} has no curve: none of its {len(trials)} trials has reported "
            "a finite value with trial.report()"
        )
    options = study.user_attrs.get(CONFIG_ATTR)
    from_0 = study_counts_from_0(trial.intermediate_values for trial in trials)
    if horizon is None:
        stored = (options or {}).get("horizon")
        horizon = stored or longest((trial.intermediate_values for trial in trials), from_0=from_0)
    now = time.time()
    return RecordedStudy(
        study.study_name,
        "Optuna",
        (study.metric_names or ["value"])[0],
        "step",
        direction_of(study),
        [
            recorded
            for chain in chains_of(everyone, links_of(study, everyone))
            if (recorded := _recorded(chain, horizon, from_0, now))
        ],
        options,
    )


def _recorded(chain: Chain, horizon: float | str, from_0: bool, now: float) -> RecordedTrial | None:
    trial, start = chain.trial, chain.parts[0].datetime_start
    try:
        curve = to_curve(trial, horizon, from_0)
    except ValueError:
        return None  # the trial's horizon is unknown
    if trial.state not in _STATES or start is None or not len(curve):
        return None
    attrs = {name: value for name, value in trial.user_attrs.items() if name not in LCSTOP_ATTRS}
    has_ended = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    ours = has_ended and (is_stopped(trial) or is_waiting(trial))
    reason = trial.user_attrs.get(REASON_ATTR) if ours else None
    is_result = ours and trial.state == TrialState.COMPLETE and not is_infeasible(trial)
    return RecordedTrial(
        chain.number,
        curve,
        "stopped" if ours else _STATES[trial.state],
        start.timestamp(),
        trial.datetime_complete.timestamp() if trial.datetime_complete else now,
        None if reason is None else str(reason),
        attrs,
        suppressed_stop=suppressed_stop_of(trial, from_0),
        judgements=records_of(trial, from_0),
        is_infeasible=trial.state == TrialState.COMPLETE and is_infeasible(trial),
        has_curve=bool(trial.intermediate_values),
        result=trial.value if is_result else None,
        waits=_waits(chain, from_0),
        steps_again=chain.steps_again(from_0),
    )


def _waits(chain: Chain, from_0: bool) -> list[Wait]:
    """The waits of a trial that has gone on."""
    found = []
    for i, (part, following) in enumerate(pairwise(chain.parts)):
        start, end = part.datetime_complete, following.datetime_start
        before = joined(chain.parts[: i + 1]).intermediate_values
        if start is None or end is None or not before:
            continue
        first = min(following.intermediate_values, default=max(before) + 1)
        from_step = max((step for step in before if step < first), default=-from_0)
        at = max(before) + from_0, start.timestamp(), end.timestamp()
        found.append(Wait(*at, from_step + from_0, following.number))
    return found


def _journal_file(path: str) -> Any:
    """What reads a Journal file. The module is new in Optuna 4.0."""
    try:
        from optuna.storages.journal import JournalFileBackend
    except ModuleNotFoundError:
        return optuna.storages.JournalFileStorage(path)
    return JournalFileBackend(path)


@contextlib.contextmanager
def _opened(url: str) -> Iterator[optuna.storages.BaseStorage]:
    journal = url.removeprefix("journal://")
    if Path(journal).is_file():  # as Optuna's own command line does
        yield optuna.storages.JournalStorage(_journal_file(journal))
        return
    if "://" not in url or journal != url:
        raise ValueError(
            f"there is no file {journal}: a storage is the URL of a database, such as sqlite:///study.db, or "
            "the path of a Journal file"
        )
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.is_file():
        raise ValueError(f"there is no file {path}")  # SQLite would create it
    try:
        storage = optuna.storages.RDBStorage(url, skip_table_creation=True)
        storage.get_all_studies()
    except Exception as error:
        # Drivers raise many types of errors. The user can only change the URL.
        first = str(error).strip().partition("\n")[0]
        raise ValueError(f"cannot use the storage {url}: {first}") from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()
