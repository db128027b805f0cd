"""A recorded study searched by Optuna."""

import math

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from lcstop.benchmark.search_space import SearchSpace
from lcstop.benchmark.search_work import plan, run_unit
from lcstop.benchmark.settings import Setting
from lcstop.simulation.task import Task
from lcstop_optuna import RESUMES_ATTR, recorded_search
from lcstop_optuna.recorded_search import SEARCHER
from tests.benchmark.searched_tasks import searched_task

NONE = Setting("limits", "none")
HALVING = Setting("optuna", "sha", {"reduction_factor": 2, "min_resource": 1})
OURS = Setting("lcstop", options={"audit": 0}, by_target=True)
PAUSING = Setting("lcstop", options={"pause": True}, by_target=True)


def searched(task, setting, sampler="tpe", n_trials=30, seeds=(0,), target="best", workers=1):
    units = plan([task], [setting], SEARCHER, sampler, target, n_trials, workers, seeds)
    return [record for unit in units for record in run_unit(unit)]


@pytest.fixture
def studies(monkeypatch):
    """The studies of all searches."""
    made, create = [], optuna.create_study

    def create_study(**options):
        made.append(create(**options))
        return made[-1]

    monkeypatch.setattr(recorded_search.optuna, "create_study", create_study)
    return made


def test_a_search_runs_each_trial_once_and_is_reproducible():
    task = searched_task(60)
    (record,) = searched(task, HALVING)
    assert len(set(record.rows)) == 30
    assert any(record.stopped)
    assert not all(record.stopped)
    for row, epochs, stopped in zip(record.rows, record.epochs, record.stopped, strict=True):
        assert stopped == (epochs < task.lengths[row])
    (again,) = searched(task, HALVING)
    assert (again.rows, again.epochs) == (record.rows, record.epochs)
    assert searched(task, HALVING, seeds=(1,))[0].rows != record.rows


def test_a_small_task_is_searched_to_its_end():
    (record,) = searched(searched_task(20), NONE)
    assert sorted(record.rows) == list(range(20))
    assert set(record.epochs) == {10}


def test_the_sampler_learns_and_the_random_one_does_not():
    task = searched_task(300)
    best = np.argsort(task.later_best[:, 0])[-30:]
    share = {
        sampler: np.mean([np.isin(r.rows, best).mean() for r in searched(task, NONE, sampler, 60, (0, 1, 2))])
        for sampler in ("tpe", "random")
    }
    assert share["tpe"] > 1.5 * share["random"]


def test_the_study_is_that_of_a_user(studies):
    task = searched_task(40, direction="minimize")
    (record,) = searched(task, HALVING)
    (study,) = studies
    space = SearchSpace.of(task)
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    assert isinstance(study.pruner, optuna.pruners.SuccessiveHalvingPruner)
    runs = zip(study.trials, record.rows, record.epochs, record.stopped, strict=True)
    for trial, row, epochs, stopped in runs:
        assert set(trial.params) == {column.name for column in space.columns}
        assert trial.intermediate_values == dict(enumerate(task.values[row, :epochs], 1))
        assert trial.state == (TrialState.PRUNED if stopped else TrialState.COMPLETE)
        if not stopped:
            assert trial.value == task.values[row, -1]


def test_a_shuffle_is_the_order_of_a_replay(studies):
    task = searched_task(40)
    task.params[3].update(task.params[7])  # two trials with the same hyperparameters are told apart
    (record,) = searched(task, HALVING, "shuffle", 12, (4,))
    assert list(record.rows) == task.order(4)[:12].tolist()
    columns = SearchSpace.of(task).columns
    for trial, row in zip(studies[0].trials, record.rows, strict=True):
        assert trial.params == {column.name: column.value(row) for column in columns}


def test_a_shuffle_needs_no_hyperparameters():
    task = searched_task(20)
    bare = Task("tests", "bare", "maximize", task.values, task.lengths)
    (record,) = searched(bare, OURS, "shuffle", 20)
    assert list(record.rows) == bare.order(0).tolist()
    assert any(record.stopped)


def test_workers_take_turns(studies):
    task = searched_task(60)
    (record,) = searched(task, HALVING, workers=4)
    assert len(record.rows) == len(set(record.rows)) == 30
    (study,) = studies
    assert [trial.last_step for trial in study.trials] == list(record.epochs)
    started = [trial.datetime_start for trial in study.trials]
    assert started[3] < study.trials[0].datetime_complete  # four trials run at once
    assert started[4] > min(trial.datetime_complete for trial in study.trials[:4])
    moments = np.concatenate(record.moments)
    assert sorted(moments) == list(range(1, sum(record.epochs) + 1))
    assert [m[0] for m in record.moments[:4]] == [1, 2, 3, 4]
    assert searched(task, HALVING)[0].rows != record.rows


