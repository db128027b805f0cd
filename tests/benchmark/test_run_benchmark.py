"""``lcstop bench``: resumed, in parallel, from the command line."""

import io
import json
from concurrent.futures import Executor, Future
from contextlib import contextmanager

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from lcstop._utils.json_safe import json_safe
from lcstop._utils.process_pool import map_as_completed
from lcstop.benchmark import run_benchmark
from lcstop.benchmark.pictures import draw
from lcstop.benchmark.replay_work import finish, outcome_store, plan, run_unit
from lcstop.benchmark.run_benchmark import BenchmarkOptions
from lcstop.benchmark.summary import summarise
from lcstop.benchmark.table import tables
from lcstop.commands import app as cli
from tests.benchmark.rule_sources import ADAPTERS, SOURCES, parse
from tests.evaluation.test_packs import write_pack
from tests.simulation.replay_tasks import random_task

POLICIES = ["optuna.sha", "ray.hyperband", "limits"]


class Here(Executor):
    """Runs units in this process. Can raise KeyboardInterrupt after a number of units."""

    def __init__(self, end_after=float("inf")):
        self.done, self.end_after = 0, end_after

    def submit(self, function, *args):
        if self.done >= self.end_after:
            raise KeyboardInterrupt
        self.done += 1
        future = Future()
        future.set_result(function(*args))
        return future


@pytest.fixture
def here(monkeypatch):
    here = Here()

    @contextmanager
    def processes(jobs):
        yield here

    monkeypatch.setattr(run_benchmark, "worker_processes", processes)
    monkeypatch.setattr(
        run_benchmark, "draw", lambda summary, folder, name: None
    )  # it takes longer than the rest
    return here


@pytest.fixture
def packs(tmp_path):
    for i, n_trials in enumerate((60, 45, 12)):
        values = random_task(n_trials, 10, seed=i, direction="minimize").values
        values[3, 5:] = np.nan
        write_pack(tmp_path / "packs" / "family" / f"{i}.npz", values)
    return tmp_path / "packs"


def run(packs, out, run_all=None, **options):
    options = {"policies": POLICIES, "orders": 6} | options
    console = Console(file=io.StringIO())
    return run_benchmark.run(BenchmarkOptions(packs, **options), out, console, ADAPTERS, run_all)


def timeless(summary):
    """A summary without measured seconds."""
    text = json.dumps(json_safe(summary))
    kept = json.loads(text)
    del kept["machine"], kept["versions"]
    for row in [*kept["cells"], *(row for scope in kept["scopes"] for row in scope["settings"])]:
        row.pop("seconds", None)
        row.pop("milliseconds")
    return kept


def test_a_benchmark_has_all_figures(here, packs, tmp_path):
    summary = run(packs, tmp_path / "out", orders=3)
    assert [(task["task"], task["counts"]) for task in summary["tasks"]] == [
        ("family/0", True), ("family/1", True), ("family/2", False)
    ]  # fmt: skip
    scopes = {scope["scope"]: scope for scope in summary["scopes"]}
    assert {name: len(scope["tasks"]) for name, scope in scopes.items()} == {
        "searches": 2, "all tasks": 3, "family": 3
    }  # fmt: skip
    settings = len(parse(POLICIES, grid=True))
    assert len(summary["cells"]) == 3 * settings
    searches = scopes["searches"]
    best_first = [row["setting"] for row in searches["settings"]]
    stopping = [setting for setting in best_first if "promotion" not in setting]  # that one pauses
    assert stopping[0] == "limits.clairvoyant"
    assert [row["rule"] for row in searches["hindsight"]] == ["any stock rule", "optuna.sha", "ray.hyperband"]
    best = {row["setting"]: row["geometric_mean"] for row in searches["settings"]}
    stock = [name for name in best if name.startswith(("optuna", "ray"))]
    assert best[searches["best_stock"]] == max(best[name] for name in stock)
    assert searches["hindsight"][0]["geometric_mean"] >= best[searches["best_stock"]]
    assert json.loads((tmp_path / "out" / "bench.json").read_text())["config"]["orders"] == 3


def test_there_are_pictures(here, packs, tmp_path):
    summary = run(packs, tmp_path / "out", policies=["optuna.sha", "limits"], grid=False, orders=2)
    paths = draw(summary, tmp_path, "bench")
    assert [path.name for path in paths] == ["bench.png", "bench.html"]
    assert paths[0].read_bytes()[1:4] == b"PNG"
    page = paths[1].read_text(encoding="utf-8")
    assert "2 *" in page
    assert "limits.clairvoyant" in page


def test_nobody_beats_the_clairvoyant_in_wrong_kills(here, packs, tmp_path):
    for target in ("best", "final"):
        policies = ["limits", "optuna", "ray"]
        summary = run(packs, tmp_path / "out", target=target, policies=policies, grid=False)
        wrong = {}
        for cell in summary["cells"]:
            wrong.setdefault(cell["setting"], []).append(cell["wrong"])
        assert sum(wrong["limits.clairvoyant"]) == 0
        assert sum(wrong["optuna.sha"]) > 0


