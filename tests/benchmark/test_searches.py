"""Figures, tables and pictures of searches, and ``lcstop bench --sampler``."""

import io
import json
import math

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from lcstop._utils.json_safe import json_safe
from lcstop.benchmark import run_benchmark, run_searches
from lcstop.benchmark.run_searches import SearchOptions
from lcstop.benchmark.search_figures import Searches
from lcstop.benchmark.search_pictures import draw, lines
from lcstop.benchmark.search_record import SearchRecord
from lcstop.benchmark.search_space import SearchSpace
from lcstop.benchmark.search_table import tables
from lcstop.commands import app as cli
from lcstop.simulation.task import Task
from lcstop_optuna.recorded_search import SEARCHER
from tests.benchmark.rule_sources import ADAPTERS
from tests.benchmark.searched_tasks import searched_task
from tests.benchmark.test_run_benchmark import Here
from tests.simulation.replay_tasks import NAN, task_of

# The space


def space_of(**columns):
    n = len(next(iter(columns.values())))
    params = tuple({name: values[i] for name, values in columns.items()} for i in range(n))
    task = Task("a", "a", "maximize", np.ones((n, 1)), np.ones(n, int), params)
    return {column.name: column for column in SearchSpace.of(task).columns}


def test_many_values_are_ranks_and_few_are_values_or_logarithms():
    many = space_of(lr=[10.0**-i for i in range(21)])["lr"]
    assert many.positions == pytest.approx(np.linspace(1, 0, 21))
    few = space_of(width=[16, 1024, 128], depth=["1", "2", "5"])
    assert few["width"].positions == pytest.approx([0, 1, 0.5])
    assert few["depth"].positions == pytest.approx([0, 0.25, 1])


def test_equal_values_have_one_position():
    column = space_of(lr=[1.0, *range(1, 22)])["lr"]
    assert column.positions[0] == column.positions[1] == 0


def test_what_cannot_be_searched_is_left_out():
    columns = space_of(
        one=[3, 3, 3], missing=[1, None, 2], infinite=[1.0, math.inf, 2.0], kind=["a", "b", "a"]
    )
    assert set(columns) == {"infinite", "kind"}
    assert columns["infinite"].categories == ("1.0", "2.0", "inf")
    assert "name" not in space_of(name=[f"net {i}" for i in range(21)], x=list(range(21)))


def test_the_nearest_free_trial_runs():
    task = searched_task(30)
    space = SearchSpace.of(task)
    free = np.ones(30, bool)
    proposal = {
        column.name: column.categories[int(column.positions[7])] if column.categories else column.positions[7]
        for column in space.columns
    }
    assert space.nearest(proposal, free) == 7
    free[7] = False
    other = space.nearest(proposal, free)
    assert other != 7
    assert task.params[other]["opt"] == task.params[7]["opt"]


# The figures

TASK = task_of([[0.0, 0.5, 1.0], [0.0, 0.8, 0.6], [0.0, 0.1, 0.2]])


def record(rows, epochs, stopped=None, seed=0):
    stopped = [e < 3 for e in epochs] if stopped is None else stopped
    return SearchRecord(seed, rows, epochs, stopped)


def test_regret_after_trials_and_after_epochs():
    one = Searches(TASK, [record([2, 1, 0], [3, 2, 3])], "best")
    assert one.after_trials() == pytest.approx(np.array([[0.8, 0.2, 0.0]]))
    assert one.after_epochs.mean(0) == pytest.approx([1.0, 0.9, 0.8, 0.8, 0.2, 0.2, 0.2, 0.0])
    final = Searches(TASK, [record([2, 1, 0], [3, 2, 3])], "final")
    assert final.after_trials() == pytest.approx(np.array([[0.8, 0.8, 0.0]]))
    assert final.after_epochs.mean(0) == pytest.approx([1, 1, 0.8, 0.8, 0.8, 0.8, 0.8, 0.0])


def test_searches_of_different_lengths_are_averaged_until_the_longest_ends():
    both = Searches(TASK, [record([0], [3]), record([2, 0], [1, 2])], "best")
    assert both.after_epochs.mean(0) == pytest.approx([1.0, (0.5 + 1) / 2, 0.25])


