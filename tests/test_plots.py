"""Pictures of a study: what they show, and that the page needs no network."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lcstop import Curve, Decision, MetricScale, load_surrogate
from lcstop.plots import Band, DrawnTrial, Stop, StudyPicture, draw_html, draw_png, forecast_band

HORIZON = 20
STEPS = np.arange(1, HORIZON + 1)


def whole(top: float) -> Curve:
    return Curve(STEPS, top * (1 - 0.7**STEPS), HORIZON)


def stopped(number: int, n: int, top: float, incumbent: float) -> DrawnTrial:
    after = STEPS[n:].astype(float)
    band = Band(after, np.full(len(after), 0.4), np.full(len(after), 0.5), np.full(len(after), 0.6))
    decision = Decision(
        True, f"P(beat {incumbent}) = 0.02 <= 0.05", float(n), 0.02, incumbent, 0.5, (0.4, 0.6)
    )
    return DrawnTrial(number, whole(top).first(n), Stop(decision, band), whole(top))


def picture(trials: list[DrawnTrial], direction: str = "maximize", ideal: float = 1.0) -> StudyPicture:
    return StudyPicture("A & B", "a study", "accuracy", "epoch", direction, ideal, trials)  # type: ignore[arg-type]


@pytest.fixture
def study() -> StudyPicture:
    diverged = Curve([1, 2, 3], [0.1, math.nan, math.nan], HORIZON)
    gone = Stop(Decision(True, "diverged: the last 2 reports are not finite", 3.0))
    return picture(
        [
            DrawnTrial(0, whole(0.9)),
            stopped(1, 3, 0.7, 0.9),
            stopped(2, 5, 0.95, 0.9),  # would have beaten the incumbent
            DrawnTrial(3, diverged, gone),
            DrawnTrial(4, Curve([1, 2, 3], [math.nan] * 3, HORIZON), gone),
            DrawnTrial(5, whole(0.93)),
            *(stopped(6 + n, n, 0.6, 0.93) for n in range(1, 16)),
        ]
    )


def embedded(page: str) -> dict:
    """The figure's layout.meta, as the page holds it."""
    start = page.rindex('"meta":') + len('"meta":')
    return json.JSONDecoder().raw_decode(page[start:])[0]


def test_picture_knows_the_winner_and_the_wrong_stops(study: StudyPicture) -> None:
    assert study.winner is study.trials[5]
    assert [trial.number for trial in study.stopped if study.wrongly_stopped(trial)] == [2]


def test_highlights_hold_wrong_stops_first_then_all_lengths(study: StudyPicture) -> None:
    assert [trial.number for trial in study.highlights(1)] == [2]
    chosen = study.highlights(4)
    assert [trial.number for trial in chosen] == sorted(trial.number for trial in chosen)
    assert {1, 15} <= {trial.curve.cutoff for trial in chosen}
    assert len(study.highlights(100)) == 17  # every stop with a band


@pytest.mark.parametrize(("direction", "ideal"), [("maximize", 1.0), ("minimize", 0.0)])
def test_axis_is_monotone_and_ticks_lie_on_it(direction: str, ideal: float) -> None:
    drawn = picture([DrawnTrial(0, whole(0.9))], direction, ideal)
    heights = drawn.place(np.linspace(0.1, 0.9, 9))
    assert (np.diff(heights) > 0).all()
    low, high = drawn.limits()
    ticks = drawn.ticks()
    assert len(ticks) >= 3
    for height, label in ticks:
        assert low <= height <= high
        assert drawn.place(float(label)) == pytest.approx(height)


def test_axis_takes_the_ideal_itself_and_diverged_points() -> None:
    drawn = picture([DrawnTrial(0, Curve([1, 2, 3], [0.5, 1.0, math.inf], HORIZON))])
    assert np.isfinite(drawn.limits()).all()
    assert np.isnan(drawn.place([math.nan, math.inf])).all()


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        picture([DrawnTrial(0, Curve([1], [math.nan], HORIZON))])


def test_forecast_band_runs_from_cutoff_to_horizon() -> None:
    curve = Curve([1, 2, 3], [0.3, 0.4, 0.45], 10)
    scale = MetricScale("maximize", lower=0.0, upper=1.0)
    band = forecast_band(load_surrogate(), curve, scale)
    assert band.steps.tolist() == [4, 5, 6, 7, 8, 9, 10]
    forecast = load_surrogate().forecast([curve], [10], scale)
    assert band.median[-1] == pytest.approx(forecast.median()[0, 0], abs=1e-6)
    assert (band.low < band.median).all()
    assert (band.median < band.high).all()


def test_png(study: StudyPicture, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "curves.png"
    draw_png(study, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_html_needs_no_network_and_holds_every_reason(study: StudyPicture, tmp_path: Path) -> None:
    draw_html(study, tmp_path / "curves.html")
    page = (tmp_path / "curves.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]*\b(src|href)\s*=\s*[\"']?(https?:)?//", page)
    assert "A &amp; B" in page
    meta = embedded(page)
    assert list(meta["trials"]) == [str(trial.number) for trial in study.trials]
    assert "P(beat 0.9) = 0.02 &lt;= 0.05" in meta["trials"]["2"]["text"]
    assert "it would have beaten the incumbent" in meta["trials"]["2"]["text"]
    assert "not have beaten" in meta["trials"]["1"]["text"]
    assert "diverged" in meta["trials"]["3"]["text"]
    assert "ran to epoch 20: best 0.8993" in meta["trials"]["0"]["text"]
    assert meta["first"] == len(study.trials)
    for shown in meta["trials"].values():
        assert list(shown["lines"]) == meta["parts"]


def test_study_without_stops_is_drawn(tmp_path: Path) -> None:
    alone = picture([DrawnTrial(0, whole(0.9))])
    draw_png(alone, tmp_path / "curves.png")
    draw_html(alone, tmp_path / "curves.html")


def test_libraries_load_only_when_drawing() -> None:
    code = "import sys, lcstop.plots; print([m for m in ('matplotlib', 'plotly') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


def test_pyplot_is_left_alone(study: StudyPicture, tmp_path: Path) -> None:
    before = "matplotlib.pyplot" in sys.modules
    draw_png(study, tmp_path / "curves.png")
    assert ("matplotlib.pyplot" in sys.modules) == before