def test_after_a_kill_the_same_command_goes_on_and_ends_the_same(here, packs, tmp_path):
    whole = run(packs, tmp_path / "whole")
    n_units, here.done, here.end_after = here.done, 0, 100
    with pytest.raises(KeyboardInterrupt):
        run(packs, tmp_path / "killed")
    results = tmp_path / "killed" / "results.jsonl"
    results.write_text(results.read_text() + '{"key": "torn')
    # Units that were running at the kill are not stored.
    n_kept = len(results.read_text().splitlines()) - 1
    here.done, here.end_after = 0, float("inf")
    resumed = run(packs, tmp_path / "killed")
    assert here.done == n_units - n_kept
    assert timeless(resumed) == timeless(whole)
    here.done = 0
    run(packs, tmp_path / "killed")
    assert here.done == 0


def test_what_others_have_left_in_the_folder_is_not_taken(here, packs, tmp_path):
    out, few = tmp_path / "out", {"policies": ["optuna.sha", "limits"], "grid": False}
    first = run(packs, out, **few)
    for options in ({"seed": 1}, {"workers": 4}):
        here.done = 0
        assert timeless(run(packs, out, **few, **options)) != timeless(first)
        assert here.done > 0
    # Only the clairvoyant depends on the target, so only it runs again.
    here.done = 0
    run(packs, out, **few, target="final")
    assert here.done == 3 * 2
    # More orders reuse the complete units of the first ones.
    here.done = 0
    run(packs, out, **few, orders=10)
    assert here.done == 3 * 3
    assert {path.name for path in out.glob("*.json")} == {
        "bench.json", "bench-final.json", "bench-4-workers.json"
    }  # fmt: skip


@pytest.mark.timeout(120)
def test_processes_do_the_same_as_one(packs, tmp_path):
    one, two = (
        run(packs, tmp_path / str(jobs), jobs=jobs, policies=["optuna.hyperband", "limits"], orders=6)
        for jobs in (1, 2)
    )
    assert timeless(one) == timeless(two)


def test_orders_of_a_task_do_not_depend_on_how_many_there_are():
    task = random_task()
    settings = parse(["limits.none"], grid=False)
    few, many = (
        [outcome for unit in plan([task], settings, SOURCES, "best", 1, 0, n) for outcome in run_unit(unit)]
        for n in (3, 8)
    )
    assert [outcome.best for outcome in few] == [outcome.best for outcome in many[:3]]


def test_the_tables_show_ours_against_each_peer(surrogate, monkeypatch, tmp_path):
    from lcstop.benchmark import lcstop_rule as ours

    monkeypatch.setattr(ours, "loaded", lambda spec: surrogate)
    monkeypatch.setattr(ours, "surrogate_print", lambda spec: spec)
    tasks = [random_task(seed=i) for i in range(2)]
    settings = parse(["lcstop", "lcstop:keep=0.8", "optuna.sha", "limits"], grid=False)
    units = plan(tasks, settings, SOURCES, "best", 1, 0, 3)
    results = finish(
        units,
        run_unit,
        outcome_store(tmp_path / "r.jsonl"),
        lambda *work: map_as_completed(Here(), *work),
        lambda unit: None,
    )
    summary = summarise(tasks, settings, results, "best", 1)
    summary["config"] = {"orders": 3, "workers": 1, "target": "best"}
    (scope,) = (scope for scope in summary["scopes"] if scope["scope"] == "searches")
    duel = next(d for d in scope["duels"] if d["setting"] == "lcstop" and d["against"] == "limits.none")
    assert duel["won"] + duel["tied"] + duel["lost"] == 2
    console = Console(file=io.StringIO(), width=200)
    for table in tables(summary):
        console.print(table)
    text = console.file.getvalue()
    for words in (
        "lcstop:keep=0.8",
        "optuna.sha",
        "limits.clairvoyant",
        "in hindsight",
        "beaten by",
        "20 seen",
    ):
        assert words in text


# The command line


def test_the_command_prints_tables_or_json(here, packs, tmp_path, monkeypatch):
    words = [
        "bench",
        "--policies",
        "optuna.sha,limits",
        "--no-grid",
        "--orders",
        "2",
        "--out",
        str(tmp_path / "o"),
    ]
    shown = CliRunner().invoke(cli.app, [*words, "--curves", str(packs), "--tasks", "*/[01]"])
    assert shown.exit_code == 0, shown.output
    assert "Speed-up by task: 2 orders, 1 worker, target best" in shown.stdout
    monkeypatch.setenv("LCSTOP_CURVES", str(packs))
    printed = CliRunner().invoke(cli.app, [*words, "--json"])
    assert len(json.loads(printed.stdout)["tasks"]) == 3


def test_what_is_wrong_is_one_line(packs, tmp_path, monkeypatch, capsys):
    for words, message in (
        (["--curves", str(tmp_path / "no")], "there are no recorded curves"),
        (["--curves", str(packs), "--tasks", "tarot*"], "has a name that matches 'tarot*'"),
        (["--curves", str(packs), "--policies", "tarot"], "a policy must begin with"),
    ):
        monkeypatch.setattr("sys.argv", ["lcstop", "bench", "--policies", "limits", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_ray_cluster_does_the_same(packs, tmp_path):
    import ray

    from lcstop_ray.cluster import run_all

    options = {"policies": ["optuna.hyperband", "limits"], "orders": 6}
    try:
        spread = run(packs, tmp_path / "ray", run_all=run_all, **options)
    finally:
        ray.shutdown()
    assert timeless(spread) == timeless(run(packs, tmp_path / "one", **options))
