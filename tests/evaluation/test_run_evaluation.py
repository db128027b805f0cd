"""``lcstop evaluate``: resumed, in parallel, from the command line."""

import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from lcstop._utils import process_pool as jobs
from lcstop._utils.json_safe import json_safe
from lcstop.commands import app as cli
from lcstop.evaluation import forecast_work, run_evaluation
from lcstop.evaluation.cases import cutoffs_of, prior_task
from lcstop.evaluation.figures import draw
from lcstop.evaluation.scores import score_trial
from lcstop.evaluation.timing import Latency, latencies
from lcstop.surrogates import load_surrogate
from tests.evaluation.test_packs import losses, write_pack
from tests.evaluation.test_scores import Walk

pytestmark = pytest.mark.torch

FAKES = {"calibrated": 0.03, "overconfident": 0.01, "slow": 0.05}


class Fakes:
    """Fake process pool and surrogates. Counts forecasts and can interrupt the run."""

    def __init__(self):
        self.forecasts = 0
        self.end_after = float("inf")
        self.fingerprints = {}

    def load(self, spec):
        if spec not in FAKES:
            return load_surrogate(spec)
        fakes = self

        class Counting(Walk):
            def unit_forecast(self, curves, at):
                fakes.forecasts += 1
                if fakes.forecasts > fakes.end_after:
                    raise KeyboardInterrupt
                return super().unit_forecast(curves, at)

        return Counting(FAKES[spec])

    def fingerprint(self, spec):
        return self.fingerprints.get(spec, spec)


@pytest.fixture
def fakes(monkeypatch):
    @contextmanager
    def workers(jobs):
        with ThreadPoolExecutor(jobs) as pool:
            yield pool

    fakes = Fakes()
    forecast_work.loaded.cache_clear()
    monkeypatch.setattr(forecast_work, "load", fakes.load)
    for name in ("load", "fingerprint"):
        monkeypatch.setattr(run_evaluation, name, getattr(fakes, name))
    monkeypatch.setattr(run_evaluation, "worker_processes", workers)
    monkeypatch.setattr(
        run_evaluation, "latencies", lambda names, pool: dict.fromkeys(names, Latency(0.01, None))
    )
    monkeypatch.setattr(run_evaluation, "draw", lambda summary, folder: None)  # it takes longer than the rest
    yield fakes
    forecast_work.loaded.cache_clear()


@pytest.fixture
def packs(tmp_path):
    for i, family in enumerate(("first", "first", "second")):
        curves = losses(12, seed=i)
        curves[0, 5:] = np.nan
        write_pack(tmp_path / "packs" / family / f"{i}.npz", curves)
    return tmp_path / "packs"


def evaluate(out, on, surrogates=("calibrated", "overconfident", "slow"), curves=4, **options):
    options = {"limits": ["slow=2"], "jobs": 1, "seed": 0, "console": Console(quiet=True)} | options
    return run_evaluation.run(surrogates, on, curves, out=out, **options)


def without_seconds(summary):
    cells = [{key: value for key, value in cell.items() if key != "seconds"} for cell in summary["cells"]]
    kept = ("tasks", "standings", "calibration", "by_cutoff", "paired", "not_scored")
    return json.dumps(json_safe({**{name: summary[name] for name in kept}, "cells": cells}))


def test_every_figure_is_there(fakes, packs, tmp_path, monkeypatch):
    monkeypatch.setattr(run_evaluation, "draw", draw)
    out = tmp_path / "out"
    summary = evaluate(out, ["prior", "prior:10", f"curves:{packs}"])
    assert json.loads((out / "evaluation.json").read_text()) == json_safe(summary)
    assert {path.name for path in out.glob("*.png")} == {"pit.png", "coverage.png", "log_likelihood.png"}
    assert summary["tasks"][2] == {
        "task": "first/0",
        "family": "first",
        "curves": 4,
        "left_out": {"diverged": 1, "too short": 0},
    }
    cells = {(c["task"], c["cutoff"], c["surrogate"]): c for c in summary["cells"]}
    assert cells["prior:100", "10%", "calibrated"]["log_likelihood"]["n"] == 4
    assert cells["prior:100", "10%", "slow"]["log_likelihood"]["n"] == 2
    assert {scope["scope"] for scope in summary["calibration"]} >= {
        "prior:10",
        "all packs",
        "first",
        "second/2",
    }
    pooled = next(c for c in summary["calibration"] if (c["scope"], c["surrogate"]) == ("first", "slow"))
    assert sum(pooled["pit"]) == pooled["cases"] == 2 * 2 * len(cutoffs_of(20))  # packs, curves
    fields = {(row["scope"], row["among"]) for row in summary["standings"]}
    assert ("all packs", 2) in fields  # the two with all forecasts
    assert ("all packs", 3) in fields  # all three, on their common cases
    assert set(summary["config"]) == {"surrogates", "on", "curves", "limits", "jobs", "seed"}
    assert summary["machine"]["threads"] == 1
    assert {"python", "torch", "numpy"} <= set(summary["versions"])


def test_the_paired_difference_is_that_of_the_common_cases(fakes, tmp_path):
    summary = evaluate(tmp_path, ["prior"])
    store = forecast_work.score_store(tmp_path / "results.jsonl")
    ours, theirs = (
        [store[forecast_work._key(name, trial.digest)] for trial in prior_task(4, 0).trials[:2]]
        for name in ("calibrated", "slow")
    )
    by_curve = [
        np.mean([a.log_prob_unseen - b.log_prob_unseen for a, b in zip(*curve, strict=True)])
        for curve in zip(ours, theirs, strict=True)
    ]
    row = next(
        row
        for row in summary["paired"]
        if (row["scope"], row["cutoff"], row["surrogate"]) == ("prior:100", "all", "slow")
    )
    assert row["log_likelihood"]["mean"] == pytest.approx(np.mean(by_curve))
    assert row["log_likelihood"]["error"] == pytest.approx(abs(by_curve[0] - by_curve[1]) / 2)
    assert row["log_likelihood"]["n"] == 2


