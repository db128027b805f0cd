"""The demo: its figures match the stored studies."""

import io
import json
import tempfile
from pathlib import Path

import optuna
import pytest
import torch
from optuna.trial import TrialState
from rich.console import Console
from typer.testing import CliRunner

import lcstop_optuna.demo.timed_search
from lcstop.commands.app import app
from lcstop_optuna import REASON_ATTR
from lcstop_optuna.demo import run_demo

pytestmark = pytest.mark.torch

TRIALS, EPOCHS = 8, 6


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, str, Path]:
    folder = tmp_path_factory.mktemp("demo")
    url = f"sqlite:///{(folder / 'study.db').as_posix()}"
    sizes = ["--trials", str(TRIALS), "--epochs", str(EPOCHS)]
    options = ["--storage", url, "--out", str(folder / "out"), *sizes]
    result = CliRunner().invoke(app, ["demo", *options, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout), url, folder / "out"


def trials(figures: dict, url: str, side: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=figures[side]["study"], storage=url).trials


def test_figures_are_those_of_the_stored_studies(ran: tuple[dict, str, Path]) -> None:
    figures, url, _ = ran
    for side in ("with_pruning", "without_pruning"):
        found = trials(figures, url, side)
        assert len(found) == figures["n_trials"] == TRIALS
        assert figures[side]["epochs"] == sum(len(trial.intermediate_values) for trial in found)
        assert figures[side]["best"] == max(t.value for t in found if t.state == TrialState.COMPLETE)
        assert figures[side]["seconds"] > 0
    stopped = [t for t in trials(figures, url, "with_pruning") if t.state == TrialState.PRUNED]
    assert figures["n_stopped"] == len(stopped)
    assert all(REASON_ATTR in trial.user_attrs for trial in stopped)
    assert figures["decision_ms"] > 0
    assert figures["epochs_saved"] == 1 - figures["with_pruning"]["epochs"] / (TRIALS * EPOCHS)


def test_other_side_trains_the_same_configurations_to_the_end(ran: tuple[dict, str, Path]) -> None:
    figures, url, _ = ran
    pairs = zip(trials(figures, url, "with_pruning"), trials(figures, url, "without_pruning"), strict=True)
    incumbent, wrong, wrong_at_end = 0.0, 0, 0
    for pruned, whole in pairs:
        curve = list(whole.intermediate_values.values())
        assert whole.state == TrialState.COMPLETE
        assert whole.params == pruned.params
        assert len(curve) == EPOCHS
        assert whole.value == max(curve)
        assert list(pruned.intermediate_values.values()) == curve[: len(pruned.intermediate_values)]
        if pruned.state == TrialState.PRUNED:
            wrong += whole.value > incumbent
            wrong_at_end += whole.value > figures["with_pruning"]["best"]
        else:
            incumbent = max(incumbent, pruned.value)
    assert figures["stopped_that_beat_incumbent"] == wrong
    assert figures["stopped_that_beat_best"] == wrong_at_end


def test_pictures_are_where_the_figures_say(ran: tuple[dict, str, Path]) -> None:
    figures, _, out = ran
    assert Path(figures["png"]) == out / "curves.png"
    assert Path(figures["html"]) == out / "report.html"
    assert Path(figures["png"]).read_bytes().startswith(b"\x89PNG")
    assert "<html" in Path(figures["html"]).read_text(encoding="utf-8")[:200]


def test_table_and_temporary_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    console = Console(file=io.StringIO())
    result = run_demo(storage=None, out=tmp_path / "out", n_trials=3, n_epochs=3, console=console)
    assert not list(temporary.iterdir())
    shown = Console(file=io.StringIO(), width=80)
    shown.print(result.table())
    text = shown.file.getvalue()  # type: ignore[attr-defined]
    assert f"{result.with_pruning.best:.4f}" in text
    assert str(result.without_pruning.epochs) in text
    assert [rule.name for rule in result.others] == ["median rule", "halving"]
    assert all(f"{rule.best:.4f}" in text for rule in result.others)
    assert all(len(line) <= 80 for line in text.splitlines())


def test_interrupt_leaves_no_mess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> list[float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(lcstop_optuna.demo.timed_search, "train", interrupted)
    verbosity, threads = optuna.logging.get_verbosity(), torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        run_demo(None, tmp_path / "out", 3, 3, Console(file=io.StringIO()))
    assert optuna.logging.get_verbosity() == verbosity
    assert torch.get_num_threads() == threads
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_storage_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot use the storage nonsense"):
        run_demo("nonsense", tmp_path / "out", 3, 3, Console(file=io.StringIO()))
