"""``lcstop explain --compare``: settings and rules over the curves of one study."""

import json

import optuna
import pytest
from typer.testing import CliRunner

from lcstop.commands import adapters
from lcstop.commands.app import app

H, N = 12, 14


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{(tmp_path / 'study.db').as_posix()}"
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(storage=storage, study_name="mine", direction="maximize")
    for number in range(N):
        top = 0.5 + 0.03 * (number * 5 % N)
        length = 5 if number == 3 else H
        reports = {step: top * (1 - 0.7 ** (step + 1)) for step in range(length)}
        state = optuna.trial.TrialState.PRUNED if number == 3 else optuna.trial.TrialState.COMPLETE
        study.add_trial(
            optuna.trial.create_trial(state=state, value=max(reports.values()), intermediate_values=reports)
        )
    # Falls behind first, and ends best.
    late = {step: 0.1 if step < 8 else 0.99 for step in range(H)}
    study.add_trial(optuna.trial.create_trial(value=0.99, intermediate_values=late))
    storage.remove_session()
    storage.engine.dispose()
    return url


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["explain", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_one_row_a_rule_says_what_is_saved_and_which_winner_is_lost(url):
    found = json.loads(run("--storage", url, "--compare", "--json"))
    rows = {row["rule"]: row for row in found["rules"]}
    assert {"lcstop safe", "lcstop balanced", "lcstop bold"} < set(rows)
    assert {"optuna.median", "optuna.sha", "optuna.hyperband", "ray.asha", "ray.median"} < set(rows)
    assert (found["best_trial"], found["best_recorded"], found["stopped_on_record"]) == (N, 0.99, 1)
    assert any(row["lost"] for row in rows.values())
    for row in rows.values():
        assert row["lost"] == (row["best_trial"] != N)
        assert 0 <= row["share_saved"] < 1
        assert (row["epochs_saved"] > 0) == (row["stopped"] > 0)


def test_the_saved_steps_are_those_of_what_if(url, tmp_path):
    found = json.loads(run("--storage", url, "--compare", "--json"))
    alone = json.loads(run("--storage", url, "--json", "--config", str(audit_off(tmp_path))))
    (row,) = [row for row in found["rules"] if row["rule"] == "lcstop balanced"]
    assert (row["stopped"], row["epochs_saved"]) == (alone["stopped"], alone["epochs_saved"])


def audit_off(folder):
    path = folder / "pruner.yaml"
    path.write_text(f"horizon: {H}\naudit: 0\n")
    return path


def test_the_table_fits_and_names_what_is_missing(url, monkeypatch):
    given = adapters.provided_by

    def provided_by(name, part, **options):
        if (name, part) == ("ray", "rule_source"):
            raise ValueError("rules of ray needs ray: pip install 'lcstop[ray]'")
        return given(name, part, **options)

    monkeypatch.setattr(adapters, "provided_by", provided_by)
    text = run("--storage", url, "--compare")
    assert max(map(len, text.splitlines())) <= 80
    assert "1 of 15 trials were stopped on record: each counts up to its stop" in text
    assert "left out: rules of ray needs ray: pip install 'lcstop[ray]'" in text
    assert f"{N} lost" in text
