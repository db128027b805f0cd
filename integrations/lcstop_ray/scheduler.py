"""LCPFNScheduler: the adapter between Ray Tune and :class:`lcstop.PrunerCore`."""

from __future__ import annotations

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
from lcstop.config.keywords import options_as_text, takes_options
from lcstop.config.pruner_options import PrunerOptions
from lcstop.pruning.audit import Audit
from lcstop.pruning.certificate import Certificate
from lcstop_ray.planned_trials import planned_trials
from lcstop_ray.progress_line import progress_line
from lcstop_ray.saved_state import read_state, write_state
from lcstop_ray.search_pausing import SearchPausing, limit_pending_trials
from lcstop_ray.search_state import SearchState
from lcstop_ray.start import check_mode, core_of_stop, start_search

if TYPE_CHECKING:
    from ray.tune.execution.tune_controller import TuneController

logger = logging.getLogger("lcstop_ray")


class LCPFNScheduler(FIFOScheduler):
    """Scheduler that stops a trial when its chance of becoming the best falls below a threshold.

    ``policy="study"``, the default: a network pre-trained on artificial studies compares the trial with the
    other trials. The trial is stopped when the probability that it becomes the best of the study is small
    enough. Each stop spends that probability, and all stops together may spend 1 - ``keep``. The number of
    trials is that of ``num_samples``. ``policy="published"``: LC-PFN forecasts the trial's own curve. The
    trial is stopped when it beats the incumbent with probability at most ``1 - confidence``. With
    ``pause=True`` trials that report checkpoints wait instead, and go on later if they look best.

    After ``Tuner.restore`` the curves of the old trials are read from Ray's own files, and their judgements
    from those of lcstop. A scheduler that is passed to a second ``Tuner`` starts anew. If a decision fails,
    the trial goes on and the cause is logged once.

    Every field of :class:`lcstop.PrunerConfig` is a keyword. ``help()`` shows their types and defaults, and
    ``docs/options.md`` describes them.

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
        time_attr: Name of the result that counts the steps of a trial. It must not decrease in training.
        metric: Name of the result to optimise. Default: the metric of ``tune.TuneConfig``.
        mode: ``min`` or ``max``. Default: the mode of ``tune.TuneConfig``.
        horizon: ``time_attr`` at the end of a full trial. Default: the value in
            ``tune.RunConfig(stop={time_attr: ...})``. If trials have different lengths: the key of
            ``trial.config`` that holds the length, with ``/`` between nested keys.

    Raises:
        TypeError: If a keyword is not an option.
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
        check_mode(mode)
        # Until the horizon is known, the largest float takes its place: no option is too large for it.
        config = PrunerConfig(horizon=sys.float_info.max if horizon is None else horizon, **options)
        super().__init__()  # type: ignore[no-untyped-call]
        self._time_attr = time_attr
        self._metric = metric
        self._mode = mode
        self._options = config.model_dump(exclude={"horizon"})
        self._core = self._given_core = None if horizon is None else PrunerCore(config)
        self._given = metric, mode
        self._is_restored = self._is_timed = False
        self._search: SearchState | None = None
        self._pausing: SearchPausing | None = None  # of the search, with ``pause``
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
        """Create a scheduler with the options of a YAML file. ``LCPFNPruner`` reads the same files.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If a key or value in the file, or ``mode``, is not allowed.
        """
        return cls(time_attr, metric, mode, **PrunerConfig.from_yaml(path).model_dump())

    def __repr__(self) -> str:
        options = "horizon=None" if self.config is None else options_as_text(self.config)
        names = f"time_attr={self._time_attr!r}, metric={self._metric!r}, mode={self._mode!r}"
        return f"LCPFNScheduler({names}, {options})"

    @property
    def config(self) -> PrunerConfig | None:
        """The validated options; None while the horizon is unknown."""
        return self._core.config if self._core else None

    @property
    def stops(self) -> Mapping[str, Decision]:
        """Decisions that have ended a trial, as stopped or as converged, by trial id.

        Empty in a process that only started the search: with ``ray.init("ray://...")`` Ray runs a copy of
        this scheduler in another one. :func:`lcstop_ray.read_folder` then has the stops.
        """
        return MappingProxyType({} if self._search is None else self._search.stops)

    @property
    def certificate(self) -> Certificate | None:
        """What the stops may have lost, and what they have saved; None before the first trial is added."""
        return None if self._search is None else self._search.certificate()

    @property
    def audit(self) -> Audit | None:
        """Outcome of the audited trials; None before the first trial is added."""
        return None if self._search is None else self._search.audit()

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Start a search, with what the constructor was not given. Ray calls this before every search.

        A scheduler that was used before forgets that search: its trials, its horizon if that came from
        ``stop``, metric and mode. After :meth:`restore` it goes on with the restored one. After
        ``Tuner.restore`` Ray adds the old trials, whose results are on record.

        Args:
            metric: Metric of ``tune.TuneConfig``.
            mode: Mode of ``tune.TuneConfig``.
            spec: Further properties of the search. The horizon is read from ``stop``.

        Returns:
            False if ``metric`` or ``mode`` is given here and in the constructor, or differs from the restored
            one.

        Raises:
            ValueError: If ``mode`` or the horizon in ``stop`` is not allowed.
        """
        given_metric, given_mode = self._given
        if (given_metric and metric) or (given_mode and mode):
            return False
        check_mode(mode)
        if self._is_restored:
            if metric not in (None, self._metric) or mode not in (None, self._mode):
                return False  # its values are of another metric
            self._is_restored = False
        else:
            self._search, self._pausing, self._core = None, None, self._given_core
            self._metric, self._mode = metric or given_metric, mode or given_mode
        if self._metric is None and self._mode:
            self._metric = DEFAULT_METRIC  # Ray's name for a metric that is reported without one
        self._core = self._core or core_of_stop(self._options, spec.get("stop"), self._time_attr)
        self._is_timed = spec.get("time_budget_s") is not None  # the time ends the search, not num_samples
        return True

    def on_trial_add(self, tune_controller: TuneController, trial: Trial) -> None:
        """Add a trial: a new one, a retried one, or one of an earlier run.

        Raises:
            ValueError: If the metric, the mode or the horizon is unknown.
        """
        search = self._search_state(None if self._is_timed else planned_trials(tune_controller))
        try:
            search.add(trial)
        except Exception as error:
            # The trial then counts as a new one. An error here would end the search.
            search.core.error_log.warn_once("the records of trial %s were not read", error, trial.trial_id)
        if self._pausing is not None:
            limit_pending_trials(tune_controller)
            if search.waits(trial):
                trial.set_status(Trial.PAUSED)  # type: ignore[no-untyped-call]  # Ray restores a waiting trial as a pending one

    def on_trial_error(self, tune_controller: TuneController, trial: Trial) -> None:
        """Leave out a trial that has failed. If Ray retries it, it adds it again."""
        self._search_state().leave(trial, failed=True)

    def on_trial_remove(self, tune_controller: TuneController, trial: Trial) -> None:
        """Take note of a trial that Ray has removed before its end."""
        self._search_state().leave(trial, failed=False)

    def on_trial_result(self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]) -> str:
        """Record a result and decide on it.

        Returns:
            ``STOP`` or ``CONTINUE``, with ``pause`` also ``PAUSE``.
        """
        start = time.perf_counter()
        search = self._search_state()
        try:
            if self._pausing is None:
                stop = search.judge(trial, result)
            else:
                stop = self._pausing.judge(tune_controller, trial, result)
        except Exception as error:
            # This runs in Ray's event loop, where an exception would end every trial.
            stop = search.core.fail_open(error, 0).stop
        seconds = time.perf_counter() - start
        search.core.error_log.warn_if_slow(seconds)
        self._seconds += seconds
        self._n_results += 1
        if search.waits(trial):
            return TrialScheduler.PAUSE
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE

    def choose_trial_to_run(self, tune_controller: TuneController) -> Trial | None:
        """The trial that runs next: the next new one, or with ``pause`` the one that is worth most."""
        if self._pausing is not None:
            try:
                return self._pausing.choose(tune_controller)
            except Exception as error:
                self._search_state().core.error_log.warn_once(
                    "the next trial was chosen by its age, since choosing it failed", error
                )
        chosen: Trial | None = super().choose_trial_to_run(tune_controller)
        return chosen

    def on_trial_complete(
        self, tune_controller: TuneController, trial: Trial, result: dict[str, Any]
    ) -> None:
        """Record the last result of a trial that has ended. Ray may pass that result only here.

        Ray also calls this for trials that the scheduler has stopped. They do not count as finished.
        """
        search = self._search_state()
        try:
            search.finish(trial, result)
        except Exception as error:
            search.core.fail_open(error, 0)

    def debug_string(self) -> str:
        """One line on the search, for Ray's progress report."""
        milliseconds = 1e3 * self._seconds / max(1, self._n_results)
        try:
            search = "no trials" if self._search is None else progress_line(self._search)
        except Exception as error:
            search = f"no summary: {error!r}"
        return f"Using LCPFNScheduler: {search}, {milliseconds:.2f} ms per result"

    def save(self, checkpoint_path: str) -> None:
        """Write the state of the search to a JSON file. Ray itself never calls this.

        Raises:
            OSError: If the file cannot be written.
            ValueError: If the metric, the mode or the horizon is unknown.
        """
        write_state(self._search_state(), Path(checkpoint_path))

    def restore(self, checkpoint_path: str) -> None:
        """Replace the state of this scheduler, options included, by one that :meth:`save` has written.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it was not written by :meth:`save`.
        """
        state = read_state(Path(checkpoint_path))
        self._time_attr, self._metric, self._mode = state.time_attr, state.metric, state.mode
        if state.config != self.config:
            self._core = PrunerCore(state.config)
        self._search, self._pausing, self._is_restored = None, None, True
        self._search_state().adopt(state.histories, state.counting)

    def _search_state(self, n_trials: int | None = None) -> SearchState:
        """The state of the search; ``n_trials`` is the number of its trials, None if unknown."""
        if self._search is None:
            self._search = start_search(self._core, self._time_attr, self._metric, self._mode, n_trials)
            self._core = self._search.core
            self._pausing = SearchPausing(self._search) if self._core.config.pause else None
        return self._search
