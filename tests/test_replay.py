"""The replay of recorded studies: what counts as an epoch, a kill, a regret and a speed-up."""

import math
import pickle

import numpy as np
import pytest

from lcstop.evaluation.packs import Pack
from lcstop.replay.limits import Clairvoyant, NoStopping, Patience
from lcstop.replay.loop import Action, InOrder, Outcome, budget_of, replay
from lcstop.replay.regret import Figures, figures, geometric_mean, regrets, speed_up
from lcstop.replay.settings import Setting, Study, build, parse
from lcstop.replay.task import Task

NAN = math.nan


def task_of(rows, direction="maximize", lengths=None, params=None, name="made up") -> Task:
    """A task of rows of any lengths; a row ends by itself where it is shorter than the longest."""
    n_steps = max(map(len, rows))
    values = np.array([[*row, *[NAN] * (n_steps - len(row))] for row in rows], float)
    ends = np.array(lengths or [len(row) for row in rows])
    return Task("tests", name, direction, values, ends, params)


def random_task(n_trials=60, n_steps=12, seed=0, direction="maximize") -> Task:
    rng = np.random.default_rng(seed)
    top, speed = rng.uniform(0.2, 0.9, (n_trials, 1)), rng.uniform(0.1, 0.9, (n_trials, 1))
    values = top * (1 - speed ** np.arange(1, n_steps + 1)) + rng.normal(0, 0.02, (n_trials, n_steps))
    sign = 1 if direction == "maximize" else -1
    return Task("tests", f"random {seed}", direction, sign * values, np.full(n_trials, n_steps))


def study_of(task: Task, number=0, target="best") -> Study:
    return Study(task, task.order(number).tolist(), target, f"{task.name}-{number}")


def run(task: Task, policy, number=0, workers=1, budget=None) -> Outcome:
    return replay(task, number, 0, policy, workers, budget or budget_of(task, workers))


class InGivenOrder(Task):
    """A task whose only order is that of its rows."""

    def order(self, number: int, seed: int = 0):
        return np.arange(self.n_trials)


def given(rows, **options) -> Task:
    task = task_of(rows, **options)
    return InGivenOrder(task.family, task.name, task.direction, task.values, task.lengths, task.params)


class StopAt(InOrder):
    """Stops trials at given steps."""

    def __init__(self, task, at):
        super().__init__(task.n_trials)
        self.at, self.seen, self.ended = at, [], []

    def report(self, trial, step, value):
        self.seen.append((trial, step, value))
        return Action.STOP if self.at.get(trial) == step else Action.GO

    def end(self, trial):
        self.ended.append(trial)


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
    # Trial 1 would have reached 0.5 > 0.3. Trial 2 has shown its 0.4 already, and ends with 0.3, as good as
    # trial 0. Trial 3 would not reach 0.4 and would end with 0.2.
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


def test_it_is_told_when_20_trials_were_over():
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
    budget = budget_of(task, workers)
    outcome = run(task, NoStopping(60), workers=workers)
    assert outcome.epochs == budget
    assert outcome.trials == budget // 12 >= 20


class PauseOnce(InOrder):
    """Pauses every trial after its first report, and goes on when all have been started."""

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


# Policies that frame the others


@pytest.mark.parametrize("target", ["best", "final"])
@pytest.mark.parametrize("workers", [1, 4])
def test_the_clairvoyant_is_never_wrong_and_never_slower(target, workers):
    for seed in range(5):
        task = random_task(seed=seed)
        budget = budget_of(task, workers)
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


# Regret and speed-up


def test_regret_by_hand():
    task = given([[0.5, 0.6], [0.7, 0.8], [0.9, 0.7]])
    outcome = run(task, NoStopping(3))
    # The best value is 0.9; the median first value, 0.7, caps the regret at 0.2.
    assert regrets(task, [outcome], "best", 8).round(3).tolist() == [[0.2, 0.2, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0]]
    # The best end is 0.8, and only finished trials count; the cap is 0.1.
    assert regrets(task, [outcome], "final", 8).round(3).tolist() == [
        [0.1, 0.1, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0]
    ]


def test_speed_up_by_hand():
    task = given([[0.5, 0.6, 0.7], [0.1, 0.1, 0.1], [0.2, 0.2, 0.2], [0.6, 0.8, 0.9]])
    none = run(task, NoStopping(4))
    quick = run(task, StopAt(task, {1: 1, 2: 1}))
    budget = 12
    assert figures(task, [none], [none], "best", budget).speed_up == 1.0  # 0.9 at the twelfth epoch
    found = figures(task, [quick], [none], "best", budget)
    assert found.speed_up == pytest.approx(12 / 8)
    assert (found.regret, found.regret_ratio, found.killed, found.wrong) == (0.0, 1.0, 2, 0)
    never = run(task, StopAt(task, {3: 2}))
    found = figures(task, [never], [none], "best", budget)
    assert (found.speed_up, found.wrong, found.regret_ratio) == (0.0, 1, math.inf)
    assert found.regret == pytest.approx(0.1)


