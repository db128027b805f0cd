"""The replay loop: epochs, stopped trials, workers, and the reference policies."""

import math

import pytest

from lcstop.benchmark.reference_rules import Clairvoyant, NoStopping, Patience
from lcstop.benchmark.regret import figures
from lcstop.simulation.loop import Action, SequentialPolicy, replay_budget
from tests.simulation.replay_tasks import NAN, StopAt, given, random_task, run, study_of

# What a replay counts


def test_every_report_costs_an_epoch_and_trials_run_one_after_another():
    task = given([[0.1, 0.2, 0.3], [0.2, 0.1, 0.5], [0.4, 0.6, 0.6]])
    policy = StopAt(task, {1: 2})
    outcome = run(task, policy)
    assert [(trial, step) for trial, step, _ in policy.seen] == [
        (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3)
    ]  # fmt: skip
    assert policy.ended == [0, 2]
    assert (outcome.epochs, outcome.trials, outcome.killed) == (8, 3, 1)
    assert outcome.best == [(1, 0.1), (2, 0.2), (3, 0.3), (6, 0.4), (7, 0.6)]
    assert outcome.final == [(3, 0.3), (8, 0.6)]


def test_a_kill_is_wrong_if_the_trial_would_have_beaten_the_incumbent_of_that_moment():
    task = given([[0.1, 0.2, 0.3], [0.2, 0.1, 0.5], [0.4, 0.2, 0.3], [0.0, 0.35, 0.2]])
    outcome = run(task, StopAt(task, {1: 2, 2: 1, 3: 1}))
    # Trial 1 would have reached 0.5 > 0.3. Trial 2 has already reported its best value, 0.4, and ends with
    # 0.3, as good as trial 0. Trial 3 would not reach 0.4 and would end with 0.2.
    assert (outcome.killed, outcome.wrong_best, outcome.wrong_final) == (3, 1, 1)


def test_what_is_stopped_at_its_own_last_report_has_finished():
    task = given([[0.1, 0.2], [0.3]])
    outcome = run(task, StopAt(task, {0: 2, 1: 1}))
    assert (outcome.killed, outcome.final) == (0, [(2, 0.2), (3, 0.3)])


def test_nan_and_infinity_are_never_the_best():
    task = given([[NAN, 0.5, math.inf], [0.4, 0.3, NAN], [0.1, 0.1, 0.2]], lengths=[3, 3, 3])
    outcome = run(task, NoStopping(3))
    assert outcome.best == [(2, 0.5)]
    assert outcome.final == [(9, 0.2)]
    assert (task.best_value, task.best_final_value, task.start_value) == (0.5, 0.2, 0.4)


def test_when_minimising_the_least_value_is_the_best():
    task = given([[3.0, 2.0], [2.5, 1.0]], direction="minimize")
    outcome = run(task, NoStopping(2))
    assert outcome.best == [(1, 3.0), (2, 2.0), (4, 1.0)]
    assert run(task, Clairvoyant(study_of(task))).wrong_best == 0


def test_the_budget_ends_a_replay_within_a_trial():
    outcome = run(random_task(), NoStopping(60), budget=30)
    assert (outcome.epochs, outcome.trials, outcome.killed) == (30, 3, 0)


def test_a_study_whose_configurations_are_used_up_idles():
    task = random_task(n_trials=5)
    outcome = run(task, Patience(task, 1), budget=1000)
    assert outcome.trials == 5
    assert outcome.epochs < 60


def test_the_outcome_has_the_epoch_at_which_20_trials_had_ended():
    task = random_task(n_trials=30, n_steps=10)
    assert run(task, NoStopping(30)).seen == [200, None]
    assert run(task, StopAt(task, dict.fromkeys(range(10), 5))).seen == [150, None]


# Workers


def test_workers_advance_together_and_take_new_trials_as_they_get_free():
    task = given([[0.1, 0.2, 0.3], [0.2, 0.1, 0.5], [0.4, 0.6, 0.7], [0.1, 0.1, 0.1]])
    policy = StopAt(task, {1: 1})
    run(task, policy, workers=2)
    assert [(trial, step) for trial, step, _ in policy.seen] == [
        (0, 1), (1, 1), (0, 2), (2, 1), (0, 3), (2, 2), (3, 1), (2, 3), (3, 2), (3, 3)
    ]  # fmt: skip


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_every_worker_can_end_a_whole_trial_within_the_budget(workers):
    task = random_task()
    budget = replay_budget(task, workers)
    outcome = run(task, NoStopping(60), workers=workers)
    assert outcome.epochs == budget
    assert outcome.trials == budget // 12 >= 20


class PauseOnce(SequentialPolicy):
    """Pauses every trial after its first report. Resumes them when all have been started."""

    def __init__(self, task, drop=()):
        super().__init__(task.n_trials)
        self.paused, self.drop, self.runs = [], list(drop), []

    def next(self):
        trial = super().next()
        if trial is None and self.paused:
            trial = self.paused.pop(0)
        if trial is not None:
            self.runs.append(trial)
        return trial

    def report(self, trial, step, value):
        if step > 1:
            return Action.GO
        if trial in self.drop:
            self.dropped.append(trial - 1)
            self.paused.remove(trial - 1)
        self.paused.append(trial)
        return Action.PAUSE


def test_a_paused_trial_goes_on_where_it_was():
    task = given([[0.1, 0.2], [0.2, 0.1], [0.4, 0.6]])
    outcome = run(task, PauseOnce(task))
    assert (outcome.epochs, outcome.trials, outcome.killed) == (6, 3, 0)
    assert outcome.final == [(4, 0.2), (6, 0.6)]


def test_a_paused_trial_can_be_dropped_and_counts_as_killed():
    task = given([[0.1, 0.7], [0.2, 0.1], [0.4, 0.6]])
    outcome = run(task, PauseOnce(task, drop=[1]))
    assert (outcome.epochs, outcome.killed, outcome.wrong_best) == (5, 1, 1)


def test_a_trial_paused_at_its_last_report_has_finished():
    task = given([[0.1], [0.2, 0.3]])
    outcome = run(task, PauseOnce(task))
    assert (outcome.epochs, outcome.final) == (3, [(1, 0.1), (3, 0.3)])


# Reference policies


@pytest.mark.parametrize("target", ["best", "final"])
@pytest.mark.parametrize("workers", [1, 4])
def test_the_clairvoyant_is_never_wrong_and_never_slower(target, workers):
    for seed in range(5):
        task = random_task(seed=seed)
        budget = replay_budget(task, workers)
        none = [run(task, NoStopping(60), n, workers) for n in range(4)]
        seer = [run(task, Clairvoyant(study_of(task, n, target)), n, workers) for n in range(4)]
        found = figures(task, seer, none, target, budget)
        assert found.wrong == 0
        assert found.killed > 0
        assert found.speed_up >= figures(task, none, none, target, budget).speed_up


def test_the_clairvoyant_pays_an_epoch_for_a_trial_that_will_not_win():
    task = given([[0.1, 0.9, 0.2], [0.2, 0.3, 0.4], [0.1, 0.2, 0.95]])
    policy = Clairvoyant(study_of(task))
    outcome = run(task, policy)
    assert (outcome.epochs, outcome.killed, outcome.best[-1]) == (2 + 1 + 3, 2, (6, 0.95))


def test_patience_counts_epochs_since_the_trials_own_best():
    task = given([[0.1, 0.5, 0.4, NAN, 0.6], [NAN, NAN, 0.3, 0.4, 0.5]])
    assert run(task, Patience(task, 2)).epochs == 4 + 2
    assert run(task, Patience(task, 3)).epochs == 5 + 5