def test_a_killed_run_goes_on_and_ends_as_if_undisturbed(fakes, packs, tmp_path):
    on = ["prior:20", f"curves:{packs}"]
    whole = evaluate(tmp_path / "whole", on)
    needed, fakes.forecasts, fakes.end_after = fakes.forecasts, 0, 40
    with pytest.raises(KeyboardInterrupt):
        evaluate(tmp_path / "killed", on)
    path = tmp_path / "killed" / "results.jsonl"
    kept = len(path.read_text().splitlines())
    assert kept
    with path.open("a") as file:
        file.write('{"key": "torn')
    fakes.forecasts, fakes.end_after = 0, float("inf")
    assert without_seconds(evaluate(tmp_path / "killed", on)) == without_seconds(whole)
    assert fakes.forecasts < needed - 4 * kept
    fakes.forecasts = 0
    assert without_seconds(evaluate(tmp_path / "killed", on)) == without_seconds(whole)
    assert fakes.forecasts == 0


def test_results_of_other_runs_in_the_folder_are_never_taken(fakes, packs, tmp_path):
    on, both = ["prior:20", f"curves:{packs}"], tmp_path / "both"
    evaluate(both, on)
    for options in ({"seed": 1}, {"curves": 3}, {"limits": []}):
        expected = evaluate(tmp_path / str(options), on, **options)
        assert without_seconds(evaluate(both, on, **options)) == without_seconds(expected)


def test_new_weights_are_forecast_again_and_nothing_else_is(fakes, tmp_path):
    evaluate(tmp_path, ["prior:20"])
    fakes.forecasts, fakes.fingerprints = 0, {"calibrated": "other weights"}
    evaluate(tmp_path, ["prior:20"])
    assert fakes.forecasts == 4 * len(cutoffs_of(20))


def test_any_number_of_jobs_gives_the_same(fakes, packs, tmp_path):
    on = ["prior:20", f"curves:{packs}"]
    one, many = (evaluate(tmp_path / str(jobs), on, jobs=jobs) for jobs in (1, 5))
    assert without_seconds(one) == without_seconds(many)


def test_processes_give_the_scores_of_this_one(tmp_path):
    trials = prior_task(2, 0, length=10).trials
    work = [forecast_work.ForecastWork(str(t.number), "last_value", "prior:10", t) for t in trials]
    done = []
    with jobs.worker_processes(1) as pool:
        results = forecast_work.evaluate(
            work, forecast_work.score_store(tmp_path / "results.jsonl"), pool, done.append
        )
    assert sorted(item.trial.number for item in done) == [0, 1]
    for trial in trials:
        expected = score_trial(load_surrogate("last_value"), trial)
        found = results["last_value", "prior:10", trial.number]
        assert all(score.failed is None for score in found)
        assert [replace(s, seconds=0) for s in found] == [replace(s, seconds=0) for s in expected]


def test_without_matplotlib_the_run_ends_with_a_note(fakes, tmp_path, monkeypatch):
    monkeypatch.setattr(run_evaluation, "draw", draw)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    console = Console(record=True, file=io.StringIO())
    evaluate(tmp_path, ["prior:10"], console=console)
    assert "no plots written: they need matplotlib" in console.export_text()


def test_seconds_are_measured_alone_and_in_a_batch_of_what_is_fast(fakes, monkeypatch):
    class Sleepy(Walk):
        def unit_forecast(self, curves, at):
            time.sleep(0.005)  # per call, so a curve is faster in a batch even on a busy machine
            return super().unit_forecast(curves, at)

    monkeypatch.setattr(forecast_work, "load", lambda spec: Sleepy(0.03))
    with ThreadPoolExecutor(1) as pool:
        measured = latencies(["sleepy"], pool)["sleepy"]
    assert 0 < measured.in_batch < measured.alone < 0.1


def invoke(*arguments):
    return CliRunner().invoke(cli.app, ["evaluate", *map(str, arguments)])


def test_the_command_prints_tables_or_json(fakes, packs, tmp_path):
    arguments = ["--surrogate=calibrated", "--against=overconfident,slow", f"--on=prior,curves:{packs}"]
    arguments += ["--curves=3", "--limit=slow=1", "--jobs=2", f"--out={tmp_path}"]
    printed = invoke(*arguments, "--json")
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == json.loads((tmp_path / "evaluation.json").read_text())
    shown = invoke(*arguments).stdout
    for text in (
        "Curves of the prior",
        "Average rank",
        "Coverage",
        "all packs",
        "Time of a forecast",
        "second/2",
    ):
        assert text in shown


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("--surrogate=tarot", "tarot"),
        ("--against=tarot", "tarot"),
        ("--against=calibrated:3", "calibrated"),
        ("--on=curves:no-such-folder", "no-such-folder"),
        ("--on=postdoc", "postdoc"),
        ("--on=prior:1", "prior:1"),
        ("--on=prior,prior:100", "prior:100 twice"),
        ("--limit=overconfident=9", "overconfident=9"),
        ("--limit=calibrated", "calibrated"),
    ],
)
def test_user_mistakes_are_one_line_and_exit_code_2(fakes, tmp_path, monkeypatch, capfd, option, named):
    arguments = ["--surrogate=calibrated", "--against=slow", "--on=prior", f"--out={tmp_path}", option]
    monkeypatch.setattr(sys, "argv", ["lcstop", "evaluate", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    message = capfd.readouterr().err
    assert exit_.value.code == 2
    assert message.count("\n") == 1
    assert named in message