def test_the_mean_regret_over_orders_is_what_must_get_there():
    mean = np.array([[3.0, 1.0, 1.0, 1.0], [3.0, 3.0, 1.0, 0.0]]).mean(0)
    assert speed_up(mean, goal=1.0) == pytest.approx(4 / 3)
    assert speed_up(mean, goal=0.4) == 0.0


def test_a_failure_counts_as_a_fifth():
    assert geometric_mean([0.0, 2.0, 2.5]) == pytest.approx(1.0)


def test_the_figures_of_no_stopping_against_itself():
    task = random_task()
    outcomes = [run(task, NoStopping(60), number) for number in range(6)]
    found = figures(task, outcomes, outcomes, "best", budget_of(task, 1))
    assert (found.regret_ratio, found.regret_excess, found.regret_error) == (1.0, 0.0, 0.0)
    assert (found.trials, found.epochs, found.seen) == (20.0, 240.0, (1.0, None))
    assert (found.killed, found.wrong_low, found.wrong_high) == (0, 0.0, 1.0)
    assert isinstance(found, Figures)


# Tasks


def test_orders_are_random_the_same_for_all_and_each_trial_comes_once():
    task = random_task()
    assert sorted(task.order(3)) == list(range(60))
    assert task.order(3).tolist() == task.order(3).tolist()
    assert task.order(3).tolist() != task.order(4).tolist()
    assert task.order(3).tolist() != task.order(3, seed=1).tolist()
    assert task.order(3).tolist() != random_task(seed=1).order(3).tolist()


def pack_of(values, lengths, diverged, **options) -> Pack:
    from lcstop import Curve

    values = np.array(values, float)
    steps = range(1, values.shape[1] + 1)
    curves = tuple(Curve(steps, row, values.shape[1]) for row in values)
    return Pack("f", "f/t", "minimize", curves, np.array(lengths), np.array(diverged), **options)


def test_a_diverged_trial_goes_on_reporting_nan():
    pack = pack_of([[3, 2, 1], [3, NAN, NAN], [NAN, NAN, NAN]], [3, 1, 0], [False, True, True])
    assert Task.from_pack(pack).lengths.tolist() == [3, 3, 3]


def test_where_trials_plan_their_own_length_one_that_diverges_reports_it_once():
    pack = pack_of(
        [[3, 2, 1], [3, NAN, NAN], [3, 2, NAN], [NAN, NAN, NAN]],
        [3, 1, 2, 0],
        [False, True, False, True],
        planned=True,
    )
    assert Task.from_pack(pack).lengths.tolist() == [3, 2, 2, 1]


def test_a_short_trial_that_has_not_diverged_is_complete():
    pack = pack_of([[3, 2, 1], [3, NAN, NAN]], [3, 1], [False, False])
    task = Task.from_pack(pack)
    assert task.lengths.tolist() == [3, 1]
    assert run(task, NoStopping(2)).epochs == 4


def test_seeds_and_outcomes_are_no_hyperparameters():
    configs = ({"lr": 0.1, "seed": 1, "nan_train_loss": True}, {"lr": 0.1, "seed": 2}, {"lr": 0.2, "seed": 1})
    task = Task.from_pack(pack_of([[1.0]] * 3, [1] * 3, [False] * 3, configs=configs))
    assert task.params == ({"lr": 0.1}, {"lr": 0.1}, {"lr": 0.2})
    assert (task.n_distinct, task.marked) == (2, True)


def test_a_task_of_40_configurations_counts():
    assert random_task(n_trials=39).marked
    assert not random_task(n_trials=40).marked


def test_a_task_says_what_is_wrong():
    with pytest.raises(ValueError, match="do not fit"):
        task_of([[1.0, 2.0]], lengths=[3])
    with pytest.raises(ValueError, match="no trial has a finite value"):
        task_of([[NAN, NAN]])


def test_a_task_can_be_sent_to_another_process():
    task = random_task()
    assert task.to_come.shape == (60, 13)
    copy = pickle.loads(pickle.dumps(task))  # noqa: S301, our own
    assert np.array_equal(copy.values, task.values)
    assert "to_come" not in copy.__dict__


# Settings


def test_words_stand_for_settings():
    assert [s.name for s in parse(["limits"], grid=False)] == ["limits.none", "limits.clairvoyant"]
    assert len(parse(["limits"], grid=True)) == 5
    (chosen,) = parse(["limits.patience:epochs=7"], grid=False)
    assert chosen.options == {"epochs": 7}
    policy = build(chosen, study_of(task := given([[0.5] * 9])))
    assert run(task, policy).epochs == 8


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("tarot", "a policy begins with"),
        ("limits.tarot", "limits has clairvoyant, none, patience, got 'limits.tarot'"),
        ("limits.patience:epochs", "an option is name=value"),
    ],
)
def test_a_word_that_names_no_policy_says_so(word, message):
    with pytest.raises(ValueError, match=message):
        parse([word], grid=False)


@pytest.mark.parametrize("options", [{"epochs": "many"}, {"epochs": 0}, {"n": 3}, {}])
def test_an_option_that_is_not_allowed_says_so(options):
    with pytest.raises(ValueError, match="got"):
        build(Setting("limits", "patience", options), study_of(random_task()))
