"""A recorded study searched by Ray Tune's OptunaSearch."""

from contextlib import nullcontext

import numpy as np
import pytest
from typer.testing import CliRunner

from lcstop.benchmark import run_searches
from lcstop.benchmark.search_work import plan, run_unit
from lcstop.benchmark.settings import Setting
from lcstop.commands import app as cli
from lcstop_optuna.recorded_search import SEARCHER as OPTUNA
from lcstop_ray.recorded_search import SEARCHER
from tests.benchmark.searched_tasks import searched_task

NONE = Setting("limits", "none")
ASHA = Setting("ray", "asha", {"reduction_factor": 2, "grace_period": 1})
OURS = Setting("lcstop", options={"audit": 0}, by_target=True)


def searched(task, setting, sampler="tpe", seeds=(0,), workers=1, searcher=SEARCHER):
    units = plan([task], [setting], searcher, sampler, "best", 30, workers, seeds)
    return [record for unit in units for record in run_unit(unit)]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_without_stops_it_is_the_search_of_optuna(sampler):
    task = searched_task(60)
    (record,), (same,) = searched(task, NONE, sampler), searched(task, NONE, sampler, searcher=OPTUNA)
    assert (record.rows, record.epochs) == (same.rows, same.epochs)


@pytest.mark.parametrize("setting", [ASHA, OURS], ids=lambda setting: setting.name)
@pytest.mark.parametrize("workers", [1, 4])
def test_schedulers_stop_trials(setting, workers):
    task = searched_task(60)
    (record,), (again,) = searched(task, setting, workers=workers), searched(task, setting, workers=workers)
    assert (again.rows, again.epochs) == (record.rows, record.epochs)
    assert len(set(record.rows)) == 30
    assert 3 < sum(record.stopped) < 30
    for row, epochs, stopped in zip(record.rows, record.epochs, record.stopped, strict=True):
        assert stopped == (epochs < task.lengths[row])


def test_a_trial_fails_at_its_first_value_that_is_not_finite():
    task = searched_task(40)
    task.values[:20, 4] = np.nan
    for setting in (NONE, ASHA, OURS):
        (record,) = searched(task, setting)
        for row, epochs, stopped in zip(record.rows, record.epochs, record.stopped, strict=True):
            assert stopped or epochs == (5 if row < 20 else 10)


def test_what_cannot_be_searched_is_refused():
    task = searched_task(20)
    with pytest.raises(ValueError, match=r"ray.hyperband.* pauses trials"):
        searched(task, Setting("ray", "hyperband"))
    with pytest.raises(ValueError, match=r"optuna.sha.* is not a rule of a search with Ray Tune"):
        searched(task, Setting("optuna", "sha"))
    with pytest.raises(ValueError, match=r"the only limit of a search is limits\.none"):
        searched(task, Setting("limits", "patience"))
    with pytest.raises(ValueError, match="tpe and random, got shuffle"):
        searched(task, NONE, "shuffle")


def in_this_process(work, items):
    return zip(items, map(work, items), strict=True)


def test_the_command_searches_with_the_engine(monkeypatch, tmp_path):
    monkeypatch.setattr(run_searches, "read_tasks", lambda *_: [searched_task(40, name="a")])
    monkeypatch.setattr(run_searches, "executor", lambda *_: nullcontext(in_this_process))
    words = ["bench", "--sampler", "tpe", "--trials", "12", "--seeds", "2", "--min-configs", "20"]
    words += ["--curves", str(tmp_path), "--out", str(tmp_path), "--no-grid"]
    shown = CliRunner().invoke(cli.app, [*words, "--engine", "ray", "--policies", "ray.asha"])
    assert shown.exit_code == 0, shown.output
    assert (tmp_path / "searches-ray-tpe-12.json").exists()
    refused = CliRunner().invoke(cli.app, [*words, "--engine", "rai"])
    assert "needs the adapter 'rai'" in str(refused.exception)
