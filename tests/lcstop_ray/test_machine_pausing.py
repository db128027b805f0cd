"""A search with trials that wait, under failures, crashes and odd values; at the end it always ends."""

from __future__ import annotations

import shutil
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)
from ray.train._internal.storage import StorageContext
from ray.tune.experiment import Trial

from lcstop_ray import LCPFNScheduler
from tests import hostile
from tests.lcstop_ray.pausing_controller import Controller
from tests.lcstop_ray.ray_trials import record_of

H = 16
options = st.fixed_dictionaries(
    {
        "target": st.sampled_from(["best", "final"]),
        "min_steps": st.integers(1, 4),
        "interval_steps": st.integers(1, 3),
        "patience": st.integers(1, 2),
        "diverged_after": st.integers(1, 4),
        "min_gain": st.sampled_from([None, 0.01]),
        "keep": st.sampled_from(["balanced", 0.5, "safe"]),
    }
)


class Machine(RuleBasedStateMachine):
    """One search."""

    n_steps = n_waits = n_resumed = n_stopped = n_restarts = n_failed = n_ended = 0
    folder: ClassVar

    @initialize(
        options=options,
        mode=st.sampled_from(["max", "min"]),
        levels=st.lists(hostile.levels, min_size=1, max_size=12),
        odd=st.dictionaries(st.tuples(st.integers(0, 11), st.integers(1, H)), hostile.numbers, max_size=6),
        every=st.sampled_from([1, 1, 2, 5, 0]),
        workers=st.integers(1, 3),
        max_live=st.sampled_from([None, None, 3]),
    )
    def start(self, options, mode, levels, odd, every, workers, max_live):
        self.options, self.mode = options, mode
        direction = {"max": "maximize", "min": "minimize"}[mode]

        def value(level, step):
            number = levels.index(level)
            return odd.get((number, step), hostile.ordinary(level, step, direction))

        storage = StorageContext(storage_path=str(self.folder), experiment_dir_name="search")
        shutil.rmtree(storage.experiment_fs_path, ignore_errors=True)
        shutil.rmtree(storage.experiment_driver_staging_path, ignore_errors=True)
        self.controller = Controller(
            self.new_scheduler(), levels, value, H, storage, workers, every, max_live=max_live
        )

    def new_scheduler(self):
        return LCPFNScheduler(metric="accuracy", mode=self.mode, horizon=H, pause=True, **self.options)

    def check_invariants(self, *args, **kwargs):
        type(self).n_steps += 1
        super().check_invariants(*args, **kwargs)
        if not hasattr(self, "controller"):
            return
        search = self.controller.scheduler._search
        if search is None:
            return
        for trial in self.controller.trials:
            history = search.histories[trial.trial_id]
            if history.state == "waiting":
                assert trial.status == Trial.PAUSED
            if trial.status == Trial.TERMINATED:
                assert history.state in ("finished", "stopped", "converged", "cut off")
            if trial.status == Trial.PAUSED:
                assert history.state in ("waiting", "running")
        if (pausing := self.controller.scheduler._pausing) is not None:
            ids, seen = pausing._trials()
            assert seen == [pausing._look(search.histories[trial_id]) for trial_id in ids]

    # --- actions of Ray and of trials -----------------------------------------------------------------------

    @rule(n=st.integers(1, 6))
    def train(self, n):
        for _ in range(n):
            if not self.controller.is_finished:
                self.controller.step()

    @precondition(lambda self: self.controller.running)
    @rule(pick=st.integers(0, 2), again=st.booleans())
    def fail(self, pick, again):
        running = self.controller.running
        trial = running[pick % len(running)]
        self.controller.fail(trial, again=again)
        trial.is_fresh = True
        type(self).n_failed += 1

    @precondition(lambda self: self.controller.running)
    @rule()
    def pause_by_something_else(self):
        trial = self.controller.running[0]
        if trial.run_metadata.checkpoint_manager.latest_checkpoint_result is None:
            return
        self.controller.running.remove(trial)
        trial.set_status(Trial.PAUSED)
        trial.is_fresh = True

    @precondition(lambda self: self.controller.trials)
    @rule()
    def driver_dies(self):
        self.controller = self.controller.restored(self.new_scheduler())
        type(self).n_restarts += 1

    @precondition(lambda self: any(trial.status == Trial.PAUSED for trial in self.controller.trials))
    @rule()
    def somebody_stops_a_trial_that_waits(self):
        trial = next(trial for trial in self.controller.trials if trial.status == Trial.PAUSED)
        self.controller.stop_trial(trial)

    def teardown(self):
        if not hasattr(self, "controller"):
            return
        controller, cls = self.controller, type(self)
        controller.run(3000)
        for trial in controller.trials:
            history = controller.scheduler._search.histories[trial.trial_id]
            assert history.state not in ("running", "waiting")
            cls.n_ended += 1
            record = record_of(trial) if history.state != "failed" and history.last_step else None
            if record is None:
                continue
            verdicts = [judged.verdict for judged in record.judgements]
            cls.n_waits += verdicts.count("wait")
            cls.n_resumed += verdicts.count("resume")
            if history.state == "stopped":
                cls.n_stopped += 1
                assert verdicts[-1] == "stop"
                assert record.reason


def test_a_search_with_trials_that_wait_always_ends(monkeypatch, tmp_path):
    hostile.make_networks_once(monkeypatch)
    session = str(tmp_path / "ray")
    monkeypatch.setattr("ray.train._internal.storage._get_ray_train_session_dir", lambda: session)
    Machine.folder = tmp_path
    hostile.run(Machine)
    print(
        f"\n{Machine.n_steps} steps, {Machine.n_ended} trials, {Machine.n_waits} waits, {Machine.n_resumed} "
        f"resumed, {Machine.n_stopped} stopped, {Machine.n_failed} failures, {Machine.n_restarts} restarts"
    )
    assert Machine.n_waits > 20
    assert Machine.n_resumed > 20
    assert Machine.n_stopped > 5
