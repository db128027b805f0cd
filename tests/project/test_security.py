"""No code from files, no network, escaped text; see SECURITY.md."""

import ast
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial
from typer.testing import CliRunner

from lcstop import PrunerConfig, PrunerCore, load_surrogate
from lcstop.benchmark.readers import read_packs
from lcstop.commands.app import app
from lcstop.curves.packs import read_pack
from lcstop.nn.weights import SHIPPED, WeightsError
from lcstop.ranking.numpy_network import WEIGHTS
from tests.plots.test_report import Parsed, data_of
from tests.ranking.study_trials import poor, view

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("lcstop", "integrations") for path in (ROOT / folder).rglob("*.py")]
FORBIDDEN_MODULES = {
    *("pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"),
    *("socket", "urllib", "http", "requests", "httpx", "aiohttp", "ftplib", "smtplib", "ssl", "asyncio"),
    *("ctypes", "code"),
}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "literal_eval", "os.system", "os.popen"),
    *("load_state_dict_from_url", "download_url_to_file"),
}
EVIL = [
    *("<script>alert(1)</script>", "</script><b>", "\"'><img src=x onerror=alert(1)>"),
    *("{{data}}", "{{", "<!--", "&lt;"),
]


def names(tree: ast.AST):
    """Imported modules, and functions called by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (("import", alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "import", (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call):
            yield "call", ast.unparse(node.func).removeprefix("builtins.")


def test_the_source_holds_no_way_to_run_data_or_to_reach_the_network():
    assert len(SOURCES) > 90
    found = [
        (path.name, kind, name)
        for path in SOURCES
        for kind, name in names(ast.parse(path.read_text(encoding="utf-8")))
        if name in (FORBIDDEN_MODULES if kind == "import" else FORBIDDEN_CALLS)
    ]
    assert found == []


def test_the_search_of_the_source_finds_what_it_looks_for():
    text = "import pickle\nfrom urllib.request import urlopen\neval('1')\nos.system('x')\nre.compile('x')\n"
    found = [name for _, name in names(ast.parse(text)) if name in FORBIDDEN_MODULES | FORBIDDEN_CALLS]
    assert sorted(found) == ["eval", "os.system", "pickle", "urllib"]


EVERYTHING = """
import sys

opened = []
sys.addaudithook(lambda event, args: opened.append(event) if event.startswith("socket.") else None)

from pathlib import Path

import optuna

