"""LCPFNScheduler under a state machine of trials, Ray and crashes; invariants are checked after each step."""

import logging
import math
from typing import ClassVar

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from lcstop_ray import LCPFNScheduler
from tests import hostile
from tests.lcstop_ray.ray_trials import GO, STOP, new_trial

steps = st.one_of(
    st.integers(0, hostile.H + 3),
    st.floats(0, hostile.H),
    st.sampled_from([0.0, 1e-17, 5e-324, 1e300, 2.0**53, -1, math.nan, math.inf, "3", None]),
)
values = st.one_of(
    hostile.numbers, st.sampled_from([None, "0.5", [0.5], 10**400, np.float32(0.5), np.array(0.5)])
)
configs = st.fixed_dictionaries(
    {"lr": st.one_of(st.floats(1e-9, 1), st.none())},
    optional={
        "width": st.one_of(st.integers(1, 2**70), st.just(2**1024)),
        "kind": st.sampled_from(
            ["adam", None, True, 1.5, (1, 2), np.int64(3), np.array([1, 2]), math.nan, len]
        ),
    },
)
picks = st.integers(0, 5)


class Causes(logging.Handler):
    """Collects the causes of failed judgements, which the scheduler only logs."""

    seen: ClassVar[set[str]] = set()

    def emit(self, record):
        if record.name == "lcstop":
            self.seen.add(record.getMessage().partition("failed: ")[2])


class Machine(RuleBasedStateMachine):
    """One search. ``self.trials`` are its running trials."""

    n_steps = n_asked = n_stopped = 0

    @initialize(
        options=hostile.options,
        mode=st.sampled_from(["max", "min"]),
        levels=st.lists(hostile.levels, max_size=6),
    )
    def start(self, options, mode, levels):
        self.options, self.mode = options, mode
        self.direction = {"max": "maximize", "min": "minimize"}[mode]
        self.scheduler = self._new_scheduler()
        self.trials, self.n_trials = [], 0
        for level in levels:
            self.train_to_the_end(99, {"lr": level}, level, hostile.H, False)

    def check_invariants(self, *args, **kwargs):
        type(self).n_steps += 1
        super().check_invariants(*args, **kwargs)

    # --- actions of Ray and of trials --------------------------------------------------------------------

    @rule(pick=picks, config=configs, level=hostile.levels, n=hostile.lengths, obeys=st.booleans())
    def train(self, pick, config, level, n, obeys):
        """Report an ordinary curve; with ``obeys``, end the trial at a stop."""
        trial = self._trial(pick, config)
        for step in range(1, n + 1):
            if self._result(trial, step, hostile.ordinary(level, step, self.direction)) and obeys:
                self._complete(trial)
                return

    @rule(pick=picks, config=configs, level=hostile.levels, n=hostile.lengths, twice=st.booleans())
    def train_to_the_end(self, pick, config, level, n, twice):
        """Ray passes the last result once or twice."""
        trial = self._trial(pick, config)
        for step in range(1, n + 1):
            last = {"training_iteration": step, "accuracy": hostile.ordinary(level, step, self.direction)}
            if step < n or twice:
                self.scheduler.on_trial_result(None, trial, last)
        self._complete(trial, last)

    @rule(pick=picks, config=configs, step=steps, value=values)
    def report(self, pick, config, step, value):
        self._result(self._trial(pick, config), step, value)

    @rule(
        pick=picks, config=configs, first=st.integers(0, 8), reports=st.lists(values, min_size=1, max_size=4)
    )
    def report_several(self, pick, config, first, reports):
        trial = self._trial(pick, config)
        for step, value in enumerate(reports, first):
            self._result(trial, step, value)

    @rule(pick=picks, config=configs, result=st.sampled_from([{}, None, {"training_iteration": 3}]))
    def end_without_a_value(self, pick, config, result):
        self._complete(self._trial(pick, config), result)

    @rule(pick=picks, config=configs, again=st.booleans())
    def fail(self, pick, config, again):
        """With ``max_failures`` Ray adds the trial again."""
        trial = self._trial(pick, config)
        self.scheduler.on_trial_error(None, trial)
        if again:
            self.scheduler.on_trial_add(None, trial)
        else:
            self.trials.remove(trial)

    @rule(pick=picks, config=configs)
    def remove(self, pick, config):
        trial = self._trial(pick, config)
        self.scheduler.on_trial_remove(None, trial)
        self.trials.remove(trial)

    @rule()
    def save_and_restore(self):
        """Another driver resumes the search."""
        self.scheduler = self._restored()

    # --- invariants -------------------------------------------------------------------------------------

    def _result(self, trial, step, value):
        cls, scheduler = type(self), self.scheduler
        cls.n_asked += 1
        search = scheduler._search
        before = search.histories[trial.trial_id].state
        answer = scheduler.on_trial_result(None, trial, {"training_iteration": step, "accuracy": value})
        assert all(cause.startswith(hostile.ALLOWED) for cause in Causes.seen), Causes.seen
        assert answer in (GO, STOP)
        stop = answer == STOP
        if before == "stopped":  # a stop is repeated at later results
            assert stop
            return True
        history = search.histories[trial.trial_id]
        if not stop:
            assert history.state == "running"
            return False
        cls.n_stopped += 1
        decision = scheduler.stops[trial.trial_id]
        assert decision.stop
        for again in (scheduler, self._restored()):
            same = again._search
            history = same.histories[trial.trial_id]
            assert same.core.judge(history.curve, same.view(judged=trial.trial_id)) == decision
        others = [[], []]
        for other in search.histories.values():
            if other is not search.histories[trial.trial_id] and other.state != "failed":
                others[other.state != "finished"].append(other.curve)
        hostile.check(decision, history.curve, *others, self.direction, scheduler.config, due=True)
        return True

    def _trial(self, pick, config):
        if pick < len(self.trials):
            return self.trials[pick]
        # Ray's ids are random and decide which trials are audited. Hypothesis needs repeatable examples.
        self.n_trials += 1
        trial = new_trial(self.scheduler, trial_id=f"trial {self.n_trials}", evaluated_params=config)
        self.trials.append(trial)
        return trial

    def _complete(self, trial, result=None):
        self.scheduler.on_trial_complete(None, trial, result)
        self.trials.remove(trial)
        assert self.scheduler.debug_string().startswith("Using LCPFNScheduler")

    def _new_scheduler(self):
        return LCPFNScheduler(metric="accuracy", mode=self.mode, **self.options)

    def _restored(self):
        path = type(self).folder / "state.json"
        self.scheduler.save(str(path))
        scheduler = self._new_scheduler()
        scheduler.restore(str(path))
        return scheduler


def test_whatever_happens_in_a_search(monkeypatch, tmp_path):
    hostile.make_networks_once(monkeypatch)
    Machine.folder = tmp_path
    log, handler = logging.getLogger("lcstop"), Causes()
    log.addHandler(handler)
    try:
        hostile.run(Machine)
    finally:
        log.removeHandler(handler)
    print(f"\n{Machine.n_steps} steps, {Machine.n_asked} results, {Machine.n_stopped} stops")
    assert Machine.n_stopped > 5
