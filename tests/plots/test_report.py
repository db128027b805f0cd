"""``lcstop report``: a single page that escapes all text and needs no network."""

import json
import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from typer.testing import CliRunner

from lcstop import Curve
from lcstop.commands.app import app
from lcstop.plots import write_page
from lcstop.review import RecordedStudy, RecordedTrial, Review
from lcstop_optuna import REASON_ATTR
from tests.review.recorded_trials import H, config_of, flat, study_of, trial_of

EVIL = "</script><img src=x onerror=alert(1)>&\"'`{{data}}<!--\u2028"


class Parsed(HTMLParser):
    """Parsed page: loaded resources, the text of each script, and the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if "script" in self.open:
            self.scripts[-1] += data
        elif "style" not in self.open:
            self.text += data


def page_of(review: Review, folder: Path) -> Parsed:
    write_page(review, folder / "report.html")
    return Parsed((folder / "report.html").read_text(encoding="utf-8"))


def data_of(page: Parsed) -> dict:
    return json.loads(page.scripts[0])


@pytest.fixture
def review(surrogate) -> Review:
    trials = [flat(0, 0.8), flat(1, 0.2), flat(2, 0.85), trial_of(3, [0.1, *[math.nan] * (H - 1)])]
    return Review.of(study_of(trials), config_of(), surrogate)


def test_nothing_is_loaded_and_nothing_may_be(review, tmp_path):
    page = page_of(review, tmp_path)
    assert len(page.scripts) == 3
    for tag, attrs in page.tags:
        assert "src" not in attrs
        assert tag not in ("iframe", "object", "base")
        assert attrs.get("href", "#").startswith(("#", "data:"))
    (policy,) = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    style = re.search(r"<style>(.*?)</style>", (tmp_path / "report.html").read_text(encoding="utf-8"), re.S)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_headline_says_what_would_have_been_saved(review, tmp_path):
    page = page_of(review, tmp_path)
    assert f"{1 - review.epochs / review.epochs_without_stops:.0%}of epochs would be saved" in page.text
    assert f"{review.epochs:.0f} instead of 48" in page.text
    assert "2 of 4trials would be stopped" in page.text
    assert "0.85best so fartrial 2, kept" in page.text
    assert "0wrong stopsof 2 with a known end" in page.text
    assert "This study ran without lcstop" in page.text


def test_the_headline_of_a_study_with_lcstop_is_what_happened(surrogate, tmp_path):
    study = study_of([flat(0, 0.8), flat(1, 0.2, 4, "stopped", reason="too poor")])
    page = page_of(Review.of(study, config_of(), surrogate), tmp_path)
    assert "33%of epochs saved16 instead of 24" in page.text
    assert "1 of 2trials stopped50%" in page.text
    assert "wrong stops" not in page.text  # it is unknown
    assert "This study ran without lcstop" not in page.text
    trials = data_of(page)["trials"]
    assert trials[1]["note"] is None  # the page takes it from the last judgement
    assert trials[1]["snapshots"][-1]["reason"] == "too poor"
    assert [trial["status"] for trial in trials] == ["best", "stopped at 4"]
    assert trials[1]["wrong"] == "not known"


def test_a_stopped_winner_is_told_of(surrogate, tmp_path):
    riser = trial_of(1, [0.3] * 4 + [0.95] * (H - 4))
    review = Review.of(study_of([flat(0, 0.8), riser]), config_of(), surrogate)
    page = page_of(review, tmp_path)
    assert "0.8best so fartrial 0, instead of 0.95" in page.text
    assert "1wrong stopsof 1 with" in page.text
    assert data_of(page)["first"] == 1


def test_every_trial_is_there_with_its_forecasts(review, tmp_path):
    data = data_of(page_of(review, tmp_path))
    assert [trial["number"] for trial in data["trials"]] == [0, 1, 2, 3]
    stopped = data["trials"][1]
    assert (stopped["status"], stopped["n"], stopped["wrong"]) == ("stopped at 2", 2, "no")
    assert stopped["x"] == {"first": 1.0, "gap": 1.0, "n": H}  # its later reports are recorded
    shot = stopped["snapshots"][-1]
    assert shot["reason"] == review.trials[1].stop.reason
    band = review.trials[1].snapshots[-1].band
    assert data["horizon"] - shot["spacing"] * (len(shot["low"]) - 1) == pytest.approx(band.steps[0])
    assert shot["median"] == pytest.approx(band.median.tolist(), rel=1e-5)
    assert data["trials"][3]["y"] == [0.1, *[None] * (H - 1)]
    assert "diverged" in data["trials"][3]["snapshots"][-1]["reason"]
    assert len(data["figures"]["trial"]["data"]) == len(data["parts"])


def test_too_few_forecasts_make_no_calibration(surrogate, tmp_path):
    for n, there in ((12, True), (1, False)):
        study = study_of([flat(i, 0.5 + 0.01 * i) for i in range(n)])
        page = page_of(Review.of(study, config_of(), surrogate), tmp_path)
        assert ("calibration" in data_of(page)["figures"]) is there


def test_whatever_comes_from_a_study_is_text(surrogate, tmp_path):
    curve = Curve(range(1, H + 1), [0.8] * H, H, params={EVIL: EVIL, "list": [1, EVIL]})
    poor = Curve(range(1, 5), [0.1] * 4, H)
    trials = [
        RecordedTrial(0, curve, "finished", 0, 1, attrs={EVIL: {"deep": EVIL}, "none": None}, name=EVIL),
        RecordedTrial(1, poor, "stopped", 1, 2, reason=EVIL),
    ]
    study = RecordedStudy(EVIL, EVIL, EVIL, EVIL, "maximize", trials, {"surrogate": "lcpfn"})
    review = Review.of(study, config_of(), surrogate)
    page = page_of(review, tmp_path)
    plain = page_of(
        Review.of(
            study_of([flat(0, 0.8), flat(1, 0.1, 4, "stopped", reason="poor")]), config_of(), surrogate
        ),
        tmp_path,
    )
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert page.text.count(EVIL) >= 2  # title and heading, unchanged
    assert all("onerror" not in str(attrs) for _, attrs in page.tags)
    data = data_of(page)
    assert data["trials"][0]["params"][0] == [EVIL, EVIL]
    assert data["trials"][1]["snapshots"][-1]["reason"] == EVIL
    for figure in data["figures"].values():  # plotly interprets tags in labels
        assert "<img" not in json.dumps(figure)


# --- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{(tmp_path / 'study.db').as_posix()}"
    storage = optuna.storages.RDBStorage(url)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, study_name="only", direction="maximize")
    for top, n in ((0.9, 6), (0.3, 3), (0.8, 6)):
        reports = {i: top * (1 - 0.5**i) for i in range(1, n + 1)}
        if n == 6:
            study.add_trial(create_trial(value=top, intermediate_values=reports))
        else:
            attrs = {REASON_ATTR: "P(beat 0.9) is small"}
            study.add_trial(
                create_trial(state=TrialState.PRUNED, intermediate_values=reports, user_attrs=attrs)
            )
    storage.remove_session()
    storage.engine.dispose()
    return url


def test_the_command_writes_the_page_and_says_where(url, tmp_path):
    out = tmp_path / "new folder" / "report.html"
    result = CliRunner().invoke(app, ["report", "--storage", url, "-o", str(out)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "only: stopped 1 of 3 trials, 17 % of the epochs saved",
        f"report: {out}",
    ]
    assert "P(beat 0.9) is small" in out.read_text(encoding="utf-8")
    assert out.stat().st_size < 6e6


def test_the_command_gives_the_headline_as_json(url, tmp_path):
    out = tmp_path / "report.html"
    result = CliRunner().invoke(app, ["report", "--storage", url, "-o", str(out), "--json"])
    figures = json.loads(result.stdout)
    assert (figures["stopped"], figures["epochs"], figures["epochs_saved"]) == (1, 15, 3)
    assert (figures["best_trial"], figures["live"], figures["page"]) == (0, True, str(out))


def test_a_page_that_cannot_be_written_is_said_before_the_work(url, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(Review, "of", None)
    out = tmp_path / "file" / "report.html"
    with pytest.raises(OSError, match="file"):
        CliRunner().invoke(app, ["report", "--storage", url, "-o", str(out)], catch_exceptions=False)


def test_without_plotly_the_command_says_what_to_install(url, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ValueError, match=r"needs plotly: pip install 'lcstop\[plot\]'"):
        CliRunner().invoke(app, ["report", "--storage", url], catch_exceptions=False)
