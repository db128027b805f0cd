"""A search whose driver dies again and again decides as one whose driver does not, as its record says."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)
from ray.tune.experiment import Trial

from tests import hostile
from tests.lcstop_ray.ray_drivers import TwoDrivers
from tests.lcstop_ray.ray_trials import STOP

H = hostile.H
picks = st.integers(0, 4)
values = st.one_of(hostile.levels, st.sampled_from([0.0, 0.5, float("nan")]))
options = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(["study", "study", "published"]),
        "target": st.sampled_from(["best", "final"]),
        "patience": st.integers(1, 3),
        "min_steps": st.integers(1, 4),
        "interval_steps": st.integers(1, 3),
        "n_startup_trials": st.integers(1, 4),
        "diverged_after": st.integers(1, 4),
        "shadow": st.sampled_from([False, False, True]),
        "min_gain": st.sampled_from([None, 0.01]),
        "certainty": st.sampled_from([0.95, 0.5]),
    }
).map(lambda found: hostile.by_policy(**found))


class Machine(TwoDrivers, RuleBasedStateMachine):
    """One search with two drivers."""

    n_steps = n_asked = n_stopped = n_restarts = 0

    @initialize(
        options=options,
        mode=st.sampled_from(["max", "min"]),
        first=st.sampled_from([0, 1]),
        levels=st.lists(hostile.levels, max_size=6),
    )
    def start(self, options, mode, first, levels):
        self.begin(options, mode)
        self.first = first
        for level in levels:
            self.train(99, level, H, 1, 0)
            if len(self.ended) < len(self.trials):
                self.complete(0, level, False, None)

    def check_invariants(self, *args, **kwargs):
        type(self).n_steps += 1
        super().check_invariants(*args, **kwargs)

    # --- actions of Ray and of trials -----------------------------------------------------------------------

    @rule(pick=picks, top=values, n=st.sampled_from([3, 6, 9]), every=st.integers(1, 3), gap=picks)
    def train(self, pick, top, n, every, gap):
        """A curve, evaluated at some of its reports; NaN between."""
        trial = self._trial(pick)
        last = self._last(trial)
        steps = range(self.first if last is None else last + every, H + 1, every)
        for i, step in enumerate(steps[:n]):
            rise = top if top in (0.0, 0.5) else top * (1 - 0.6 ** (step + 1))
            if not self._report(trial, step, float("nan") if gap and i % (gap + 1) else rise):
                return

    @rule(pick=picks, first=st.sampled_from([2, 5, 7]), top=values)
    def report_late(self, pick, first, top):
        trial = self._trial(pick)
        if self._last(trial) is None:
            self._report(trial, first, top)

    @rule(pick=picks, back=st.integers(0, 4), top=values)
    def go_back(self, pick, back, top):
        """As with folds: the steps of one trial start again."""
        trial = self._trial(pick)
        last = self._last(trial)
        if last is not None:
            self._report(trial, max(last - back, 0), top)

    @rule(pick=picks, top=values, with_value=st.booleans(), done=st.sampled_from([True, True, False, None]))
    def complete(self, pick, top, with_value, done):
        """Ray may pass the last result only at the end."""
        trial, more = self._trial(pick, ends=True), {} if done is None else {"done": done}
        last = self._last(trial)
        row = self.rows[trial.trial_id][-1] if self.rows[trial.trial_id] else {}
        if with_value:
            row = self._log(trial, self.first if last is None else last + 1, top)
        self._both(trial, lambda scheduler, one: scheduler.on_trial_complete(None, one, row | more))
        self.ended[trial.trial_id] = Trial.TERMINATED

    @rule(pick=picks, again=st.booleans())
    def fail(self, pick, again):
        trial = self._trial(pick, ends=True)
        self._both(trial, lambda scheduler, one: scheduler.on_trial_error(None, one))
        if again:
            self.silent.add(trial.trial_id)
            trial.run_metadata.checkpoint_manager._latest_checkpoint_result = None
            self._both(trial, lambda scheduler, one: scheduler.on_trial_add(None, one))
        else:
            self.ended[trial.trial_id] = Trial.ERROR

    @rule(pick=picks)
    def remove(self, pick):
        trial = self._trial(pick, ends=True)
        self._both(trial, lambda scheduler, one: scheduler.on_trial_remove(None, one))
        self.ended[trial.trial_id] = Trial.TERMINATED

    @rule(pick=picks)
    def cut_off(self, pick):
        """By a time budget: the scheduler is not told."""
        trial = self._trial(pick, ends=True)
        self.cut.add(trial.trial_id)
        self.ended[trial.trial_id] = Trial.TERMINATED

    @precondition(lambda self: self.trials)
    @rule(
        with_checkpoint=st.lists(st.sampled_from(["last", "before", "none", "none"]), min_size=8, max_size=8)
    )
    def die_and_restore(self, with_checkpoint):
        """Ray copies the files to the storage, and a new driver begins with empty folders."""
        type(self).n_restarts += 1
        for trial in self.trials.values():
            self._copy(trial)
        shutil.rmtree(self.storage.experiment_driver_staging_path, ignore_errors=True)
        self.mortal = self._scheduler()
        kinds = iter(with_checkpoint)
        for name, trial in self.trials.items():
            history = self.immortal._search.histories[name]
            if name in self.cut:
                history.state = "cut off"
            last = self._last(trial)
            kind = "none" if name in self.ended or last is None else next(kinds, "last")
            if kind == "none" and name in self.with_checkpoint:
                kind = "last"  # Ray keeps it
            checkpoint = {"last": last, "before": history.steps[len(history.steps) // 2] if last else None}
            restored = self._pending(trial, checkpoint.get(kind))
            restored.set_status(self.ended.get(name, Trial.PENDING))
            restored.init_local_path()
            if name not in self.ended:
                self._start_again(history, checkpoint.get(kind))
                self.silent.add(name)
                if kind != "none":
                    self.with_checkpoint.add(name)
                if kind == "none" and last is not None:
                    self.fresh.add(name)
            self.immortal._search._table.changed.add(name)
            self.trials[name] = restored
            self.mortal.on_trial_add(None, restored)
        self.cut.clear()
        self._compare()

    # --- invariants -----------------------------------------------------------------------------------------

    def _report(self, trial, step, value) -> bool:
        """Whether the trial goes on."""
        type(self).n_asked += 1
        name = trial.trial_id
        row = {"training_iteration": step, "accuracy": value if self.mode == "max" else 1 - value}
        answers = self._both(trial, lambda scheduler, one: scheduler.on_trial_result(None, one, row))
        assert answers[0] == answers[1]
        self._log(trial, step, value)
        self._agrees_with_record(trial)
        if answers[0] != STOP:
            return True
        type(self).n_stopped += 1
        decisions = [scheduler.stops[name] for scheduler in (self.immortal, self.mortal)]
        assert decisions[0] == decisions[1]
        self._both(trial, lambda scheduler, one: scheduler.on_trial_complete(None, one, row | {"done": True}))
        self.ended[name] = Trial.TERMINATED
        assert self._record(trial).reason == decisions[0].reason
        return False

    def _trial(self, pick, ends=False):
        running = [trial for name, trial in self.trials.items() if name not in self.ended]
        if pick < len(running):
            trial = running[pick]
            if ends and trial.trial_id in self.silent:  # what was trained again is on record by then
                self._report(trial, self.first if self._last(trial) is None else self._last(trial) + 1, 0.5)
            if trial.trial_id not in self.ended:
                return trial
        name = f"trial_{len(self.trials)}"
        trial = self._pending(Trial("t", stub=True, trial_id=name, storage=None), None)
        trial.init_local_path()
        Path(trial.path).mkdir(parents=True, exist_ok=True)
        new = Trial("t", stub=True, trial_id=name, storage=self.storage)
        self.stubs[name] = Trial("t", stub=True, trial_id=name)
        self.immortal.on_trial_add(None, self.stubs[name])
        self.immortal._search.histories[name].name = f"search/{name}"
        self.mortal.on_trial_add(None, new)
        self.trials[name], self.rows[name] = trial, []
        return trial


def test_a_search_that_is_killed_decides_as_one_that_is_not(monkeypatch):
    hostile.make_networks_once(monkeypatch)
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr("ray.train._internal.storage._get_ray_train_session_dir", lambda: f"{folder}/ray")
        Machine.folder = Path(folder, "storage")
        Machine.folder.mkdir()
        # A restart is one action in nine, so that it takes more examples than other machines need.
        more = settings(hostile.SETTINGS, max_examples=2 * hostile.SETTINGS.max_examples)
        hostile.run(Machine, more)
    print(
        f"\n{Machine.n_steps} steps, {Machine.n_asked} results, {Machine.n_stopped} stops, "
        f"{Machine.n_restarts} restarts"
    )
    assert Machine.n_stopped > 5
    assert Machine.n_restarts > 20
