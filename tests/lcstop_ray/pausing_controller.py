"""A controller that does with trials that wait what Ray's does, without actors."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

from ray.train._internal.checkpoint_manager import _TrainingResult
from ray.tune import Checkpoint
from ray.tune.experiment import Trial
from ray.tune.result import SHOULD_CHECKPOINT
from ray.tune.schedulers import TrialScheduler

from lcstop_ray import TRIAL_FILE
from tests.lcstop_ray.ray_trials import json_lines


class SearchAlgorithm:
    """What the scheduler asks Ray's searcher."""

    def __init__(self, controller):
        self._controller = controller
        self.total_samples = controller.n_trials

    def is_finished(self) -> bool:
        return self._controller.n_added >= self._controller.n_trials


class Controller:
    """Workers train one epoch each in turn. Ray's hooks are called as ``TuneController`` calls them.

    Args:
        scheduler: The scheduler.
        levels: The level of each trial.
        value: Value of a trial by its level and step.
        horizon: Steps of a full trial.
        storage: Storage of the trials; None if they have no files.
        workers: Number of trials that run in parallel.
        every: A result carries a checkpoint at each multiple of it; 0 for none.
        max_live: Number of trials that may be alive at once, as ``max_concurrent_trials``; None for any.

    Attributes:
        steps: Steps that each trial has trained, by id, in order.
    """

    def __init__(
        self, scheduler, levels, value, horizon, storage=None, workers=2, every=1, max_live=None, trials=()
    ):
        self.scheduler, self.levels, self.value, self.horizon = scheduler, levels, value, horizon
        self.storage, self.workers, self.every, self.max_live = storage, workers, every, max_live
        self.n_trials, self.n_added = len(levels), len(trials)
        self.search_alg = SearchAlgorithm(self)
        self._max_pending_trials = 200
        self.trials: list[Trial] = []
        self.running: list[Trial] = []
        self.rows: dict[str, list[dict]] = {}
        self.steps: dict[str, list[int]] = {}
        self.marked: set[str] = set()
        for trial, rows, steps in trials:
            self.rows[trial.trial_id], self.steps[trial.trial_id] = rows, steps
            self._add(trial)

    # --- what schedulers call ----------------------------------------------------------------------------

    def get_trials(self):
        return self.trials

    def update_max_pending_trials(self, n):
        self._max_pending_trials = n

    def stop_trial(self, trial):
        if trial.status in (Trial.PENDING, Trial.PAUSED):
            self.scheduler.on_trial_remove(self, trial)
        else:
            self.scheduler.on_trial_complete(self, trial, trial.last_result)
        trial.set_status(Trial.TERMINATED)

    def _mark_trial_to_checkpoint(self, trial):
        self.marked.add(trial.trial_id)

    # --- the loop ----------------------------------------------------------------------------------------

    @property
    def is_finished(self) -> bool:
        return self.search_alg.is_finished() and all(trial.is_finished() for trial in self.trials)

    def run(self, n_steps=100_000) -> None:
        """Run until the end, at most so many steps; fail if it hangs."""
        n_idle = 0
        for _ in range(n_steps):
            if self.is_finished:
                return
            # A step in which the last trials that waited were stopped does nothing else.
            n_idle = 0 if self.step() else n_idle + 1
            assert n_idle < 3, "nothing runs, and nothing is chosen"

    def step(self) -> bool:
        """One step: new trials, the choice of the scheduler, an epoch of each worker. Whether it did any."""
        self._ask_for_trials()
        chosen = self.scheduler.choose_trial_to_run(self)
        if chosen is not None:
            assert chosen.status in (Trial.PENDING, Trial.PAUSED)
            chosen.set_status(Trial.PENDING)
            assert self.scheduler.choose_trial_to_run(self) is chosen
        pending = [trial for trial in self.trials if trial.status == Trial.PENDING]
        pending.sort(key=lambda trial: trial is not chosen)
        while pending and len(self.running) < self.workers:
            trial = pending.pop(0)
            trial.set_status(Trial.RUNNING)
            self.running.append(trial)
        for trial in [*self.running]:
            self._epoch(trial)
        return bool(self.running or chosen is not None)

    def fail(self, trial, *, again: bool) -> None:
        """A running trial fails; Ray tries it again from its last checkpoint."""
        self.running.remove(trial)
        self.scheduler.on_trial_error(self, trial)
        if again:
            trial.set_status(Trial.PENDING)
            self.trials.remove(trial)
            self.trials.append(trial)
            self.scheduler.on_trial_add(self, trial)
        else:
            trial.set_status(Trial.ERROR)

    def restored(self, scheduler) -> Controller:
        """The search in another driver: trials that have not ended are pending, as Ray restores them."""
        trials = []
        for trial in self.trials:
            rows = self.rows.get(trial.trial_id, [])
            copied = Trial("trainable", stub=True, trial_id=trial.trial_id, storage=trial.storage)
            copied.relative_logdir, copied.evaluated_params = trial.relative_logdir, trial.evaluated_params
            copied.run_metadata = copy.deepcopy(trial.run_metadata)
            copied.set_status(trial.status if trial.is_finished() else Trial.PENDING)
            if rows:
                Path(copied.path, "result.json").write_text(json_lines(rows))
                record = Path(trial.local_path, TRIAL_FILE)
                if record.exists():
                    shutil.copy(record, Path(copied.path, TRIAL_FILE))
                    if not trial.is_finished():
                        record.unlink()
            trials.append((copied, rows, self.steps.get(trial.trial_id, [])))
        return Controller(
            scheduler,
            self.levels,
            self.value,
            self.horizon,
            self.storage,
            self.workers,
            self.every,
            self.max_live,
            trials,
        )

    def _ask_for_trials(self) -> None:
        def n(*statuses):
            return sum(trial.status in statuses for trial in self.trials)

        while n(Trial.PENDING) < self._max_pending_trials and not self.search_alg.is_finished():
            if self.max_live is not None and n(Trial.PENDING, Trial.RUNNING, Trial.PAUSED) >= self.max_live:
                return
            trial = Trial("trainable", stub=True, trial_id=f"trial_{self.n_added:04d}", storage=self.storage)
            if self.storage is not None:
                trial.relative_logdir = trial.storage.trial_dir_name = trial.trial_id
                Path(trial.path).mkdir(parents=True)
                trial.init_local_path()
            self.n_added += 1
            self._add(trial)

    def _add(self, trial) -> None:
        self.trials.append(trial)
        self.scheduler.on_trial_add(self, trial)

    def _epoch(self, trial) -> None:
        latest = trial.run_metadata.checkpoint_manager.latest_checkpoint_result
        rows, steps = self.rows.setdefault(trial.trial_id, []), self.steps.setdefault(trial.trial_id, [])
        step = rows[-1]["training_iteration"] + 1 if rows else 1
        if latest is not None and getattr(trial, "is_fresh", True):
            step = latest.metrics["training_iteration"] + 1
        elif getattr(trial, "is_fresh", True):
            step = 1
        trial.is_fresh = False
        number = int(trial.trial_id.rpartition("_")[2])
        result = {"training_iteration": step, "accuracy": self.value(self.levels[number], step)}
        steps.append(step)
        rows.append(dict(result))
        saves = bool(self.every) and step % self.every == 0
        trial.run_metadata.last_result = {**result, SHOULD_CHECKPOINT: saves}
        action = TrialScheduler.STOP
        if step < self.horizon:
            action = self.scheduler.on_trial_result(self, trial, trial.last_result)
        if saves:
            found = _TrainingResult(Checkpoint("/nowhere"), {"training_iteration": step})
            trial.run_metadata.checkpoint_manager._latest_checkpoint_result = found
        if action == TrialScheduler.CONTINUE:
            return
        self.running.remove(trial)
        trial.is_fresh = True
        if action == TrialScheduler.PAUSE:
            assert saves, "a trial was paused that cannot go on from here"
            trial.set_status(Trial.PAUSED)
        else:
            self.stop_trial(trial)
