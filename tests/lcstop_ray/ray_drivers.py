"""Two drivers of one search: one dies and is restored from its files, the other never dies."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from ray.train._internal.checkpoint_manager import _TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint
from ray.tune.experiment import Trial

from lcstop_ray import TRIAL_FILE, LCPFNScheduler, read_folder
from lcstop_ray.trial_record import TrialRecord
from tests import hostile

SCHEDULER_STATES = {"finished": "finished", "converged": "finished", "stopped": "stopped", "failed": "failed"}


class TwoDrivers:
    """``mortal`` is restored from its files, ``immortal`` never; both get the same calls of Ray.

    Attributes:
        trials: All trials, as the mortal scheduler knows them, by id.
        stubs: The same without a folder.
        rows: The content of Ray's ``result.json``.
        ended: Ray's status of the trials that have ended.
        cut: Ids of trials that were cut off, of which no scheduler was told yet.
        with_checkpoint: Ids of trials that have been restored from a checkpoint.
        silent: Ids of trials that were restored or tried again, without a result since.
        fresh: Ids of trials whose files Ray begins anew at their next result.
    """

    folder: Path

    def begin(self, options: dict, mode: str) -> None:
        """Begin a search in an empty folder."""
        self.options, self.mode = options, mode
        self.storage = StorageContext(storage_path=str(self.folder), experiment_dir_name="search")
        shutil.rmtree(self.storage.experiment_fs_path, ignore_errors=True)
        shutil.rmtree(self.storage.experiment_driver_staging_path, ignore_errors=True)
        self.immortal, self.mortal = self._scheduler(), self._scheduler()
        self.trials: dict[str, Trial] = {}
        self.stubs: dict[str, Trial] = {}
        self.rows: dict[str, list[dict]] = {}
        self.ended: dict[str, str] = {}
        self.cut, self.with_checkpoint, self.silent, self.fresh = set(), set(), set(), set()

    def _agrees_with_record(self, trial):
        history, record = self.mortal._search.histories[trial.trial_id], self._record(trial)
        found = [replace(judged, step=judged.step + history.from_0) for judged in record.judgements]
        assert found == history.judgements
        assert (record.time_attr, record.metric, record.mode) == ("training_iteration", "accuracy", self.mode)
        mark = history.suppressed_stop
        assert (mark is None) == (record.suppressed_stop(history.reached) is None)

    def _compare(self):
        """Both know the same of every trial."""
        immortal, mortal = self.immortal._search.histories, self.mortal._search.histories
        for name in self.trials:
            if not self.rows[name]:
                continue
            one, other = immortal[name], mortal[name]
            assert one.state == other.state, name
            if one.state == "failed":
                continue
            assert one.suppressed_stop == other.suppressed_stop
            assert one.from_0 == other.from_0
            curves = [(one.known_curve, other.known_curve)]
            if one.state == "running":
                assert one.judgements == other.judgements
                curves.append((one.curve, other.curve))
            for mine, theirs in curves:
                np.testing.assert_array_equal(mine.steps, theirs.steps)
                np.testing.assert_array_equal(mine.values, theirs.values)
        assert self.immortal.audit == self.mortal.audit
        assert self.immortal._search.incumbent() == self.mortal._search.incumbent()
        if any(np.isfinite(row["accuracy"]) for rows in self.rows.values() for row in rows):
            self._compare_with_folder(mortal)

    def _compare_with_folder(self, histories):
        """The folder is read as the scheduler reads it."""
        states = [
            {"trial_id": name, "relative_logdir": trial.relative_logdir, "status": trial.status}
            for name, trial in self.trials.items()
        ]
        content = {"trial_data": [[json.dumps(state), "{}"] for state in states], "runner_data": {}}
        place = Path(self.storage.experiment_fs_path, "experiment_state-2026-01-01_00-00-00.json")
        place.write_text(json.dumps(content))
        try:
            trials = read_folder(place.parent).trials
        except ValueError:  # no finite value before the horizon
            trials = []
        for trial in trials:
            history = histories[trial.name]
            if history.state == "running":
                continue  # what will be trained again is still shown
            assert trial.state == SCHEDULER_STATES.get(history.state, "running"), trial.name

    def _both(self, trial, call):
        """Call both schedulers. Only the mortal one has a folder to write to."""
        return [call(self.immortal, self.stubs[trial.trial_id]), call(self.mortal, trial)]

    def _pending(self, trial, checkpoint):
        storage = StorageContext(storage_path=str(type(self).folder), experiment_dir_name="search")
        storage._timestamp = self.storage._timestamp
        pending = Trial("t", stub=True, trial_id=trial.trial_id, storage=storage)
        pending.relative_logdir = pending.storage.trial_dir_name = trial.trial_id
        if checkpoint is not None:
            result = _TrainingResult(Checkpoint("/nowhere"), {"training_iteration": checkpoint})
            pending.run_metadata.checkpoint_manager._latest_checkpoint_result = result
        return pending

    def _start_again(self, history, checkpoint):
        history.state = "running"
        if checkpoint is None:
            history.start_again()
        else:
            history.keep_until(checkpoint)

    def _last(self, trial):
        last = self.immortal._search.histories[trial.trial_id].last_step
        return None if last is None else int(last)

    def _log(self, trial, step, value):
        row = {"training_iteration": step, "accuracy": value if self.mode == "max" else 1 - value}
        self.silent.discard(trial.trial_id)
        if trial.trial_id in self.fresh:
            self.fresh.discard(trial.trial_id)
            self.rows[trial.trial_id] = []
        self.rows[trial.trial_id].append(row)
        return row

    def _record(self, trial):
        return TrialRecord.parse(Path(trial.local_path, TRIAL_FILE).read_text())

    def _copy(self, trial):
        place = Path(trial.path)
        if Path(trial.local_path, TRIAL_FILE).exists():
            shutil.copy(Path(trial.local_path, TRIAL_FILE), place)
        rows = self.rows[trial.trial_id]
        if rows:
            (place / "result.json").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def _scheduler(self):
        return LCPFNScheduler(metric="accuracy", mode=self.mode, horizon=hostile.H, **self.options)
