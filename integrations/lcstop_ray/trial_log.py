"""TrialLog: writes the record of each trial of a running search, and reads those of an earlier one."""

from __future__ import annotations

from dataclasses import replace

from ray.tune.experiment import Trial

from lcstop import Decision, PrunerCore
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop_ray.history import History
from lcstop_ray.records import append_record, read_record
from lcstop_ray.trial_record import (
    TrialRecord,
    end_line,
    first_line,
    go_back_line,
    judgement_line,
    start_line,
)


class TrialLog:
    """Writes the record of each trial of a running search. Each line is one write.

    The first line is written at the first result of a trial, so that a trial without a record is known to be
    one that no scheduler of this version has seen.

    Args:
        core: Has the options, and takes errors.
        time_attr, metric, mode: As in :class:`lcstop_ray.trial_record.TrialRecord`.
    """

    def __init__(self, core: PrunerCore, time_attr: str, metric: str, mode: str) -> None:
        self.error_log = core.error_log
        self._first_line = first_line(time_attr, metric, mode, core.config.model_dump())
        self._on_record: dict[str, str] = {}
        """What the file of a trial starts with, by id; empty once the file is written here."""
        self._starting_again: set[str] = set()
        """Ids of trials that start again, until their first report."""

    def read(self, trial: Trial) -> TrialRecord | None:
        """The record of a trial of an earlier process; None if there is none."""
        text = read_record(trial, self.error_log)
        if text and trial.status != Trial.TERMINATED:
            self._on_record[trial.trial_id] = text
        return TrialRecord.parse(text)

    def start_again(self, trial: Trial) -> None:
        """A trial that has reported starts again, with or without a checkpoint."""
        self._starting_again.add(trial.trial_id)

    def report(self, trial: Trial, history: History, step: float, value: float) -> None:
        """Add a result to a history, and write down if that undoes reports or judgements on record."""
        if trial.trial_id not in self._on_record:
            self._on_record[trial.trial_id] = self._first_line
            self._write(trial, "")
        starts_again = trial.trial_id in self._starting_again
        self._starting_again.discard(trial.trial_id)
        last_step, n_judgements = history.last_step, len(history.judgements)
        history.report(step, value)
        goes_back = last_step is not None and step < last_step
        if starts_again and last_step is None:
            self._write(trial, start_line(step, history.earlier))
        elif starts_again or goes_back or len(history.judgements) < n_judgements:
            self._write(trial, go_back_line(history.steps[-2] if len(history.steps) > 1 else -1.0, step))

    def judgement(self, trial: Trial, history: History, record: JudgementRecord, decision: Decision) -> None:
        """Write a judgement."""
        words = decision.reason if decision.would_stop else ""
        reported = replace(record, step=record.step - history.from_0)
        self._write(trial, judgement_line(reported, words))

    def end(self, trial: Trial, history: History, reason: str = "", step: float | None = None) -> None:
        """Write how a trial has ended that has reported.

        Args:
            trial, history: The trial.
            reason: Why the scheduler has ended it.
            step: Step of its last result. Default: that of its last report.
        """
        step = history.last_step if step is None else step
        if step is not None:
            self._write(trial, end_line(history.state, step, reason))

    def _write(self, trial: Trial, lines: str) -> None:
        before = self._on_record.get(trial.trial_id) or self._first_line
        if append_record(trial, lines, before, self.error_log):
            self._on_record[trial.trial_id] = ""
