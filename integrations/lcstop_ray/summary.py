"""What a search shows: a line for each stop while it runs, and the summary of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune import Callback, ResultGrid
from ray.tune.experiment import Trial

from lcstop.pruning.error_log import ErrorLog
from lcstop.review.summary import StudySummary
from lcstop_ray.folder import read_folder
from lcstop_ray.records import read_local_record
from lcstop_ray.trial_record import TrialRecord


def summary(results: ResultGrid | str | Path) -> StudySummary:
    """Print what ``lcstop`` did in a search: a line for each stop, and what the stops have saved.

    Args:
        results: What ``tuner.fit()`` returned, or the results folder of the search. It must be on this
            machine.

    Returns:
        The same as an object.

    Raises:
        ValueError: If the folder has no trials, or no record of ``lcstop``.
    """
    path = results.experiment_path if isinstance(results, ResultGrid) else str(results)
    found = StudySummary.of(read_folder(Path(path)))
    print(found.text())
    return found


class Summary(Callback):
    """Callback of ``tune.RunConfig`` that prints each stop, and at the end a summary of the search.

    It adds ``lcstop_stopped``, ``lcstop_step`` and ``lcstop_reason`` to the results, so that
    ``results.get_dataframe()`` and the loggers of Ray have them.

    Example:
        >>> from ray import tune
        >>> from lcstop_ray import Summary
        >>> config = tune.RunConfig(callbacks=[Summary()])
    """

    def __init__(self) -> None:
        self._error_log = ErrorLog()

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Add to a result whether its trial was stopped at it, and print that. Ray calls this."""
        # The scheduler has decided on the result before. Each result has all columns, since Ray's table of
        # results takes its columns from the first one.
        result.update(lcstop_stopped=False, lcstop_step=None, lcstop_reason="")
        if not result.get("done"):
            return
        record = TrialRecord.parse(read_local_record(trial, self._error_log))
        if record is None or not record.reason:
            return
        step = result.get(record.time_attr)
        if record.state_at(step) == "stopped":
            result.update(lcstop_stopped=True, lcstop_step=step, lcstop_reason=record.reason)
            print(f"Trial {trial.trial_id} {record.reason}")

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Print the stop of a trial that waited. Ray calls this; its last result was written before."""
        result = trial.last_result
        if result and not result.get("done"):
            self.on_trial_result(iteration, trials, trial, {**result, "done": True})

    def on_experiment_end(self, trials: list[Trial], **info: Any) -> None:
        """Print the summary. Ray calls this."""
        storage = next((trial.storage for trial in trials if trial.storage is not None), None)
        if storage is None:
            return
        try:
            study = read_folder(Path(storage.experiment_driver_staging_path))
            print(StudySummary.of(study))
        except Exception as error:
            # The search is over. The summary must not turn its end into an error.
            print(f"no summary of the search: {error}")