def test_regret_after_epochs_of_several_workers():
    two = SearchRecord(0, [2, 1, 0], [3, 2, 3], [False, True, False], workers=2)
    # Epochs 1 to 8 are those of trials 0, 1, 0, 1, 0, 2, 2, 2.
    assert [moments.tolist() for moments in two.moments] == [[1, 3, 5], [2, 4], [6, 7, 8]]
    assert Searches(TASK, [two], "best").after_epochs.mean(0) == pytest.approx(
        [1, 1, 0.9, 0.2, 0.2, 0.2, 0.2, 0]
    )
    assert Searches(TASK, [two], "final").after_epochs.mean(0) == pytest.approx(
        [1, 1, 1, 1, 0.8, 0.8, 0.8, 0]
    )


def test_regret_after_epochs_where_trials_wait():
    turns = [(0, 1), (1, 2), (0, 2), (2, 3)]
    waited = SearchRecord(0, [2, 1, 0], [3, 2, 3], [False, True, False], turns=turns)
    assert [moments.tolist() for moments in waited.moments] == [[1, 4, 5], [2, 3], [6, 7, 8]]
    after_epochs = Searches(TASK, [waited], "best").after_epochs.mean(0)
    assert after_epochs == pytest.approx([1, 1, 0.2, 0.2, 0.2, 0.2, 0.2, 0])
    assert SearchRecord.from_json(json.loads(json.dumps(waited.to_json()))).moments[0].tolist() == [1, 4, 5]


def test_figures_against_the_same_seed_without_a_pruner():
    without = Searches(TASK, [record([2, 0], [3, 3]), record([1, 2], [3, 3], seed=1)], "best")
    pruned = Searches(TASK, [record([2, 0], [3, 2]), record([1, 2], [3, 1], seed=1)], "best")
    figures = pruned.figures(without)
    assert figures.share == pytest.approx((5 / 6 + 4 / 6) / 2)
    assert figures.regret == pytest.approx((0.5 + 0.2) / 2)
    assert figures.excess == pytest.approx(0.25)
    assert (figures.worse, figures.worse_by_a_point, figures.kept, figures.stopped) == (0.5, 0.5, 0.5, 2)
    assert figures.sooner == 0
    # The mean regret without a pruner, (0 + 0.2) / 2, is reached at its last epoch.
    assert without.figures(without).sooner == pytest.approx(1)
    assert without.worse_than_itself() == 0.5
    # The goal of the first seed alone is reached at its end, that of the second at once.
    assert without.sooner(without, np.eye(2)) == pytest.approx([6 / 6, 6 / 2])
    assert pruned.sooner(without, np.eye(2)) == pytest.approx([0, 6 / 2])


def test_the_best_trial_is_kept_if_its_best_value_was_found():
    task = task_of([[0, 1.0, 0.4], [0, 1.0, 0.4], [0, 0.5, 0.6]])
    for epochs, best, final in (
        ([3, 3, 3], True, True),
        ([2, 1, 3], True, True),  # stopped after its best report
        ([1, 3, 1], True, False),  # an equal trial was kept
        ([1, 1, 3], False, True),
    ):
        searched = record([0, 1, 2], epochs)
        assert (searched.kept_best(task, "best"), searched.kept_best(task, "final")) == (best, final)


def test_a_trial_that_diverged_costs_its_whole_length_in_the_share():
    task = task_of([[0.1, NAN, NAN], [0.1, 0.2, 0.3]], lengths=[3, 3])
    searched = SearchRecord(0, [0, 1], [2, 3], [False, False])
    assert searched.whole_epochs(task) == 6
    assert searched.gains(task, "best").tolist() == [0.1, 0.3]
    assert searched.gains(task, "final").tolist() == [-math.inf, 0.3]


# The benchmark


@pytest.fixture
def here(monkeypatch):
    from contextlib import contextmanager

    here = Here()

    @contextmanager
    def processes(jobs):
        yield here

    monkeypatch.setattr(run_benchmark, "worker_processes", processes)
    monkeypatch.setattr(run_searches, "draw", lambda summary, folder, name: None)
    tasks = [searched_task(seed=i, direction=d) for i, d in enumerate(("maximize", "minimize"))]
    monkeypatch.setattr(run_searches, "read_tasks", lambda curves, pattern: tasks)
    return here