@pytest.mark.parametrize("sampler", ["tpe", "shuffle"])
def test_a_trial_that_waits_goes_on_with_its_own_row(studies, sampler):
    task = searched_task(60)
    (record,) = searched(task, PAUSING, sampler)
    (study,) = studies
    assert len(record.rows) == len(set(record.rows)) == 30
    if sampler == "shuffle":
        assert list(record.rows) == task.order(0)[:30].tolist()
    parts = {}
    for trial, (index, epochs) in zip(study.trials, record.turns, strict=True):
        parts.setdefault(index, []).append(trial)
        assert len(trial.intermediate_values) == epochs
    assert any(len(own) > 1 for own in parts.values())
    for index, own in parts.items():
        row, epochs = record.rows[index], record.epochs[index]
        reports = [report for trial in own for report in trial.intermediate_values.items()]
        assert reports == [*enumerate(task.values[row, :epochs], 1)]  # no epoch twice
        assert [trial.user_attrs.get(RESUMES_ATTR) for trial in own[1:]] == [t.number for t in own[:-1]]
        assert record.stopped[index] == (own[-1].state == TrialState.PRUNED) == (epochs < task.lengths[row])
    assert sum(map(len, record.moments)) == sum(record.epochs) < 30 * 10
    assert sorted(np.concatenate(record.moments)) == list(range(1, sum(record.epochs) + 1))


def test_a_trial_that_diverges_after_a_wait_is_not_tried_again(studies):
    task = searched_task(30)
    task.values[::3, 3] = math.nan
    (record,) = searched(task, PAUSING, "shuffle", 12)
    diverged = [index for index, row in enumerate(record.rows) if row % 3 == 0 and record.epochs[index] == 4]
    assert diverged
    assert not any(record.stopped[index] for index in diverged)
    assert sum(math.isnan(t.intermediate_values.get(4, 0)) for t in studies[0].trials) == len(diverged)
    assert sum(epochs for _, epochs in record.turns) == sum(record.epochs)


def test_a_trial_fails_at_its_first_nan(studies):
    task = searched_task(30)
    values = task.values.copy()
    values[:, 4:] = math.nan
    diverging = Task("tests", "nan", "maximize", values, task.lengths, task.params)
    (record,) = searched(diverging, NONE, n_trials=5)
    assert (record.epochs, record.stopped) == ((5,) * 5, (False,) * 5)
    assert {trial.state for trial in studies[0].trials} == {TrialState.FAIL}


def test_lcstop_is_told_planned_lengths(studies):
    task = searched_task(40)
    planned = np.where(np.arange(40) % 2, 10, 6)
    values = np.where(np.arange(10) < planned[:, None], task.values, math.nan)
    lengths = Task("tests", "planned", "maximize", values, planned, task.params, planned.astype(float))
    searched(lengths, OURS, n_trials=8)
    searched(lengths, Setting("lcstop", options={"horizon": "longest"}), n_trials=8)
    told, longest = studies
    assert told.pruner.config.horizon == "planned_length"
    assert {trial.user_attrs["planned_length"] for trial in told.trials} == {6, 10}
    assert longest.pruner.config.horizon == 10


def test_the_rules_are_the_real_ones_with_the_target(studies):
    searched(searched_task(30), OURS, n_trials=3, target="final")
    (study,) = studies
    assert type(study.pruner).__name__ == "LCPFNPruner"
    assert (study.pruner.config.target, study.pruner.config.audit) == ("final", 0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (Setting("limits", "clairvoyant"), "the only limit of a search is limits.none"),
        (Setting("optuna", "sha", {"eta": 3}), "is not a setting of an Optuna pruner"),
        (Setting("lcstop", options={"preset": "tarot"}), "preset"),
        (Setting("lcstop", options={"horizon": 7}), "horizon must be 'longest' or left out"),
    ],
)
def test_what_cannot_be_searched_with_says_so(setting, message):
    with pytest.raises(ValueError, match=message):
        searched(searched_task(), setting)


def test_trials_of_several_workers_cannot_wait():
    with pytest.raises(ValueError, match=r"'lcstop:pause=True' pauses trials: a search has 1 worker, got 4"):
        searched(searched_task(), PAUSING, workers=4)


def test_a_missing_source_of_rules_says_so():
    with pytest.raises(ValueError, match=r"'ray.asha' is not a rule of a search with Optuna"):
        searched(searched_task(), Setting("ray", "asha"))
