"""LCPFNScheduler: the adapter between Ray Tune and :class:`lcstop.PrunerCore`."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ray.tune.experiment import Trial
from ray.tune.result import DEFAULT_METRIC
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from typing_extensions import Unpack

from lcstop import Decision, PrunerConfig, PrunerCore
from lcstop.config.keywords import takes_options
from lcstop.config.pruner import PrunerOptions
from lcstop.pruning.audit import Audit
from lcstop_ray.history import History
from lcstop_ray.search_state import DIRECTIONS, SearchState

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController

logger = logging.getLogger("lcstop_ray")


class LCPFNScheduler(FIFOScheduler):
    """Scheduler that stops a trial once it will hardly end among the best of its study.

    A network pre-trained on artificial studies compares the trial with the others. The trial is stopped
    when it is too unlikely to end in the best tenth of the study's configurations; with
    ``policy="published"``, when LC-PFN's forecast of its own curve beats the incumbent
    with probability at most ``1 - confidence``. Trials are never paused.

    After ``Tuner.restore`` the curves of the old trials are read from Ray's own records of them. If what
    decides fails, the trial goes on, and the cause is logged once.

    Every field of :class:`lcstop.PrunerConfig` is a keyword. ``help()`` shows their types and defaults;
    ``docs/options.md`` says what each does.

    Example:
        >>> from ray.tune.experiment import Trial
        >>> from lcstop_ray import LCPFNScheduler
        >>> scheduler = LCPFNScheduler(metric="accuracy", mode="max", horizon=20)
        >>> def run(best):  # what Ray does with the scheduler of tune.TuneConfig(scheduler=...)
        ...     trial = Trial("trainable", stub=True)
        ...     scheduler.on_trial_add(None, trial)
        ...     for epoch in range(1, 21):
        ...         result = {"training_iteration": epoch, "accuracy": best * (1 - 0.7**epoch)}
        ...         if scheduler.on_trial_result(None, trial, result) == "STOP":
        ...             break
        ...     scheduler.on_trial_complete(None, trial, result)
        ...     return epoch
        >>> run(best=0.9), run(best=0.1) < 20
        (20, True)

    Args:
        time_attr: Result that counts the steps of a trial, and never goes back while it trains.
        metric: Result to optimise; may be given to ``tune.TuneConfig`` instead, as may ``mode``.
        mode: ``min`` or ``max``.
        horizon: ``time_attr`` at the end of a trial that nothing stops; by default that of
            ``tune.RunConfig(stop={time_attr: ...})``. Where trials are planned to be of different lengths,
            the key of ``trial.config`` that holds the length of each, with ``/`` between nested keys.

    Raises:
        TypeError: If there is no option of that name.
        ValueError: If an option's value is not allowed.
    """

    @takes_options
    def __init__(
        self,
        time_attr: str = "training_iteration",
        metric: str | None = None,
        mode: str | None = None,
        horizon: float | str | None = None,
        **options: Unpack[PrunerOptions],
    ) -> None:
        _check_mode(mode)
        # Until the horizon is known, one that passes every check stands in for it.
        config = PrunerConfig(horizon=sys.float_info.max if horizon is None else horizon, **options)
        super().__init__()  # type: ignore[no-untyped-call]
        self._time_attr = time_attr
        self._metric = metric
        self._mode = mode
        self._options = config.model_dump(exclude={"horizon"})
        self._core = None if horizon is None else PrunerCore(config)
        self._search: SearchState | None = None
        self._n_results = 0
        self._seconds = 0.0

    @classmethod
    def from_yaml(
        cls,
        path: str | Path,
        time_attr: str = "training_iteration",
        metric: str | None = None,
        mode: str | None = None,
    ) -> LCPFNScheduler:
        """A scheduler with the options of a YAML file, the same that the Optuna pruner reads.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If a key or value in it is not allowed, or ``mode`` is not.
        """
        return cls(time_attr, metric, mode, **PrunerConfig.from_yaml(path).model_dump())

    @property
    def config(self) -> PrunerConfig | None:
        """The validated options; None while the horizon is not known."""
        return self._core.config if self._core else None

    @property
    def stops(self) -> Mapping[str, Decision]:
        """The decision on each trial that this object has stopped, or ended as converged, by trial id."""
        return MappingProxyType({} if self._search is None else self._search.stops)

    @property
    def audit(self) -> Audit | None:
        """What has come of the trials that would have been stopped and went on; None before any trial."""
        return None if self._search is None else self._search.audit()

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Take what the constructor left open from ``tune.TuneConfig`` and the stop rule.

        Returns:
            False if ``metric`` or ``mode`` is given here and was given before.

        Raises:
            ValueError: If ``mode`` or a horizon taken from the stop rule is not allowed.
        """
        if (self._metric and metric) or (self._mode and mode):
            return False
        _check_mode(mode)
        self._metric = metric or self._metric
        self._mode = mode or self._mode
        if self._metric is None and self._mode:
            self._metric = DEFAULT_METRIC  # the anonymous metric
        stop = spec.get("stop")
        if self._core is None and isinstance(stop, Mapping) and self._time_attr in stop:
            self._core = PrunerCore(PrunerConfig(horizon=stop[self._time_attr], **self._options))
        if self._core is not None:
            self._core.warm_up()  # inside a judgement, Ray would call the scheduler slow
        return True

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """Take in a new trial, one that is tried again, or one of an earlier run.

        Raises:
            ValueError: If the metric, the mode or the horizon is not known.
        """
        search = self._search_state()
        try:
            search.add(trial)
        except Exception as error:
            # Without its past a trial counts as a new one; that must not end the search.
            search.core.error_log.warn_once("the records of trial %s were not read", error, trial.trial_id)

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Leave out a trial that failed; if Ray tries it again, it adds it again."""
        self._search_state().fail(trial)

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Leave out a trial that Ray gives up before it has ended."""
        self._search_state().fail(trial)

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        """Record a result; ``STOP`` or ``CONTINUE``."""
        start = time.perf_counter()
        search = self._search_state()
        try:
            stop = search.judge(trial, result)
        except Exception as error:
            # The scheduler is a guest in Ray's event loop, where an exception would end every trial.
            stop = search.core.fail_open(error, 0).stop
        seconds = time.perf_counter() - start
        search.core.error_log.warn_if_slow(seconds)
        self._seconds += seconds
        self._n_results += 1
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE

    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> None:
        """Record the last result of a trial, which Ray may hand over here alone.

        Ray calls this for trials that the scheduler has stopped, too; those have not finished.
        """
        search = self._search_state()
        try:
            search.finish(trial, result)
        except Exception as error:
            search.core.fail_open(error, 0)

    def debug_string(self) -> str:
        """One line for Ray's progress report."""
        milliseconds = 1e3 * self._seconds / max(1, self._n_results)
        try:
            search = str(self._search or "no trials")
        except Exception as error:
            search = f"no summary: {error!r}"
        return f"Using LCPFNScheduler: {search}, {milliseconds:.2f} ms per result"

    def save(self, checkpoint_path: str) -> None:
        """Write all that decisions rest on to a JSON file; Ray itself never asks for it.

        Raises:
            OSError: If the file cannot be written.
            ValueError: If the metric, the mode or the horizon is not known.
        """
        search = self._search_state()
        state = {
            "time_attr": search.time_attr,
            "metric": search.metric,
            "mode": search.mode,
            "config": search.core.config.model_dump(),
            "trials": {trial_id: history.to_json() for trial_id, history in search.histories.items()},
        }
        Path(checkpoint_path).write_text(json.dumps(state), encoding="utf-8")

    def restore(self, checkpoint_path: str) -> None:
        """Read what :meth:`save` has written, in place of everything that this scheduler holds.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it was not written by :meth:`save`.
        """
        try:
            state = json.loads(Path(checkpoint_path).read_text(encoding="utf-8"))
            config = PrunerConfig(**state["config"])
            histories = {trial_id: History.from_json(trial) for trial_id, trial in state["trials"].items()}
            self._time_attr, self._metric, self._mode = state["time_attr"], state["metric"], state["mode"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{checkpoint_path} was not written by LCPFNScheduler.save: {error!r}"
            ) from error
        if config != self.config:
            self._core = PrunerCore(config)
        self._search = None
        self._search_state().histories = histories

    def _search_state(self) -> SearchState:
        if self._search is not None:
            return self._search
        if not self._metric or not self._mode:
            raise ValueError(
                "LCPFNScheduler needs metric and mode, as its own arguments or in tune.TuneConfig, "
                f"got metric={self._metric!r}, mode={self._mode!r}"
            )
        if self._core is None:
            raise ValueError(
                f"LCPFNScheduler needs to know at which {self._time_attr!r} a trial ends that nothing stops: "
                f"pass horizon=..., or stop={{{self._time_attr!r}: ...}} to tune.RunConfig"
            )
        self._search = SearchState(self._core, self._time_attr, self._metric, self._mode)
        return self._search


def _check_mode(mode: str | None) -> None:
    if mode not in (None, *DIRECTIONS):
        raise ValueError(f"mode must be 'min' or 'max', got {mode=}")
