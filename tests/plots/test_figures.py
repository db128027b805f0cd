"""Data of the figures of a review, by plotly and by matplotlib."""

import math
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, plots
from lcstop.plots import matplotlib as still
from lcstop.plots.page_trials import trial_data
from lcstop.plots.parameter_axes import parameter_axes
from lcstop.plots.series import calibration, incumbents, savings, value_axis
from lcstop.review import Review
from tests.review.recorded_trials import H, config_of, flat, study_of, trial_of

NAMES = ["plot_incumbent", "plot_curves", "plot_savings", "plot_calibration"]


@pytest.fixture
def review(surrogate) -> Review:
    """A study without lcstop. Stopped in the replay: 0.2, a diverged trial, and one that would have won."""
    riser = [0.3] * 4 + [0.95] * (H - 4)
    trials = [
        flat(0, 0.8),
        flat(1, 0.2),
        flat(2, 0.85),
        trial_of(3, [0.1, *[math.nan] * (H - 1)]),
        trial_of(4, riser),
    ]
    return Review.of(study_of(trials), config_of(), surrogate)


def trace(figure, name):
    (found,) = [trace for trace in figure.data if trace.name == name]
    return found


def test_curves_carry_their_numbers_and_the_moments_of_stops(review):
    figure = plots.plot_curves(review)
    assert {n for n in trace(figure, "best").customdata if n is not None} == {2}
    assert set(trace(figure, "stopped").customdata) == {1, 3, 4}
    assert trace(figure, "stop").customdata == (1, 3)
    assert "chance to beat the best so far" in trace(figure, "stop").text[0]
    wrong = trace(figure, "wrong stop")
    assert (wrong.customdata, wrong.x, wrong.y) == ((4,), (2.0,), (0.3,))


def test_a_stopped_curve_ends_at_its_stop_and_diverged_points_are_gaps(review):
    stopped = trace(plots.plot_curves(review), "stopped")
    own = [(x, y) for x, y, n in zip(stopped.x, stopped.y, stopped.customdata, strict=True) if n == 3]
    assert own == [(1.0, 0.1), (2.0, None), (3.0, None), (4.0, None), (None, None)]


def test_a_trial_is_shown_with_the_forecast_of_each_moment(review):
    for moment in (0, -1):
        shot = review.trials[2].snapshots[moment]
        figure = plots.plot_trial(review, 2, moment)
        assert trace(figure, "median").x[0] > shot.decision.cutoff
        assert trace(figure, "known").x[-1] == shot.decision.cutoff
        assert trace(figure, "later").x[-1] == H
        low, high = (figure.data[plots.figures.PARTS.index(part)].y for part in ("low", "high"))
        assert all(a < b for a, b in zip(low, high, strict=True))
    assert trace(plots.plot_trial(review, 1), "best so far").y == (0.8, 0.8)
    with pytest.raises(ValueError, match="no trial 9"):
        plots.plot_trial(review, 9)
    with pytest.raises(IndexError):
        plots.plot_trial(review, 1, 7)


def test_the_incumbent_with_and_without_the_stops(review):
    kept, without = incumbents(review)
    assert list(zip(kept.x, kept.y, strict=True)) == [(12, 0.8), (26, 0.85), (32, 0.85)]
    assert list(zip(without.x, without.y, strict=True)) == [(12, 0.8), (36, 0.85), (60, 0.95), (60, 0.95)]


def test_of_a_study_with_lcstop_only_the_real_incumbent_is_known(surrogate):
    stopped = flat(1, 0.2, 4, "stopped", reason="poor")
    study = study_of([flat(0, 0.8), stopped])
    assert incumbents(Review.of(study, config_of(), surrogate))[1] is None
    whole = flat(1, 0.2, 4, "stopped", reason="poor", full_curve=Curve(range(1, H + 1), [0.9] * H, H))
    review = Review.of(study_of([flat(0, 0.8), whole]), config_of(), surrogate)
    assert incumbents(review)[1].y[-1] == 0.9
    assert review.wrong == [review.trials[1]]


def test_savings_end_at_the_epochs_of_the_review(review):
    kept, without = savings(review)
    assert (kept.y[-1], without.y[-1]) == (review.epochs, review.epochs_without_stops) == (32, 60)


def test_calibration_counts_how_often_intervals_held(surrogate):
    # Each trial ends at the 69 % quantile: outside the central 38 % interval, within all wider ones.
    review = Review.of(study_of([flat(i, 0.5 + 0.01 * i) for i in range(9)]), config_of(), surrogate)
    for trial in review.trials:
        for shot in trial.snapshots:
            object.__setattr__(shot.band, "level", 0.69)
    early, late = calibration(review)
    assert early.n > 0
    assert late.n > 0
    for part in (early, late):
        assert dict(zip(np.round(part.line.x, 1), part.line.y, strict=True)) == pytest.approx(
            {0: 0, 0.1: 0, 0.2: 0, 0.3: 0, 0.4: 1, 0.5: 1, 0.6: 1, 0.7: 1, 0.8: 1, 0.9: 1, 1: 1}
        )


def test_a_loss_over_decades_gets_a_logarithmic_axis():
    trials = [trial_of(i, np.geomspace(100, 10.0**-i, H)) for i in range(3)]
    config = PrunerConfig(horizon=H, policy="published", surrogate="last_value")
    review = Review.of(study_of(trials, "minimize"), config)
    axis = value_axis(review)
    assert axis.log
    assert axis.low < 0.01 < 10 < axis.high
    assert plots.plot_curves(review).layout.yaxis.type == "log"
    assert still.plot_curves(review, axes()).get_yscale() == "log"
    assert plots.plot_incumbent(review).layout.yaxis.type == "log"
    assert still.plot_incumbent(review, axes()).get_yscale() == "log"


