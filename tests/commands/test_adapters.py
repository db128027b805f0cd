"""Adapters: found through entry points, also in other packages, imported only by commands that need one."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

import lcstop_optuna.adapter
import lcstop_ray.adapter
from lcstop.benchmark.search_work import Searcher
from lcstop.benchmark.settings import RuleSource
from lcstop.commands import adapters
from lcstop.commands.app import app, main
from tests.evaluation.test_packs import losses, write_pack

ADAPTER = """
from lcstop.benchmark.settings import RuleSource, Setting
from lcstop.simulation.loop import Action, SequentialPolicy


class StopAtOnce(SequentialPolicy):
    def report(self, trial, step, value):
        return Action.STOP


def build(setting, study):
    return StopAtOnce(study.task.n_trials)


def fingerprint(setting):
    return setting.name


RULES = RuleSource("shop", (Setting("shop", "at_once", default=True),), build, fingerprint)


class Result:
    def as_dict(self):
        return {"trials": self.n_trials}


def run_demo(storage, out, n_trials, n_epochs, console):
    result = Result()
    result.n_trials = n_trials
    return result


PARTS = {
    "rule_source": "shop_adapter:RULES",
    "demo_runner": "shop_adapter:run_demo",
    "executor": "a_module_that_is_not_there:run_all",
}
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """An adapter of a made-up framework ``shop``, in a package of its own."""
    site = tmp_path / "site"
    info = site / "shop-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lcstop.adapters]\nshop = shop_adapter\n")
    (site / "shop_adapter.py").write_text(ADAPTER)
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("shop_adapter", None)


def test_the_adapters_of_this_package_are_found():
    assert adapters.names() == ["optuna", "ray"]


COMMON = {"study_reader": Callable, "search_runner": Callable, "rule_source": RuleSource}
PARTS = {
    "optuna": {**COMMON, "searcher": Searcher},
    "ray": {**COMMON, "executor": Callable, "searcher": Searcher},
}


@pytest.mark.parametrize(
    ("name", "part", "kind"),
    [
        *((name, part, kind) for name, parts in PARTS.items() for part, kind in parts.items()),
        *(pytest.param(name, "demo_runner", Callable, marks=pytest.mark.torch) for name in PARTS),
    ],
)
def test_each_part_of_an_adapter_is_there(name, part, kind):
    assert isinstance(adapters.provided_by(name, part), kind)


def test_no_adapter_has_other_parts():
    for name, adapter in (("optuna", lcstop_optuna.adapter), ("ray", lcstop_ray.adapter)):
        assert {*adapter.PARTS} == {*PARTS[name], "demo_runner"}


def test_another_package_brings_rules_for_the_benchmark(shop, tmp_path):
    write_pack(tmp_path / "packs" / "a.npz", losses())
    words = ["--policies", "shop,limits", "--no-grid", "--orders", "2", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["bench", "--curves", str(tmp_path / "packs"), *words, "--json"])
    assert done.exit_code == 0, done.output
    (cell,) = (c for c in json.loads(done.stdout)["cells"] if c["setting"] == "shop.at_once")
    assert cell["killed"] == 2 * 30


def test_another_package_brings_a_demo(shop):
    done = CliRunner().invoke(app, ["demo", "--engine", "shop", "--trials", "3", "--json"])
    assert json.loads(done.stdout) == {"trials": 3}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["demo", "--engine", "market"], "'market' is not one of 'optuna', 'ray', 'shop'."),
        (
            ["bench", "--curves", ".", "--policies", "market"],
            "a policy must begin with lcstop, limits, optuna, ray, shop",
        ),
    ],
)
def test_an_unknown_adapter_is_one_line_that_names_the_others(shop, arguments, line, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert line in capsys.readouterr().err


def test_what_an_adapter_lacks_is_named(shop):
    with pytest.raises(
        ValueError, match="needs the adapter 'market', which is not installed; installed: optuna, ray, shop"
    ):
        adapters.provided_by("market", "rule_source")
    with pytest.raises(
        ValueError, match="this command needs study_reader, which the adapter 'shop' does not have"
    ):
        adapters.provided_by("shop", "study_reader")
    with pytest.raises(
        ValueError, match="--shop needs a_module_that_is_not_there: pip install a_module_that_is"
    ):
        adapters.provided_by("shop", "executor", needed_by="--shop")


@pytest.mark.parametrize(
    ("arguments", "blocked", "line"),
    [
        (["explain", "--results", "."], "ray", "this command needs ray: pip install 'lcstop[ray]'"),
        (
            ["report", "--storage", "sqlite:///a"],
            "optuna",
            "this command needs optuna: pip install 'lcstop[optuna]'",
        ),
        (["demo", "--engine", "ray"], "ray", "this command needs ray: pip install 'lcstop[demo,ray]'"),
        (["bench", "--policies", "optuna"], "optuna", "optuna needs optuna: pip install 'lcstop[optuna]'"),
        (["bench", "--policies", "limits", "--ray"], "ray", "--ray needs ray: pip install 'lcstop[ray]'"),
        (["run", "search.yaml"], "optuna", "this command needs optuna: pip install 'lcstop[optuna]'"),
    ],
)
def test_a_missing_framework_is_one_line(arguments, blocked, line, tmp_path):
    write_pack(tmp_path / "a.npz", losses())
    (tmp_path / "search.yaml").write_text(
        "objective: m:f\nstudy: s\nstorage: s\ndirection: maximize\nn_trials: 1\n"
        "space: {x: {type: int, low: 1, high: 2}}\npruner: {horizon: 5}\n"
    )
    if arguments[0] == "bench":
        arguments = [*arguments, "--curves", "a.npz"]
    code = (
        "import sys; from lcstop.commands.app import main\n"
        "class NotInstalled:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name == {blocked!r}: raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, NotInstalled)\n"
        f"main({arguments!r})"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stderr.strip()) == (2, f"lcstop: {line}")


def test_commands_without_a_framework_import_no_adapter():
    code = (
        "import sys; from lcstop.commands.app import main\n"
        "try: main({!r})\n"
        "finally: print([m for m in sys.modules if m.startswith(('lcstop_', 'lcstop.benchmark'))])"
    )
    for arguments in (["--help"], ["bench", "--help"], ["config", "schema", "pruner"]):
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code.format(arguments)], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]"
