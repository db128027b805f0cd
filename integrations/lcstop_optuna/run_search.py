"""``lcstop run`` with Optuna: runs a search file, and resumes it when it is run again."""

from __future__ import annotations

import json
import math
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError

from lcstop._utils.progress import search_progress
from lcstop.config.parameter import Parameter
from lcstop.config.search_config import Objective, ObjectiveError, SearchConfig, SearchResult
from lcstop_optuna.convergence import converged
from lcstop_optuna.pruner import LCPFNPruner

SEARCH_ATTR = "lcstop_search"
"""User attribute of the study that holds its search configuration, as JSON."""

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)

_HEARTBEAT_SECONDS = 10
"""Interval at which a running trial updates its heartbeat in the storage."""

_GRACE_SECONDS = 60
"""Time without a heartbeat after which other processes count a trial as failed."""


def run_search(config: SearchConfig, console: Console) -> SearchResult:
    """Run the missing trials of the study. Several processes may run the same search at once.

    A trial in which the objective raises does not count, and the search goes on. It ends if no trial has
    succeeded before, because the objective itself is then probably wrong.

    Args:
        config: The search.
        console: Where progress and failures are shown.

    Raises:
        ObjectiveError: If the objective fails in the first trial of the study.
        ValueError: If the objective or the storage cannot be used, or the study was started with another
            configuration.
    """
    start = time.perf_counter()
    objective = config.load_objective()
    with _quiet_optuna():
        study = _open(config)
        search = _Search(config, objective, study)
        missing = config.n_trials - len(search.ended)
        if missing > 0:
            with search_progress(console) as progress:
                search.run(missing, console, progress)
        return search.result(time.perf_counter() - start)