import lcstop
from lcstop.commands.app import app
from lcstop.plots import write_page
from lcstop.review import Review
from lcstop_optuna import LCPFNPruner, read_study

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial):
    top = trial.suggest_float("top", 0.1, 0.9)
    for epoch in range(12):
        trial.report(top * (1 - 0.5**epoch), epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return top


pruner, sampler = LCPFNPruner(horizon=12), optuna.samplers.RandomSampler(seed=0)
study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
study.optimize(objective, n_trials=12)
assert any(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
write_page(Review.of(read_study(study), pruner.config), Path("report.html"))
Path("curve.csv").write_text("epoch,loss\\n1,2.0\\n2,1.5\\n3,1.4\\n")
options = ["--horizon", "12", "--direction", "minimize", "--lower", "0"]
app(["predict", "curve.csv", *options], standalone_mode=False)
assert not opened, opened
import socket

socket.socket().close()
assert opened == ["socket.__new__"], opened  # the hook works
print("no socket")
"""


def test_nothing_opens_a_socket(tmp_path):
    """Import, decisions, predictions and reports under an audit hook of the interpreter."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", EVERYTHING], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("no socket\n")
    assert (tmp_path / "report.html").is_file()


class Bomb:
    """Raises SystemExit when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def test_an_array_of_objects_is_refused_and_not_unpickled(tmp_path):
    bomb = np.array([[Bomb()]], dtype=object)
    pack, array = tmp_path / "loss.npz", tmp_path / "loss.npy"
    np.savez(pack, curves=bomb, steps=np.array([1.0]), meta=np.array('{"direction": "min"}'))
    np.save(array, bomb)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_pack(pack)
    for path in (pack, array):
        with pytest.raises(ValueError, match="allow_pickle=False"):
            list(read_packs(path))


@pytest.mark.torch
def test_a_checkpoint_with_code_is_refused_and_not_run(tmp_path):
    import torch

    from lcstop.pretraining.loop import _load_checkpoint

    path = tmp_path / "checkpoint.pt"
    torch.save({"config": Bomb()}, path)
    with pytest.raises(ValueError, match=r"is not a checkpoint of lcstop train; remove it"):
        _load_checkpoint(path, None, None, [])


@pytest.mark.parametrize("name", ["lcpfn", "study"])
def test_each_file_of_weights_that_is_shipped_has_its_hash(name):
    card = json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))
    assert hashlib.sha256((SHIPPED / f"{name}.safetensors").read_bytes()).hexdigest() == card["sha256"]
    assert sorted(path.stem for path in SHIPPED.glob("*.safetensors")) == ["lcpfn", "study"]


@pytest.fixture
def damaged(tmp_path, monkeypatch):
    """One bit of each shipped file is flipped."""
    for path in SHIPPED.iterdir():
        content = bytearray(path.read_bytes())
        if path.suffix == ".safetensors":
            content[-1] ^= 1
        (tmp_path / path.name).write_bytes(content)
    monkeypatch.setattr("lcstop.surrogates.lcpfn.SHIPPED", tmp_path)
    monkeypatch.setattr(
        "lcstop.ranking.numpy_network.NumpyStudyNetwork.load.__func__.__defaults__",
        (tmp_path / WEIGHTS.name,),
    )


def test_damaged_weights_are_an_error_that_says_so(damaged):
    with pytest.raises(WeightsError, match=r"is damaged or was replaced: SHA-256 .* reinstall lcstop"):
        load_surrogate()


@pytest.mark.parametrize("policy", ["study", "published"])
def test_with_damaged_weights_a_study_goes_on(damaged, policy, caplog):
    core = PrunerCore(PrunerConfig(horizon=20, policy=policy))
    decisions = [core.judge(poor(), view()) for _ in range(3)]
    assert [decision.stop for decision in decisions] == [False] * 3
    assert "is damaged or was replaced" in decisions[0].reason
    assert len(caplog.records) == 1


@pytest.mark.filterwarnings("ignore:.*set_metric_names is experimental")
def test_the_report_of_a_study_shows_every_word_as_text(tmp_path):
    url, name = f"sqlite:///{(tmp_path / 'study.db').as_posix()}", "".join(EVIL)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
    study.set_metric_names([name])
    params = {evil: evil for evil in EVIL}
    kinds = {evil: optuna.distributions.CategoricalDistribution([evil, "adam"]) for evil in EVIL}
    attrs = {f"attr {evil}": {evil: [evil]} for evil in EVIL}
    for top in (0.9, 0.2, 0.8):
        reports = {step: top * (1 - 0.5**step) for step in range(1, 7)}
        trial = {"params": params, "distributions": kinds, "user_attrs": attrs}
        study.add_trial(create_trial(value=reports[6], intermediate_values=reports, **trial))
    storage.remove_session()
    storage.engine.dispose()
    path = tmp_path / "report.html"
    result = CliRunner().invoke(app, ["report", "--storage", url, "--study", name, "-o", str(path)])
    assert result.exit_code == 0, result.output
    page = Parsed(path.read_text(encoding="utf-8"))
    assert page.text.count(name) >= 2  # title and heading
    assert len(page.scripts) == 3
    assert not any(tag == "img" or "onerror" in attrs for tag, attrs in page.tags)
    data = data_of(page)
    shown = [*([evil, evil] for evil in EVIL), *([name, str(value)] for name, value in attrs.items())]
    assert sorted(data["trials"][0]["params"]) == sorted(shown)
    for figure in data["figures"].values():  # plotly interprets tags in labels
        assert "<img" not in json.dumps(figure)
        assert "<script" not in json.dumps(figure)
