"""What a study shows: a line for each stop, the summary, and that explain and the report say the same."""

import gc
import json
import logging
import pickle

import optuna
import pytest
from typer.testing import CliRunner

import lcstop_optuna
from lcstop.commands.app import app
from lcstop_optuna import REASON_ATTR, STOP_ATTR, LCPFNPruner, Summary, summary

H, N = 20, 8


def objective(trial: optuna.Trial) -> float:
    best = trial.suggest_float("best", 0.1, 0.9)
    for epoch in range(H):
        trial.report(best * (1 - 0.7**epoch), epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return best


def study_with(pruner, **options) -> optuna.Study:
    sampler = optuna.samplers.RandomSampler(seed=0)
    return optuna.create_study(direction="maximize", pruner=pruner, sampler=sampler, **options)


@pytest.fixture
def log(caplog):
    """The lines of Optuna's log that are about stops."""
    gc.collect()  # the summaries of earlier tests come now, and not in this one
    caplog.set_level(logging.INFO, "optuna")
    optuna.logging.enable_propagation()
    yield lambda: [r.getMessage() for r in caplog.records if r.name == "optuna.lcstop"]
    optuna.logging.disable_propagation()


def lines_of(study) -> list[str]:
    return [
        f"Trial {t.number} {t.user_attrs[REASON_ATTR]}" for t in study.trials if STOP_ATTR in t.user_attrs
    ]


@pytest.mark.parametrize("bar", [False, True])
def test_the_callback_logs_each_stop_and_at_the_end_of_optimize_the_summary(log, bar, capsys):
    study = study_with(LCPFNPruner(horizon=H))
    study.optimize(objective, n_trials=N, callbacks=[Summary()], show_progress_bar=bar)
    stops, found = lines_of(study), summary(study)
    assert len(stops) > 2
    assert log() == [*stops, str(found)]
    assert capsys.readouterr().out.splitlines()[-len(stops) - 1 :] == [*stops, str(found)]


def test_a_verbose_pruner_logs_each_stop(log):
    study = study_with(LCPFNPruner(horizon=H, verbose=True))
    study.optimize(objective, n_trials=N)
    assert log() == lines_of(study)
    study.pruner._last_line = None
    copied = pickle.loads(pickle.dumps(study.pruner))  # noqa: S301
    assert repr(copied) == repr(study.pruner) == "LCPFNPruner(horizon=20, verbose=True)"


def test_without_either_nothing_is_logged(log):
    study_with(LCPFNPruner(horizon=H)).optimize(objective, n_trials=N)
    assert log() == []


def test_in_shadow_mode_the_lines_say_would(log):
    study = study_with(LCPFNPruner(horizon=H, shadow=True))
    study.optimize(objective, n_trials=N, callbacks=[Summary()])
    *stops, last = log()
    assert all(" would be stopped at step " in line for line in stops)
    assert last.startswith(f"would have stopped {len(stops)} of {N} trials, would have saved ")
    assert summary(study).as_dict()["shadow"]


def test_a_study_without_lcstop_has_no_summary(log):
    study = study_with(optuna.pruners.NopPruner(), study_name="other")
    study.optimize(objective, n_trials=1, callbacks=[Summary()])
    with pytest.raises(ValueError, match="study 'other' ran without lcstop: it has no record of stops"):
        summary(study)
    assert log() == [
        "other: no summary: study 'other' ran without lcstop: it has no record of stops. "
        "lcstop explain shows what lcstop would have done"
    ]


def test_the_summary_is_what_explain_and_the_report_say(tmp_path, capsys):
    url = f"sqlite:///{(tmp_path / 'study.db').as_posix()}"
    study = study_with(LCPFNPruner(horizon=H), storage=optuna.storages.RDBStorage(url), study_name="tuning")
    study.optimize(objective, n_trials=N)
    found = summary(study).as_dict()
    line = capsys.readouterr().out.splitlines()[-1]
    arguments = ["--storage", url, "--json"]
    explained = json.loads(CliRunner().invoke(app, ["explain", *arguments]).stdout)
    page = tmp_path / "report.html"
    reported = json.loads(CliRunner().invoke(app, ["report", *arguments, "-o", str(page)]).stdout)
    for said in (explained, reported):
        assert said["summary"] == line
        assert {name: said[name] for name in found} == found
    shown = CliRunner().invoke(app, ["explain", "--storage", url]).stdout
    assert line in " ".join(shown.split())
    for trial in study.trials:  # the numbers beside the reason are those of the record
        if STOP_ATTR in trial.user_attrs:
            text = CliRunner().invoke(app, ["explain", "--storage", url, "--trial", str(trial.number)]).stdout
            row = text.split("Judgements on record")[1].split("stop")[0].splitlines()[-1]
            reason = trial.user_attrs[REASON_ATTR]
            assert all(word.strip(" %") in reason for word in row.split()), (row, reason)


def test_all_of_it_is_public():
    assert {"Summary", "summary"} <= set(lcstop_optuna.__all__)
