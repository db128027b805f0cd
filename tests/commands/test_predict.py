"""``lcstop predict``: the forecast of a curve from a CSV file."""

import builtins
import io
import json
import sys

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial

from lcstop import Curve
from lcstop.commands.app import main
from lcstop.commands.curve_csv import read_curve
from lcstop.commands.prediction import predict_curve
from lcstop_optuna import LCPFNPruner

CSV = "epoch,loss,val_acc\n0,2.3,0.11\n1,1.9,0.35\n2,1.5,0.48\n3,1.3,\n4,1.2,0.58\n5,1.1,0.61\n"
OPTIONS = ("--horizon", "50", "--metric", "val_acc", "--direction", "maximize")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "curve.csv").write_text(CSV)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["predict", *arguments])
        return (ended.value.code, *capsys.readouterr())

    return run


def test_a_table_a_line_of_bars_and_a_picture(run, tmp_path):
    code, out, err = run("curve.csv", *OPTIONS, "--upper", "1", "--incumbent", "0.9")
    assert code == 0
    assert "val_acc after step 6" in out
    assert "P(beat 0.9)" in out
    first = out.splitlines()[0]
    assert first.startswith("0.11 ▁")
    assert "█" in first
    assert "plot: forecast.png" in err
    assert (tmp_path / "forecast.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def storage(tmp_path):
    """A study of ten trials that rise to 0.6 to 0.78."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    pruner = LCPFNPruner(horizon=50)
    study = optuna.create_study(study_name="tuning", storage=url, direction="maximize", pruner=pruner)
    for i in range(10):
        values = [(0.6 + 0.02 * i) * (1 - 0.85 ** (epoch + 1)) for epoch in range(50)]
        study.add_trial(create_trial(value=values[-1], intermediate_values=dict(enumerate(values))))
    return url


@pytest.mark.parametrize(("top", "stops"), [(0.2, True), (0.9, False)])
def test_in_a_study_the_forecast_agrees_with_what_would_be_decided(run, storage, tmp_path, top, stops):
    rows = [f"{epoch},{top * (1 - 0.85 ** (epoch + 1))}" for epoch in range(12)]
    (tmp_path / "new.csv").write_text("epoch,acc\n" + "\n".join(rows))
    code, out, _ = run("new.csv", "--storage", storage, "--upper", "1", "--json")
    found = json.loads(out)
    end = found["forecast"][-1]
    assert (code, found["horizon"], end["step"]) == (0, 50, 50)
    assert found["incumbent"] == pytest.approx(0.78, abs=1e-3)
    assert found["reason"].startswith(f"{'stopped' if stops else 'goes on'} at step 12 of 50")
    assert (end["p_beat"] > 0.5) == (end["median"] > found["incumbent"]) == (not stops)
    own = top * (1 - 0.85**12) - 1e-12
    assert all(own <= row["low"] <= row["median"] <= row["high"] <= 1 for row in found["forecast"])
    code, out, _ = run("new.csv", "--storage", storage, "--study", "tuning")
    assert code == 0
    assert "as a trial of the study: " in out
    if stops:
        numbers = f"predicted {end['median']:.3g} [{end['low']:.3g}, {end['high']:.3g}]"
        assert numbers in found["reason"]


def test_a_best_so_far_that_the_curve_has_beaten_stays_beaten(run, storage, tmp_path):
    (tmp_path / "new.csv").write_text("epoch,acc\n0,0.3\n1,0.7\n2,0.9\n3,0.4\n")
    code, out, _ = run("new.csv", "--storage", storage, "--json")
    assert code == 0
    for row in json.loads(out)["forecast"]:
        assert row["p_beat"] == 1
        assert row["low"] >= 0.9


def test_a_curve_that_cannot_be_judged_goes_on(run, storage, tmp_path):
    (tmp_path / "new.csv").write_text("epoch,acc\n0,0.3\n")
    code, out, _ = run("new.csv", "--storage", storage)
    assert code == 0
    assert "as a trial of the study: goes on, not judged: too few finite reports" in out
    assert "P(beat" not in out


def test_a_folder_of_ray_needs_its_metric_and_mode(run, tmp_path):
    (tmp_path / "results" / "trial").mkdir(parents=True)
    (tmp_path / "results" / "trial" / "params.json").write_text("{}")
    rows = [{"training_iteration": i, "val_acc": 0.01 * i} for i in range(1, 51)]
    text = "\n".join(map(json.dumps, rows)) + "\n"
    (tmp_path / "results" / "trial" / "result.json").write_text(text)
    folder = ("--results", str(tmp_path / "results"))
    assert "name it with --mode" in run("curve.csv", *folder, "--metric", "val_acc")[2]
    code, out, _ = run("curve.csv", *folder, "--metric", "val_acc", "--mode", "max", "--json")
    found = json.loads(out)
    assert (code, found["metric"], found["horizon"]) == (0, "val_acc", 50)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--direction", "maximize"), "--horizon is missing: give it, or a study by --storage or --results"),
        (("--horizon", "50"), "--direction is missing: give it, or a study"),
        (("--study", "tuning"), "the study is missing: give --storage URL or --results FOLDER"),
        (
            ("--storage", "URL", "--incumbent", "1"),
            "a study has its own direction, best so far and other trials",
        ),
        (("--storage", "URL", "--direction", "minimize"), "a study has its own direction"),
        (("--storage", "URL", "--upper", "0.5"), "a value outside the bounds upper=0.5"),
    ],
)
def test_what_a_study_needs_and_what_it_has_itself(run, storage, options, line):
    given = [storage if option == "URL" else option for option in options]
    code, _, err = run("curve.csv", "--metric", "val_acc", *given)
    assert code == 2
    assert line in err


def test_json_is_the_same_from_a_file_and_from_stdin(run, monkeypatch, tmp_path):
    options = ("--horizon", "50", "--metric", "loss", "--direction", "minimize", "--lower", "0", "--json")
    code, out, _ = run("curve.csv", *options)
    assert code == 0
    found = json.loads(out)
    assert (found["cutoff"], found["horizon"], found["incumbent"]) == (6, 50, None)
    steps = [row["step"] for row in found["forecast"]]
    assert (steps[0], steps[-1], len(steps)) == (7, 50, 8)
    assert all(0 <= row["low"] < row["median"] < row["high"] for row in found["forecast"])
    assert found["forecast"][-1]["median"] < 1.1
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CSV.encode())))
    assert run("-", *options)[1] == out
    assert [path.name for path in tmp_path.iterdir()] == ["curve.csv"]
    run("curve.csv", *options, "--out", "asked.svg")
    assert (tmp_path / "asked.svg").exists()


def test_without_matplotlib_there_is_no_picture_but_a_table(run, monkeypatch, tmp_path):
    real = builtins.__import__

    def absent(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    code, out, err = run("curve.csv", *OPTIONS, "--upper", "1")
    assert code == 0
    assert "val_acc after step 6" in out
    assert "pip install 'lcstop[plot]'" in err
    assert not (tmp_path / "forecast.png").exists()


def test_the_incumbent_is_beaten_the_less_the_higher_it_is():
    curve = Curve([1, 2, 3], [0.41, 0.55, 0.61], horizon=50)
    low, high = (predict_curve(curve, "maximize", "acc", 0, 1, best).p_beat for best in (0.5, 0.99))
    assert (np.diff([low, high], axis=0) < 0).all()
    with pytest.raises(ValueError, match=r"within its bounds, got values from 0.41 to 0.61"):
        predict_curve(curve, "maximize", upper=0.6)
    with pytest.raises(ValueError, match="incumbent must be a number, got nan"):
        predict_curve(curve, "maximize", incumbent=np.nan)


def test_the_line_of_bars_fits_the_terminal_and_its_letters():
    found = predict_curve(Curve([1, 2], [0.1, 0.2], horizon=500), "maximize", "acc", upper=1)
    assert all(len(found.sparkline(width)) <= max(width, 34) for width in (20, 40, 80, 200))
    assert found.sparkline(80, ascii_only=True).plain.isascii()


def test_another_trial_or_a_value_to_beat_gives_the_range_of_good_values(run, tmp_path):
    (tmp_path / "other.csv").write_text(
        "epoch,val_acc\n" + "".join(f"{i},{0.9 - 0.8 / i}\n" for i in range(1, 51))
    )
    for option in (("--other", "other.csv"), ("--incumbent", "0.88")):
        code, out, _ = run("curve.csv", *OPTIONS, *option, "--json")
        assert code == 0
        assert 0.6 < json.loads(out)["forecast"][-1]["median"] < 0.95


@pytest.mark.parametrize(
    ("text", "steps", "values"),
    [
        ("acc\n0.1\n0.2\n", [1, 2], [0.1, 0.2]),
        ("Epoch;acc\r\n1;0.1\r\n3;0.2\r\n", [1, 3], [0.1, 0.2]),
        ("\ufeffstep\tacc\n0\t0.1\n5\tnan\n", [1, 6], [0.1, np.nan]),
        ("acc, round\n0.2, 2\n0.1, 1\n", [1, 2], [0.1, 0.2]),
        ("step,acc\n1,0.1\n2,\n3,0.3\n", [1, 3], [0.1, 0.3]),
    ],
)
def test_kinds_of_csv(text, steps, values):
    curve = read_curve(text, "a.csv", 50, "acc" if "," in text else None)
    np.testing.assert_array_equal(curve.steps, steps)
    np.testing.assert_array_equal(curve.values, values)


@pytest.mark.parametrize(
    ("text", "options", "line"),
    [
        (CSV, ("--metric", "val_ac"), r"curve.csv:1: there is no column 'val_ac'; did you mean 'val_acc'?"),
        (CSV, (), r"curve.csv:1: which column is the metric? name it by --metric; columns: loss, val_acc"),
        (CSV, ("--metric", "loss", "--step", "steps"), "curve.csv:1: there is no column 'steps'"),
        ("epoch,acc\n1,0.1\n2,good\n", (), "curve.csv:3: acc: must be a number, got 'good'"),
        ("epoch,acc\n1,0.1\n1,0.2\n", (), "curve.csv:3: epoch: step 1 appears twice"),
        ("epoch,acc\n-1,0.1\n", (), "curve.csv:2: epoch: a step must be a number of at least 0, got -1"),
        ("epoch,acc\n", (), "curve.csv: the column 'acc' has no finite value"),
        ("", (), "curve.csv:1: which column is the metric?"),
        (
            "epoch,acc\n1,0.5\n60,0.6\n",
            (),
            "no step is left to predict: the curve has reached the horizon 50",
        ),
        ("epoch,acc\n1,0.5\n", ("--upper", "0.1"), "the curve must be within its bounds"),
        ("epoch,acc\n1,0.5\n", ("--surrogate", "gp"), "surrogate must be one of lcpfn, "),
        ("epoch,acc\n1,0.5\n", ("--upper", "1", "--out", "a.xyz"), "xyz"),
        ("epoch,acc\n1,0.5\n", (), "give a bound of the metric (--lower 0, --upper 1), the value to beat"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(text, options, line, run, tmp_path):
    (tmp_path / "curve.csv").write_text(text)
    code, _, err = run("curve.csv", "--horizon", "50", "--direction", "maximize", *options)
    assert code == 2
    assert line in err
    assert len(err.splitlines()) == 1


def test_text_that_is_not_utf8_is_refused(run, tmp_path):
    (tmp_path / "curve.csv").write_bytes(b"acc\n\xff\n")
    code, _, err = run("curve.csv", "--horizon", "50", "--direction", "maximize")
    assert (code, err) == (2, "lcstop: curve.csv is not UTF-8 text\n")
