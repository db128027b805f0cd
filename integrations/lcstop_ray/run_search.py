"""``lcstop run`` with Ray Tune: runs a search file, and resumes it when it is run again."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.search import Searcher
from ray.tune.search.basic_variant import BasicVariantGenerator
from rich.console import Console
from rich.progress import Progress

from lcstop._utils.progress import search_progress
from lcstop.config.parameter import Parameter
from lcstop.config.search_config import ObjectiveError, SearchConfig, SearchResult
from lcstop_ray.history import State
from lcstop_ray.results import DIRECTIONS
from lcstop_ray.scheduler import LCPFNScheduler
from lcstop_ray.trial_files import read_first_release, read_record

CONFIG_FILE = "lcstop_search.json"
"""File in the results folder that holds the search configuration, as JSON."""

_MODES = {direction: mode for mode, direction in DIRECTIONS.items()}


def run_search(config: SearchConfig, console: Console) -> SearchResult:
    """Run the search, or resume it.

    If the objective raises, its trial ends and the others go on. When the search is resumed, that trial is
    retried. Uses the Ray that is already running in this process, or else the cluster at ``RAY_ADDRESS``, or
    else a new one on this computer.

    Args:
        config: The search.
        console: Where progress and failures are shown.

    Raises:
        ObjectiveError: If the objective has failed in every trial.
        ValueError: If the objective or the storage cannot be used, or the search was started with another
            configuration.
    """
    start = time.perf_counter()
    config.load_objective()
    folder = Path(config.storage).absolute() / config.study
    resume = _can_resume(config, folder)
    # Trials run in the directory of the command, as with Optuna, so that relative paths work.
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
    # Otherwise Ray catches Ctrl-C and returns the results so far as if the search were complete.
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    with _cluster(), search_progress(console) as progress:
        callback = _SearchProgress(progress, config)
        # Ray prints a header even with verbose=0.
        with contextlib.redirect_stdout(io.StringIO()):
            new_tuner = _restored_tuner if resume else _new_tuner
            tuner = new_tuner(config, folder, callback)
            if not resume:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / CONFIG_FILE).write_text(config.model_dump_json(), encoding="utf-8")
            grid = tuner.fit()
    return _result(config, folder, grid, console, time.perf_counter() - start)


def _can_resume(config: SearchConfig, folder: Path) -> bool:
    """Whether there is an earlier run to resume; raise ``ValueError`` if the folder cannot be used."""
    if "://" in config.storage:
        raise ValueError(f"storage: must be a folder for engine: ray, got {config.storage!r}")
    stored = folder / CONFIG_FILE
    if not stored.exists():
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"study: {folder} exists and was not started by `lcstop run`")
        return False
    changes = config.changes(json.loads(stored.read_text(encoding="utf-8")))
    if changes:
        raise ValueError(
            f"study {config.study!r} was started with another configuration: {'; '.join(changes)}. "
            "Use that configuration, or give the new search another name"
        )
    return tune.Tuner.can_restore(str(folder))


def _new_tuner(config: SearchConfig, folder: Path, callback: _SearchProgress) -> tune.Tuner:
    return tune.Tuner(
        _trainable(config),
        param_space={name: _domain(space) for name, space in config.space.items()},
        tune_config=tune.TuneConfig(
            metric=config.metric,
            mode=_MODES[config.direction],
            num_samples=config.n_trials,
            scheduler=LCPFNScheduler(**config.pruner.model_dump()),
            search_alg=_searcher(config),
        ),
        run_config=tune.RunConfig(
            name=folder.name, storage_path=str(folder.parent), callbacks=[callback], verbose=0
        ),
    )


def _restored_tuner(config: SearchConfig, folder: Path, callback: _SearchProgress) -> tune.Tuner:
    try:
        tuner = tune.Tuner.restore(
            str(folder), _trainable(config), resume_unfinished=True, restart_errored=True
        )
    except (ImportError, AttributeError) as error:
        # Ray pickles the search with the names of its modules, which other versions may not have.
        raise ValueError(
            f"study {config.study!r} was started by another version of lcstop: {error}; "
            "use that version, or give the new search another name"
        ) from error
    run_config = tuner._local_tuner.get_run_config() if tuner._local_tuner else None
    if run_config is not None:
        run_config.callbacks = [callback]  # the restored callback has no display
    return tuner


def _trainable(config: SearchConfig) -> Any:
    """The trainable of the search. It reports every value that the objective yields."""

    def run(params: dict[str, Any]) -> None:
        for value in config.curve(config.load_objective(), params):
            tune.report({config.metric: value})

    return tune.with_resources(run, config.resources or {"cpu": 1})


def _domain(space: Parameter) -> Any:
    if space.choices is not None:
        return tune.choice(list(space.choices))
    low, high = space.bounds
    if space.type == "int":  # Ray excludes the upper bound
        return (tune.lograndint if space.log else tune.randint)(int(low), int(high) + 1)
    return (tune.loguniform if space.log else tune.uniform)(low, high)


def _searcher(config: SearchConfig) -> BasicVariantGenerator | Searcher:
    if config.sampler == "random":
        return BasicVariantGenerator(random_state=config.seed)
    try:
        from ray.tune.search.optuna import OptunaSearch

        logging.getLogger("optuna").setLevel(logging.WARNING)  # hides the line on its in-memory study
        return OptunaSearch(seed=config.seed)
    except (ImportError, AssertionError) as error:
        raise ValueError('sampler: tpe needs optuna, also on Ray: pip install "lcstop[optuna]"') from error


class _SearchProgress(tune.Callback):
    """Updates the progress display."""

    def __init__(self, progress: Progress, config: SearchConfig) -> None:
        self._progress, self._config = progress, config
        self._best = math.nan
        self._epochs = self._ended = 0
        self._task = progress.add_task(
            config.study, total=config.n_trials, best=self._best, epochs=0, saved=0
        )

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Ray pickles callbacks, and a progress display cannot be pickled

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
        """Count a step."""
        better = max if self._config.direction == "maximize" else min
        value = result.get(self._config.metric, math.nan)
        self._best = value if math.isnan(self._best) else better(self._best, value)
        self._update(trials, ended=None)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Count a trial that was stopped or has finished."""
        self._update(trials, ended=trial)

    def _update(self, trials: Any, ended: Any) -> None:
        """Update every column. ``ended``: a trial that has just ended, which Ray has not marked yet."""
        steps = {t: t.last_result.get("training_iteration", 0) for t in trials if t.last_result}
        all_ended = [trial for trial in steps if trial is ended or trial.is_finished()]
        saved = sum(self._config.n_steps(trial.config) - steps[trial] for trial in all_ended)
        self._progress.update(
            self._task, completed=len(all_ended), epochs=sum(steps.values()), best=self._best, saved=saved
        )