def axes():
    from matplotlib.figure import Figure

    return Figure().subplots()


@pytest.mark.parametrize("name", NAMES)
def test_both_libraries_draw_the_same_lines(review, name):
    figure, drawn = getattr(plots, name)(review), getattr(still, name)(review, axes())
    entries = {text.get_text() for text in drawn.get_legend().get_texts()}
    assert {trace.name for trace in figure.data if trace.showlegend is not False} == entries
    assert figure.layout.xaxis.title.text == drawn.get_xlabel()
    assert figure.layout.yaxis.title.text == drawn.get_ylabel()


@pytest.mark.parametrize("name", NAMES)
def test_without_axes_pyplot_makes_a_figure(review, name, monkeypatch):
    mpl.use("Agg")
    from matplotlib import pyplot

    ax = getattr(still, name)(review)
    assert ax.figure.number in pyplot.get_fignums()
    pyplot.close(ax.figure)


def test_names_are_text_in_both(surrogate):
    study = study_of([flat(0, 0.8), flat(1, 0.2)])
    odd = type(study)("$x$", "Optuna", "<b>$a_b$</b>", "<i>", "maximize", study.trials)
    review = Review.of(odd, config_of(), surrogate)
    assert plots.plot_curves(review).layout.yaxis.title.text == "&lt;b&gt;$a_b$&lt;/b&gt;"
    ax = still.plot_curves(review, axes())
    ax.figure.canvas.draw()
    assert ax.get_ylabel() == r"<b>\$a_b\$</b>"


def test_a_picture_holds_wrong_stops_first(review, tmp_path):
    path = tmp_path / "new folder" / "study.png"
    still.write_figure(review, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_a_study_without_stops(surrogate, tmp_path):
    review = Review.of(study_of([flat(0, 0.8)]), config_of(), surrogate)
    still.write_figure(review, tmp_path / "study.png")
    assert (tmp_path / "study.png").stat().st_size > 1000


def test_the_figures_import_no_drawing_library_before_they_are_used():
    code = (
        "import sys, lcstop.plots, lcstop.review; "
        "print({'plotly', 'matplotlib', 'optuna', 'ray'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "set()"


def test_parameters_have_axes_by_their_kind_and_odd_values_are_at_the_ends(surrogate):
    params = [
        {"lr": 1e-5, "layers": 1, "act": "relu", "fixed": 3, "only": 1},
        {"lr": 1e-1, "layers": 4, "act": None, "fixed": 3},
        {"lr": 1e-3, "layers": 2, "act": "<b>tanh", "fixed": 3, "only": 2},
    ]
    tops = (0.8, 0.7, -1e9)
    trials = [
        trial_of(i, [top] * H, params=values)
        for i, (top, values) in enumerate(zip(tops, params, strict=True))
    ]
    review = Review.of(study_of(trials), config_of(), surrogate)
    axes = {axis.name: axis for axis in parameter_axes(review)}
    assert [(name, axis.kind) for name, axis in axes.items()] == [
        ("lr", "log"),
        ("layers", "linear"),
        ("act", "category"),
        ("only", "linear"),
        ("accuracy", "linear"),
    ]
    assert axes["lr"].positions == pytest.approx([0, 1, 0.5])
    assert axes["only"].positions == [0, None, 1]
    assert [word for _, word in axes["act"].ticks] == ["<b>tanh", "None", "relu"]
    assert all(0 <= position <= 1 for position in axes["accuracy"].positions)
    figure = plots.plot_parameters(review)
    assert {number for trace in figure.data for number in trace.customdata} == {0, 1, 2}
    assert "<b>" not in str(figure.layout.annotations)
    assert "<b>" not in str([trace.x for trace in plots.plot_slice(review, "act").data])
    with pytest.raises(ValueError, match="no hyperparameter 'fixed' with two values"):
        plots.plot_slice(review, "fixed")


def test_without_two_values_there_are_no_axes(review):
    assert parameter_axes(review) == []
    for library in (plots, still):
        with pytest.raises(ValueError, match="has no hyperparameter with two values"):
            library.plot_parameters(review)


def test_the_first_value_does_not_hide_the_progress(surrogate):
    trials = [flat(i, top) for i, top in enumerate([1e6, 0.5, 0.4, 0.41, 0.3])]
    review = Review.of(study_of(trials, "minimize"), config_of(lower=None, upper=None), surrogate)
    for low, high in (
        plots.plot_incumbent(review).layout.yaxis.range,
        still.plot_incumbent(review, axes()).get_ylim(),
    ):
        assert low < 0.3 < 0.4 < high < 10


def test_bands_stay_within_the_bounds_of_the_metric(surrogate):
    bounds = PrunerConfig(horizon=H, policy="published", surrogate="last_value", lower=1 / 3, upper=0.99996)
    trials = [trial_of(i, np.linspace(0.4, top, H)) for i, top in enumerate([0.9999, 0.99995, 0.5])]
    review = Review.of(study_of(trials), bounds)
    bands = [
        value
        for trial in review.trials
        for shot in trial_data(review, trial)["snapshots"]
        for part in ("low", "median", "high")
        for value in shot.get(part, [])
    ]
    assert bands
    assert 1 / 3 <= min(bands) <= max(bands) <= 0.99996
