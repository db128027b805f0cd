"""``lcstop explain`` on studies in Optuna's storage."""

import json
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from typer.testing import CliRunner

from lcstop import PrunerConfig, PrunerCore
from lcstop.commands.app import app, main
from lcstop.config.keep import DEFAULT_KEEP, KEEP
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import replay
from lcstop.simulation.task import ReplayStudy
from lcstop_optuna import REASON_ATTR, LCPFNPruner, read_storage
from tests.simulation.replay_tasks import random_task

optuna.logging.set_verbosity(optuna.logging.ERROR)

H, N = 12, 16
TASK = random_task(n_trials=N, n_steps=H, seed=3)


def add_study(url: str, name: str, pruner: optuna.pruners.BasePruner) -> None:
    """Run the first order of the task as a live study."""
    storage = optuna.storages.RDBStorage(url)
    # The hyperparameters must not depend on the pruner.
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", pruner=pruner, sampler=sampler
    )
    rows = iter(TASK.order(0))

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("lr", 0, 1)
        trial.set_user_attr("note", "a [bold]note[/bold]")
        values = TASK.values[next(rows)]
        for step, value in enumerate(values):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(values.max())

    study.optimize(objective, n_trials=N)
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{(tmp_path_factory.mktemp('explain') / 'study.db').as_posix()}"
    add_study(url, "whole", optuna.pruners.NopPruner())
    add_study(url, "live", LCPFNPruner(horizon=H))
    add_study(url, "median", optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=8))
    return url


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["explain", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def figures(*arguments: str) -> dict:
    return json.loads(run(*arguments, "--json"))


# --- the what-if replay of a whole study ------------------------------------------------------------------


def test_a_what_if_replay_agrees_with_the_benchmark_and_with_a_live_study(url):
    found = figures("--storage", url, "--study", "whole")
    config = PrunerConfig(horizon=H)
    order = TASK.order(0).tolist()
    params = {
        row: trial.curve.params for row, trial in zip(order, read_storage(url, "whole").trials, strict=True)
    }
    task = replace(TASK, params=[params[row] for row in range(N)])
    policy = CorePolicy(PrunerCore(config), ReplayStudy(task, order, "best", "benchmark"))
    outcome = replay(task, 0, 0, policy, workers=1, budget=N * H)
    assert (found["epochs"], found["stopped"], found["wrong"]) == (
        outcome.epochs,
        outcome.killed,
        outcome.wrong_best,
    )
    assert found["epochs_recorded"] == N * H
    assert found["unknown"] == 0
    assert found["stopped"] > 3
    live = read_storage(url, "live")
    assert found["epochs"] == live.epochs
    stops = {trial.number: (trial.curve.cutoff, trial.reason) for trial in live.trials if trial.reason}
    assert {row["trial"]: (row["step"], row["reason"]) for row in found["stops"]} == stops


def test_a_study_with_another_pruner_is_replayed_up_to_its_recorded_reports(url):
    found = figures("--storage", url, "--study", "median", "--keep", "0.8")
    recorded = read_storage(url, "median")
    assert any(trial.state == "stopped" for trial in recorded.trials)
    assert found["epochs_recorded"] == recorded.epochs
    assert found["epochs_saved"] == recorded.epochs - found["epochs"] > 0
    assert found["config"]["keep"] == 0.8


def test_the_replay_is_printed_for_people(url):
    text = run("--storage", url, "--study", "whole")
    found = figures("--storage", url, "--study", "whole")
    assert f"{found['stopped']} of {N}" in text
    assert f"{found['epochs_saved']:g} ({100 * found['share_saved']:.0f} %)" in text
    assert found["stops"][0]["reason"][:30] in text


# --- the record of a study that ran with lcstop -------------------------------------------------------------


def test_the_record_is_shown_and_no_replay(url):
    found, live = figures("--storage", url, "--study", "live"), read_storage(url, "live")
    assert {row["trial"]: (row["step"], row["reason"]) for row in found["stops"]} == {
        trial.number: (trial.curve.cutoff, trial.reason) for trial in live.trials if trial.reason
    }
    stopped = [trial for trial in live.trials if trial.reason]
    saved = sum(H - trial.curve.cutoff for trial in stopped)
    assert (found["stopped"], found["epochs"], found["epochs_saved"]) == (len(stopped), live.epochs, saved)
    assert saved > 0
    assert found["what_if"] is None
    text = run("--storage", url, "--study", "live")
    assert f"stopped {len(stopped)} of {N} trials, {saved / (saved + live.epochs):.0%}"[:-1] in text
    assert "would have" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_other_options_add_a_replay_under_a_heading_of_its_own(url):
    options = ("--storage", url, "--study", "live", "--target", "final", "--lower", "0", "--upper", "1")
    found = figures(*options)
    assert found["what_if"]["config"]["target"] == "final"
    assert found["config"]["target"] == "best"
    text = run(*options)
    assert text.index("Study live, as recorded") < text.index("What lcstop would have done with live")


@pytest.mark.parametrize("study", ["whole", "live", "median"])
def test_the_report_gives_the_same_numbers(url, study, tmp_path):
    names = ("trials", "stopped", "epochs", "epochs_saved", "share_saved", "best")
    found = figures("--storage", url, "--study", study)
    result = CliRunner().invoke(
        app, ["report", "--storage", url, "--study", study, "-o", str(tmp_path / "a.html"), "--json"]
    )
    report = json.loads(result.stdout)
    assert [report[name] for name in names] == pytest.approx([found[name] for name in names])
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert f"<b>{found['share_saved']:.0%}</b>" in page
    assert f"<b>{found['stopped']} of {found['trials']}</b>" in page


def test_what_the_pruner_has_noted_is_used(url):
    found = read_storage(url, "live")
    assert found.options == LCPFNPruner(horizon=H).config.model_dump()
    assert read_storage(url, "whole").options is None
    stopped = [trial for trial in found.trials if trial.reason]
    assert all(trial.state == "stopped" and REASON_ATTR not in trial.attrs for trial in stopped)


# --- one trial --------------------------------------------------------------------------------------------


def test_the_last_decision_on_a_stopped_trial_is_the_recorded_one(url):
    stopped = [trial for trial in read_storage(url, "live").trials if trial.reason]
    for trial in stopped:
        found = figures("--storage", url, "--study", "live", "--trial", str(trial.number))
        assert [row["stop"] for row in found["history"]] == [False] * (len(found["history"]) - 1) + [True]
        assert found["history"][-1]["reason"] == found["reason"] == trial.reason
        assert found["history"][-1]["step"] == trial.curve.cutoff
        alternatives = {row["value"]: row["stopped_at"] for row in found["alternatives"]}
        assert alternatives[KEEP[DEFAULT_KEEP]] == trial.curve.cutoff


def test_the_options_are_those_of_the_study_the_file_and_the_command_line(url, tmp_path):
    path = tmp_path / "pruner.yaml"
    path.write_text(f"horizon: {H}\nmin_steps: 4\nkeep: 0.5\n")
    found = figures(
        "--storage", url, "--study", "live", "--trial", "1", "--config", str(path), "--keep", "0.6"
    )
    assert (found["config"]["min_steps"], found["config"]["keep"]) == (4, 0.6)
    assert min(row["step"] for row in found["history"]) >= 4


def test_a_trial_is_printed_for_people(url):
    text = run("--storage", url, "--study", "live", "--trial", "0")
    assert "Trial 0 of live: completed" in text
    assert "note=a [bold]note[/bold]" in text
    assert "0 of 1 startup trials completed" in text
    assert "chance" not in text  # no judgement compared ranks
    stopped = next(trial for trial in read_storage(url, "live").trials if trial.reason)
    text = run("--storage", url, "--study", "live", "--trial", str(stopped.number))
    assert " ".join(f"on record: {stopped.reason}".split()) in " ".join(text.split())
    assert (
        text.index("Judgements on record")
        < text.index("What would be decided")
        < text.index("At other values of keep")
    )
    assert max(map(len, text.splitlines())) <= 80


# --- mistakes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--study", "live"], "--storage URL or --results FOLDER"),
        (["--storage", "{url}"], "--study says which: {url} has 'whole', 'live', 'median'"),
        (["--storage", "{url}", "--study", "nope"], "there is no study 'nope'"),
        (["--storage", "{url}", "--study", "live", "--trial", "99"], "study 'live' has no trial 99"),
        (["--storage", "{url}", "--study", "live", "--confidence", "7"], "confidence"),
        (["--storage", "sqlite:///missing.db"], "there is no file missing.db"),
        (["--storage", "nonsense"], "there is no file nonsense: a storage is the URL of a database"),
        (["--storage", "journal://no.log"], "there is no file no.log: a storage is the URL of a database"),
        (["--storage", "nonsense://no"], "cannot use the storage nonsense://no"),
        (["--results", "missing-folder", "--mode", "max"], "missing-folder"),
        (["--results", "missing-folder"], "there is no folder missing-folder"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(url, arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lcstop", "explain", *(a.format(url=url) for a in arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert message.format(url=url) in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert not Path("missing.db").exists()


def test_a_database_that_is_no_storage_stays_as_it_was(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table mine (x int)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ValueError, match="cannot use the storage"):
        read_storage(f"sqlite:///{path.as_posix()}")
    assert path.read_bytes() == before