def _result(
    config: SearchConfig, folder: Path, grid: tune.ResultGrid, console: Console, seconds: float
) -> SearchResult:
    results = [grid[i] for i in range(len(grid))]
    ended = [result for result in results if result.error is None]
    failed = [result for result in results if result.error is not None]
    for result in failed:
        console.print(
            f"a trial failed: {_last_line(result.error)} (trace: {Path(result.path, 'error.txt')})",
            style="red", highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
    if not ended:
        raise ObjectiveError(f"the objective failed in every trial; see {folder}")
    curves = [_values(result, config.metric) for result in ended]
    states = [_end(Path(result.path)) for result in ended]
    sign = 1 if config.direction == "maximize" else -1
    finished = [
        (config.value(values), result)
        for values, result, state in zip(curves, ended, states, strict=True)
        if state in ("finished", "converged") and math.isfinite(config.value(values))
    ]
    best, best_result = max(finished, key=lambda pair: sign * pair[0], default=(None, None))
    return SearchResult(
        study=config.study,
        storage=str(folder),
        metric=config.metric,
        n_trials=len(ended),
        n_stopped=states.count("stopped"),
        n_failed=len(failed),
        steps=sum(map(len, curves)),
        steps_unpruned=sum(config.n_steps(result.config or {}) for result in ended),
        seconds=seconds,
        best=best,
        best_trial=None if best_result is None else (best_result.metrics or {}).get("trial_id"),
        best_params={} if best_result is None else best_result.config or {},
    )


def _end(path: Path) -> State:
    """How the trial in a folder has ended that is none of Ray's errors."""
    record = read_record(path)
    if record is None:
        return "stopped" if read_first_release(path).stop else "finished"
    return record.state_at(record.end_step) or "cut off"


def _values(result: tune.Result, metric: str) -> list[float]:
    rows = result.metrics_dataframe
    return [] if rows is None or metric not in rows else [float(value) for value in rows[metric]]


def _last_line(error: Exception | None) -> str:
    """The last line of the traceback that Ray passes on from another process."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else "without a message"


@contextlib.contextmanager
def _cluster() -> Iterator[None]:
    """Use the running Ray, or connect to or start one and disconnect at the end."""
    if ray.is_initialized():
        yield
        return
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logger = logging.getLogger("ray.tune")
    before = logger.level
    logger.setLevel(logging.CRITICAL)  # tracebacks of failed trials are in their folders
    try:
        yield
    finally:
        logger.setLevel(before)
        ray.shutdown()
