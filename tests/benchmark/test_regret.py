"""Regret, speed-up, tasks and settings."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest

from lcstop.benchmark.reference_rules import NoStopping
from lcstop.benchmark.regret import Figures, figures, geometric_mean, regrets, speed_up
from lcstop.benchmark.settings import Setting
from lcstop.curves.packs import Pack
from lcstop.simulation.loop import replay_budget
from lcstop.simulation.task import Task
from tests.benchmark.rule_sources import build, parse
from tests.simulation.replay_tasks import NAN, StopAt, given, random_task, run, study_of, task_of

# Regret and speed-up


def test_regret_by_hand():
    task = given([[0.5, 0.6], [0.7, 0.8], [0.9, 0.7]])
    outcome = run(task, NoStopping(3))
    # The best value is 0.9; the median first value, 0.7, caps the regret at 0.2.
    assert regrets(task, [outcome], "best", 8).round(3).tolist() == [[0.2, 0.2, 0.2, 0.1, 0.0, 0.0, 0.0, 0.0]]
    # The best final value is 0.8. Only finished trials count. The cap is 0.1.
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
    found = figures(task, outcomes, outcomes, "best", replay_budget(task, 1))
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
        chosen=np.array([3.0, 3.0, 2.0, 1.0]),
    )
    task = Task.from_pack(pack)
    assert task.lengths.tolist() == [3, 2, 2, 1]
    assert task.planned.tolist() == [3, 3, 2, 1]
    assert Task.from_pack(replace(pack, chosen=None)).digest != task.digest
    with pytest.raises(ValueError, match="f/t: a trial is longer than planned"):
        Task.from_pack(replace(pack, chosen=np.array([3.0, 1.0, 2.0, 1.0])))


def test_a_short_trial_that_has_not_diverged_is_complete():
    pack = pack_of([[3, 2, 1], [3, NAN, NAN]], [3, 1], [False, False])
    task = Task.from_pack(pack)
    assert task.lengths.tolist() == [3, 1]
    assert run(task, NoStopping(2)).epochs == 4


def test_seeds_and_outcomes_are_no_hyperparameters():
    configs = ({"lr": 0.1, "seed": 1, "nan_train_loss": True}, {"lr": 0.1, "seed": 2}, {"lr": 0.2, "seed": 1})
    task = Task.from_pack(pack_of([[1.0]] * 3, [1] * 3, [False] * 3, configs=configs))
    assert task.params == ({"lr": 0.1}, {"lr": 0.1}, {"lr": 0.2})
    assert (task.n_distinct, task.is_small) == (2, True)


def test_a_task_of_40_configurations_counts():
    assert random_task(n_trials=39).is_small
    assert not random_task(n_trials=40).is_small


def test_a_task_says_what_is_wrong():
    with pytest.raises(ValueError, match="do not fit"):
        task_of([[1.0, 2.0]], lengths=[3])
    with pytest.raises(ValueError, match="no trial has a finite value"):
        task_of([[NAN, NAN]])


def test_a_task_can_be_sent_to_another_process():
    task = random_task()
    assert task.later_best.shape == (60, 13)
    copy = pickle.loads(pickle.dumps(task))  # noqa: S301, our own
    assert np.array_equal(copy.values, task.values)
    assert "later_best" not in copy.__dict__


# Settings


def test_words_stand_for_settings():
    assert [s.name for s in parse(["limits"], grid=False)] == ["limits.none", "limits.clairvoyant"]
    assert len(parse(["limits"], grid=True)) == 6
    (chosen,) = parse(["limits.patience:epochs=7"], grid=False)
    assert chosen.options == {"epochs": 7}
    policy = build(chosen, study_of(task := given([[0.5] * 9])))
    assert run(task, policy).epochs == 8


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("tarot", "a policy must begin with"),
        ("limits.tarot", "limits has the rules clairvoyant, none, patience, promotion, got 'limits.tarot'"),
        ("limits.patience:epochs", "an option must be name=value"),
        ("limits.promotion", "limits.promotion has no default setting: name one of limits.promotion:"),
    ],
)
def test_a_word_that_names_no_policy_says_so(word, message):
    with pytest.raises(ValueError, match=message):
        parse([word], grid=False)


@pytest.mark.parametrize("options", [{"epochs": "many"}, {"epochs": 0}, {"n": 3}, {}])
def test_an_option_that_is_not_allowed_says_so(options):
    with pytest.raises(ValueError, match="got"):
        build(Setting("limits", "patience", options), study_of(random_task()))
