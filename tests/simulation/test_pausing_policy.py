"""Trials that wait in a replay."""

from __future__ import annotations

import numpy as np
import pytest

from lcstop import PrunerConfig, PrunerCore
from lcstop.simulation.loop import Action, replay
from lcstop.simulation.pausing_policy import PausingPolicy
from lcstop.simulation.task import ReplayStudy, Task

HORIZON, N = 50, 40


def task(*, failing: int = 0) -> Task:
    """Trials that rise to their levels, at the same speed. The last ``failing`` ones fail at step 1."""
    rng = np.random.default_rng(3)
    levels = rng.uniform(0.2, 0.9, N)
    values = levels[:, None] * (1 - 0.9 ** np.arange(1, HORIZON + 1)) + rng.normal(0, 0.003, (N, HORIZON))
    lengths = np.full(N, HORIZON)
    if failing:
        lengths[-failing:] = 1
        values[-failing:] = np.nan
    return Task("made up", "rising", "maximize", values, lengths)


class Watched(PausingPolicy):
    """Counts the epochs of each trial, and checks that no epoch is trained twice."""

    def __init__(self, study, **options):
        super().__init__(PrunerCore(PrunerConfig(horizon=HORIZON, pause=True, **options)), study)
        self.trained, self.paused = {}, 0

    def report(self, trial, step, value):
        assert step == self.trained.get(trial, 0) + 1
        self.trained[trial] = step
        action = super().report(trial, step, value)
        self.paused += action is Action.PAUSE
        return action

    @property
    def stopped(self):
        return [trial for trial, seen in self._seen.items() if seen.state == "stopped"]


def run(recorded, workers=1, budget=10**6, **options):
    study = ReplayStudy(recorded, recorded.order(0).tolist(), "best", "a replay")
    policy = Watched(study, **options)
    return replay(recorded, 0, 0, policy, workers, budget), policy


@pytest.mark.parametrize("workers", [1, 3])
def test_a_search_ends_with_its_best_trial_trained_to_the_end(workers):
    recorded = task()
    outcome, policy = run(recorded, workers)
    assert outcome.trials == N
    assert policy.paused > N / 2
    assert outcome.final[-1][1] == recorded.best_final_value
    states = [seen.state for seen in policy._seen.values()]
    assert set(states) == {"finished", "stopped"}
    assert states.count("stopped") == len(policy.stopped) == outcome.killed
    assert outcome.epochs < 0.7 * N * HORIZON


def test_what_waits_is_stopped_at_the_end_and_spends_its_probability():
    _, policy = run(task(), n_trials=N)
    found = policy._table.certificate()
    assert found.n_stopped == len(policy.stopped) > 0
    spent = sum(policy._judgements[trial][-1].p_best for trial in policy.stopped)
    assert found.expected_lost == pytest.approx(spent)
    assert spent <= 0.05


def test_nothing_is_spent_while_trials_wait():
    _, policy = run(task(), budget=200)
    assert policy.paused > 5
    assert policy._table.certificate().expected_lost == 0


def test_good_trials_are_found_sooner_than_without_pauses():
    recorded = task()
    budget = 5 * HORIZON
    with_pauses, _ = run(recorded, budget=budget)
    assert with_pauses.trials > 12
    top = np.sort(recorded.gains.max(1))[-3]
    assert with_pauses.best[-1][1] >= top


def test_failed_trials_are_left_out():
    outcome, policy = run(task(failing=15))
    assert outcome.trials == N
    assert len(policy._seen) == N - 15


def test_diverged_trials_count_as_the_worst():
    recorded = task()
    recorded.values[::4, 2:] = np.nan
    outcome, policy = run(recorded)
    assert [seen.state for seen in policy._seen.values()].count("stopped") >= 10
    assert outcome.trials == N


def test_the_same_study_is_replayed_alike():
    recorded = task()
    first, second = (run(recorded, workers=2)[0] for _ in range(2))
    first.seconds = second.seconds = 0
    assert first == second