def run(out, **options):
    options = {
        "policies": ["optuna.sha:reduction_factor=2:min_resource=1", "optuna.sha"], "trials": 15, "seeds": 3,
        "min_configs": 20, "grid": False,
    } | options  # fmt: skip
    console = Console(file=io.StringIO())
    return run_searches.run(SearchOptions(out, **options), out, console, ADAPTERS, SEARCHER)


def timeless(summary):
    kept = json.loads(json.dumps(json_safe(summary)))
    del kept["machine"], kept["versions"]
    for row in [*kept["cells"], *(row for scope in kept["scopes"] for row in scope["settings"])]:
        row.pop("seconds")
    return kept


def test_a_benchmark_of_searches_has_both_halves_of_the_truth(here, tmp_path):
    summary = run(tmp_path)
    assert [scope["scope"] for scope in summary["scopes"]] == ["all tasks", "tests"]
    rows = {row["setting"]: row for row in summary["scopes"][0]["settings"]}
    none = rows["limits.none"]
    assert (none["share"], none["excess"], none["worse"], none["kept"]) == (1, 0, 0, 1)
    assert none["sooner"] >= 1
    assert 0 < none["sooner_error"] < 1
    for name in ("optuna.sha", "optuna.sha:reduction_factor=2:min_resource=1"):
        assert rows[name]["share"] < 0.9
        assert rows[name]["stopped"] > 0
    assert summary["scopes"][0]["best_stock"] in rows
    assert json.loads((tmp_path / "searches-tpe-15.json").read_text())["config"]["seeds"] == 3
    console = Console(file=io.StringIO(), width=200)
    for table in tables(summary):
        console.print(table)
    for words in (
        "Searches of 15 trials over 2 tasks: sampler tpe, 3 seeds, 1 worker",
        "best trial",
        "tests/1",
    ):
        assert words in console.file.getvalue()


def test_searches_resume_and_are_not_mixed_up(here, tmp_path):
    first = run(tmp_path)
    here.done = 0
    assert timeless(run(tmp_path)) == timeless(first)
    assert here.done == 0
    for options in ({"sampler": "random"}, {"trials": 10}, {"seed": 5}, {"workers": 4}):
        here.done = 0
        run(tmp_path, **options)
        assert here.done == 2 * 3  # tasks and settings


def test_the_picture_has_a_line_for_each_rule(here, tmp_path):
    grid = [f"optuna.sha:reduction_factor=2:min_resource={n}" for n in (1, 2, 4)]
    summary = run(tmp_path, policies=[*grid, "optuna.sha", "optuna.median"])
    found = {line.name: line for line in lines(summary)}
    assert set(found) == {"limits.none", "optuna.median", "optuna.sha", "optuna.sha:reduction_factor=2"}
    line = found["optuna.sha:reduction_factor=2"]
    assert set(line.settings) == set(grid)
    assert line.share == sorted(line.share)
    paths = draw(summary, tmp_path, "searches")
    assert paths[0].read_bytes()[1:4] == b"PNG"
    assert "optuna.sha:reduction_factor=2:min_resource=4" in paths[1].read_text(encoding="utf-8")


def test_a_task_without_enough_configurations_is_not_searched(here, tmp_path):
    with pytest.raises(ValueError, match="at least 41 configurations, which a search needs"):
        run(tmp_path, min_configs=41)


def test_the_command_searches(here, tmp_path):
    words = ["bench", "--sampler", "tpe", "--trials", "12", "--seeds", "2", "--min-configs", "20"]
    words += ["--curves", str(tmp_path), "--out", str(tmp_path), "--no-grid", "--policies", "optuna.sha"]
    shown = CliRunner().invoke(cli.app, words)
    assert shown.exit_code == 0, shown.output
    assert "Searches of 12 trials over 2 tasks: sampler tpe, 2 seeds, 1 worker, target best" in shown.stdout
    printed = CliRunner().invoke(cli.app, [*words, "--json"])
    assert json.loads(printed.stdout)["config"]["sampler"] == "tpe"
    with pytest.raises(ValueError, match="--resume-cost goes with --sampler order, got 1 with tpe"):
        CliRunner().invoke(cli.app, [*words, "--resume-cost", "1"], catch_exceptions=False)
