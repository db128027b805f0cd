"""``lcstop run`` with Optuna: a study that goes on where it was left, from one configuration."""

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
from lcstop.config.search_config import Objective, ObjectiveError, Parameter, SearchConfig, SearchResult
from lcstop_optuna.convergence import converged
from lcstop_optuna.pruner import LCPFNPruner

SEARCH_ATTR = "lcstop_search"
"""User attribute of the study that holds the configuration that it was begun with, as JSON."""

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)

_HEARTBEAT, _GRACE = 10, 60
"""Seconds between signs of life of a trial, and without one until another process counts it as failed."""


def run_search(config: SearchConfig, console: Console) -> SearchResult:
    """Run the trials that the study lacks; several processes may do so at a time.

    A trial in which the objective raises counts as none: the search goes on with others, unless not one
    trial has succeeded before, where the objective itself must be wrong.

    Args:
        config: The search.
        console: Where progress and failures are shown.

    Raises:
        ObjectiveError: If the objective fails in the first trial of the study.
        ValueError: If the objective or the storage cannot be used, or the study was begun otherwise.
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
    """The objective of Optuna, and what happens in one run."""

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
            self._config.study, total=self._config.n_trials, completed=len(before), **self._shown(before)
        )
        enough = optuna.study.MaxTrialsCallback(self._config.n_trials, states=_ENDED)
        self._study.optimize(
            self._run_trial, n_trials, catch=(Exception,), callbacks=[enough, self._after_trial]
        )
        if self._failures and not self.ended:
            number, error = self._failures[0]
            raise ObjectiveError(
                f"the objective failed in the first trial, {number}: {_brief(error)}"
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
                raise ValueError(f"{config.objective} has yielded nothing")
        except optuna.TrialPruned:
            raise
        except Exception as error:
            self._failures.append((trial.number, error))
            self._console.print(
                f"trial {trial.number} failed: {_brief(error)}",
                style="red",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
            raise
        value = config.value(values)
        if not math.isfinite(value):
            raise optuna.TrialPruned  # it has diverged, which is no failure of the objective
        return value

    def _after_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        ended = self.ended
        if not ended and trial.state == TrialState.FAIL:
            study.stop()
        self._epochs = sum(len(trial.intermediate_values) for trial in ended)
        self._progress.update(self._task, completed=len(ended), **self._shown(ended))

    def _shown(self, ended: list[FrozenTrial]) -> dict[str, Any]:
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
    """The study, new or as it was left, if it was begun with this configuration."""
    study = _create(config, LCPFNPruner(**config.pruner.model_dump()))
    stored = study.user_attrs.get(SEARCH_ATTR)
    if stored is None and study.get_trials(deepcopy=False):
        raise ValueError(f"study: {config.study!r} is in the storage and was not begun by `lcstop run`")
    changes = [] if stored is None else config.changes(json.loads(stored), but="n_trials")
    if changes:
        raise ValueError(
            f"study {config.study!r} was begun otherwise: {'; '.join(changes)}; "
            "go on with that configuration, or give the new search another name"
        )
    study.set_user_attr(SEARCH_ATTR, config.model_dump_json())
    study.sampler = _sampler(config, len(study.get_trials(deepcopy=False)))
    return study


def _create(config: SearchConfig, pruner: LCPFNPruner, attempts: int = 3) -> optuna.Study:
    """The study of that name in the storage, made if it is not there."""
    try:
        database = make_url(config.storage)
        if database.drivername.startswith("sqlite") and database.database:
            Path(database.database).parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            # Heartbeats are Optuna's own way to tell a trial that runs from one whose process was killed.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = optuna.storages.RDBStorage(
                config.storage, heartbeat_interval=_HEARTBEAT, grace_period=_GRACE
            )
        return optuna.create_study(
            storage=storage,
            study_name=config.study,
            direction=config.direction,
            pruner=pruner,
            load_if_exists=True,
        )
    except Exception as error:
        # Of processes that start together, all but one find tables that are only half made.
        if attempts > 1 and isinstance(error, (DatabaseError, optuna.exceptions.StorageInternalError)):
            time.sleep(1)
            return _create(config, pruner, attempts - 1)
        # Whatever a database and its driver raise, the URL is what the user can change.
        cause = str(error).partition("\n")[0]
        raise ValueError(f"storage: cannot use {config.storage!r}: {cause}") from error


def _sampler(config: SearchConfig, n_trials: int) -> optuna.samplers.BaseSampler:
    """A sampler that, when a search goes on, does not draw the trials from its beginning again."""
    seed = config.seed
    if seed is not None and n_trials:
        seed = int(np.random.SeedSequence([seed, n_trials]).generate_state(1)[0])
    if config.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


def _brief(error: Exception) -> str:
    """An exception with the place where it was raised, in one line."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words} ({place.filename}:{place.lineno})"


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """No lines of Optuna between those of the progress display."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