class _Search:
    """One run: the objective for Optuna, its progress display, and its failures."""

    def __init__(self, config: SearchConfig, objective: Objective, study: optuna.Study) -> None:
        self._config, self._objective, self._study = config, objective, study
        self._failures: list[tuple[int, Exception]] = []

    @property
    def ended(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=_ENDED)

    def run(self, n_trials: int, console: Console, progress: Any) -> None:
        self._console, self._progress = console, progress
        before = self.ended
        self._epochs = sum(len(trial.intermediate_values) for trial in before)
        self._task = progress.add_task(
            self._config.study, total=self._config.n_trials, completed=len(before), **self._columns(before)
        )
        max_trials = optuna.study.MaxTrialsCallback(self._config.n_trials, states=_ENDED)
        self._study.optimize(
            self._run_trial, n_trials, catch=(Exception,), callbacks=[max_trials, self._after_trial]
        )
        if self._failures and not self.ended:
            number, error = self._failures[0]
            raise ObjectiveError(
                f"the objective failed in the first trial, {number}: {_in_one_line(error)}"
            ) from error

    def _run_trial(self, trial: optuna.Trial) -> float:
        config, values = self._config, list[float]()
        params = {name: _suggest(trial, name, space) for name, space in config.space.items()}
        try:
            for value in config.curve(self._objective, params):
                values.append(value)
                trial.report(value, len(values))
                if trial.should_prune():
                    raise optuna.TrialPruned
                self._progress.update(self._task, epochs=self._epochs + len(values))
                if converged(trial):
                    break
            if not values:
                raise ValueError(f"{config.objective} has yielded no value")
        except optuna.TrialPruned:
            raise
        except Exception as error:
            self._failures.append((trial.number, error))
            self._console.print(
                f"trial {trial.number} failed: {_in_one_line(error)}",
                style="red",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            raise
        value = config.value(values)
        if not math.isfinite(value):
            raise optuna.TrialPruned  # the trial has diverged; the objective has not failed
        return value

    def _after_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        ended = self.ended
        if not ended and trial.state == TrialState.FAIL:
            study.stop()
        self._epochs = sum(len(trial.intermediate_values) for trial in ended)
        self._progress.update(self._task, completed=len(ended), **self._columns(ended))

    def _columns(self, ended: list[FrozenTrial]) -> dict[str, Any]:
        best = self._best(ended)
        return {
            "best": math.nan if best is None else best.value,
            "epochs": self._epochs,
            "saved": sum(self._config.n_steps(trial.params) for trial in ended) - self._epochs,
        }

    def _best(self, ended: list[FrozenTrial]) -> FrozenTrial | None:
        finished = [trial for trial in ended if trial.state == TrialState.COMPLETE]
        sign = 1 if self._config.direction == "maximize" else -1
        return max(finished, key=lambda trial: sign * trial.values[0], default=None)

    def result(self, seconds: float) -> SearchResult:
        ended = self.ended
        best = self._best(ended)
        return SearchResult(
            study=self._config.study,
            storage=self._config.storage,
            metric=self._config.metric,
            n_trials=len(ended),
            n_stopped=sum(trial.state == TrialState.PRUNED for trial in ended),
            n_failed=len(self._failures),
            steps=sum(len(trial.intermediate_values) for trial in ended),
            steps_unpruned=sum(self._config.n_steps(trial.params) for trial in ended),
            seconds=seconds,
            best=None if best is None else best.values[0],
            best_trial=None if best is None else best.number,
            best_params={} if best is None else best.params,
        )


def _suggest(trial: optuna.Trial, name: str, space: Parameter) -> Any:
    if space.choices is not None:
        return trial.suggest_categorical(name, space.choices)
    low, high = space.bounds
    if space.type == "int":
        return trial.suggest_int(name, int(low), int(high), log=space.log)
    return trial.suggest_float(name, low, high, log=space.log)


def _open(config: SearchConfig) -> optuna.Study:
    """Create or resume the study; raise ``ValueError`` if it was started with another configuration."""
    study = _create(config, LCPFNPruner(**_options(config)))
    stored = study.user_attrs.get(SEARCH_ATTR)
    if stored is None and study.get_trials(deepcopy=False):
        raise ValueError(f"study: {config.study!r} is in the storage and was not started by `lcstop run`")
    changes = [] if stored is None else config.changes(json.loads(stored), ignore="n_trials")
    if changes:
        raise ValueError(
            f"study {config.study!r} was started with another configuration: {'; '.join(changes)}. "
            "Use that configuration, or give the new search another name"
        )
    study.set_user_attr(SEARCH_ATTR, config.model_dump_json())
    study.sampler = _sampler(config, len(study.get_trials(deepcopy=False)))
    return study


def _options(config: SearchConfig) -> dict[str, Any]:
    """The options of the pruner. ``keep`` is told how many trials there will be."""
    options = config.pruner.model_dump()
    if config.pruner.keep is not None and config.pruner.n_trials is None:
        options["n_trials"] = config.n_trials
    return options


def _create(config: SearchConfig, pruner: LCPFNPruner, attempts: int = 3) -> optuna.Study:
    """The study of that name in the storage. It is created if it does not exist."""
    try:
        database = make_url(config.storage)
        if database.drivername.startswith("sqlite") and database.database:
            Path(database.database).parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # Heartbeats are experimental in Optuna. They mark the trials of a killed process as failed.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = optuna.storages.RDBStorage(
                config.storage, heartbeat_interval=_HEARTBEAT_SECONDS, grace_period=_GRACE_SECONDS
            )
        return optuna.create_study(
            storage=storage,
            study_name=config.study,
            direction=config.direction,
            pruner=pruner,
            load_if_exists=True,
        )
    except Exception as error:
        # If several processes start at once, one creates the tables and the others may find half of them.
        if attempts > 1 and isinstance(error, (DatabaseError, optuna.exceptions.StorageInternalError)):
            time.sleep(1)
            return _create(config, pruner, attempts - 1)
        # Drivers raise many types of errors. The user can only change the URL.
        cause = str(error).partition("\n")[0]
        raise ValueError(f"storage: cannot use {config.storage!r}: {cause}") from error


def _sampler(config: SearchConfig, n_trials: int) -> optuna.samplers.BaseSampler:
    """The sampler. A resumed search has another seed, so that it does not repeat its first trials."""
    seed = config.seed
    if seed is not None and n_trials:
        seed = int(np.random.SeedSequence([seed, n_trials]).generate_state(1)[0])
    if config.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def _in_one_line(error: Exception) -> str:
    """Type and message of an exception, and the line of code that raised it."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words} ({place.filename}:{place.lineno})"


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Silence Optuna's log, which would break up the progress display."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
