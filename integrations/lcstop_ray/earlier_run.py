"""A trial of an earlier run: what it had reported, how it was judged, and how it has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ray.tune.experiment import Trial

from lcstop.pruning.suppressed_stop import SuppressedStop
from lcstop_ray.history import History, Points, State
from lcstop_ray.records import read_first_release, read_points
from lcstop_ray.trial_log import TrialLog
from lcstop_ray.trial_record import TrialRecord, own_points


def name_of(trial: Trial) -> str:
    """Name of a trial, by which audited trials are drawn: that of its experiment's folder, and its own id."""
    experiment = getattr(trial.storage, "experiment_dir_name", None)  # without a storage there is none
    return f"{experiment}/{trial.trial_id}" if experiment else str(trial.trial_id)


def read_earlier_run(
    trial: Trial, history: History, log: TrialLog, time_attr: str, metric: str, statistic: str
) -> Sequence[float]:
    """Read what is on record of a trial of an earlier run. Nothing is read of a new trial.

    Args:
        trial: The trial.
        history: Its history. What :meth:`LCPFNScheduler.save` had saved of it stands where it is newer.
        log: Reads the record.
        time_attr: Name of the result that counts the steps.
        metric: Name of the optimised result.
        statistic: See :func:`lcstop_ray.records.read_points`.

    Returns:
        All steps on record, also those that do not count any more.
    """
    history.name = history.name or name_of(trial)  # the first release saved none
    saved_state, saved_step = history.state, history.last_step
    points = read_points(trial, time_attr, metric, statistic, log.error_log)
    record = log.read(trial)
    stopped_at, mark = read_first_release(trial, log.error_log) if record is None else (None, None)
    if points and (saved_step is None or saved_step <= points[-1][0]):
        fill(history, points, record, mark)
    if trial.status == Trial.TERMINATED:
        history.state = _end(record, history.reached, stopped_at)
        if saved_step is not None and saved_step == history.last_step and saved_state != "running":
            history.state = saved_state
    elif trial.status == Trial.ERROR or (record and record.state_at(history.reached) == "failed"):
        history.state = "failed"
    return [*(step for step, _ in points), *history.all_steps]


def fill(
    history: History, points: Points, record: TrialRecord | None, mark: SuppressedStop | None = None
) -> None:
    """Replace the content of a history.

    Args:
        history: The history; it knows whether steps are counted from 0.
        points: All points in Ray's files.
        record: The record of the trial; None if it has none.
        mark: Its suppressed stop, if it has no record.
    """
    history.start_again()
    history.earlier = ()
    if record is not None:
        history.earlier = record.earlier
        points = own_points(points, record)
    history.extend(points)
    history.convergence_asked_at = history.curve.cutoff
    shift = int(history.from_0)
    if record is not None:
        judged = (replace(one, step=one.step + shift) for one in record.judgements)
        history.judgements = [one for one in judged if one.step <= history.curve.cutoff]
        mark = record.suppressed_stop(history.reached)
    if mark is not None:
        history.suppressed_stop = replace(mark, step=mark.step + shift)


def _end(record: TrialRecord | None, last_step: float | None, stopped_at: float | None) -> State:
    """How a trial has ended that Ray calls terminated."""
    if record is not None:
        return record.state_at(last_step) or "cut off"
    # If the driver died before Ray had stored a stopped trial's end, the trial has trained on.
    return "stopped" if last_step is not None and last_step == stopped_at else "finished"
