"""Scores against their formulas, and statistics of scores."""

import math

import numpy as np
import pytest
from scipy.stats import kstest, norm

from lcstop import BarDistribution, Curve, MetricScale
from lcstop.evaluation.cases import Cutoff, ForecastTrial, cutoffs_of, prior_task, prior_values
from lcstop.evaluation.scores import covered, crps, score_trial
from lcstop.evaluation.statistics import mean_over_curves, standings
from lcstop.surrogates.base import UnitSurrogate

BORDERS = np.concatenate([[-2.0], np.linspace(-1, 0, 201)[:-1], np.linspace(0, 2, 401), [3.0]])


def normal_bars(mean, sigma) -> BarDistribution:
    """Bars ``[..., 1]`` that approximate a normal distribution."""
    cdf = norm.cdf(BORDERS[1:-1], np.asarray(mean)[..., None], sigma)
    mass = np.diff(cdf, prepend=0.0, append=1.0)
    return BarDistribution(BORDERS, np.log(mass + 1e-12))


class Walk(UnitSurrogate):
    """Forecasts the last value with normal noise, in the unit interval: the true model of :func:`walks`."""

    def __init__(self, sigma):
        self.sigma = sigma

    def unit_forecast(self, curves, at):
        last = np.array([curve.values[-1] for curve in curves])
        return normal_bars(np.repeat(last[:, None], len(at), 1), self.sigma)


def walks(n, sigma=0.05, scale=None):
    """Trials with constant values. Normal noise is added to the last one."""
    rng = np.random.default_rng(0)
    for i, level in enumerate(rng.uniform(0.3, 0.7, n)):
        values = np.append(np.full(9, level), level + sigma * rng.standard_normal())
        yield ForecastTrial(i, Curve(np.arange(1, 11), values, 10), (Cutoff("20%", 2, scale),))


@pytest.mark.parametrize("y", [-0.3, 0.0, 0.31, 0.5, 0.97, 1.0, 1.4])
@pytest.mark.parametrize("tails", [True, False])
def test_crps_is_that_of_samples_clipped_to_the_unit_interval(y, tails):
    rng = np.random.default_rng(1)
    borders = np.array([-0.4, 0.0, 0.1, 0.35, 0.6, 1.0, 1.3])
    bars = BarDistribution(borders, rng.normal(size=6))
    bars = bars if tails else bars.restrict(0, 1)
    x, other = np.clip(bars.quantile(rng.random((2, 400_000))), 0, 1)
    expected = np.abs(x - np.clip(y, 0, 1)).mean() - 0.5 * np.abs(x - other).mean()
    assert crps(bars, y) == pytest.approx(expected, abs=1e-3)


def test_crps_of_a_normal_has_its_closed_form():
    # Gneiting & Raftery (2007), equation 21.
    z = (0.53 - 0.5) / 0.02
    expected = 0.02 * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / math.sqrt(math.pi))
    assert crps(normal_bars(0.5, 0.02), 0.53) == pytest.approx(expected, rel=2e-2)


def test_scores_of_a_unit_curve_are_those_of_the_normal_that_was_forecast():
    trial = next(iter(walks(1)))
    score = score_trial(Walk(0.05), trial)[0]
    last, y = trial.curve.values[1], trial.curve.values[2:]
    assert score.log_prob == pytest.approx(norm.logpdf(y[-1], last, 0.05), abs=0.05)
    assert score.log_prob_unseen == pytest.approx(norm.logpdf(y, last, 0.05).mean(), abs=0.05)
    assert score.error == pytest.approx(abs(y[-1] - last), abs=1e-3)
    assert score.pit == pytest.approx(norm.cdf(y[-1], last, 0.05), abs=0.02)
    assert score.seconds > 0
    assert score.failed is None


def test_pit_is_uniform_when_the_forecast_is_the_truth():
    pits = [score_trial(Walk(0.05), trial)[0].pit for trial in walks(400)]
    assert kstest(pits, "uniform").pvalue > 0.01


@pytest.mark.parametrize(("sigma", "low", "high"), [(0.05, 0.87, 0.93), (0.025, 0.50, 0.65)])
def test_coverage_tells_a_calibrated_forecast_from_an_over_confident_one(sigma, low, high):
    pits = [score_trial(Walk(sigma), trial)[0].pit for trial in walks(400)]
    assert low < np.mean([covered(pit, 0.9) for pit in pits]) < high


def test_scores_on_a_metric_are_in_its_own_units_and_direction():
    scale = MetricScale("minimize", lower=0.0, upper=10.0)
    trial = ForecastTrial(0, Curve([1, 2, 3, 4], [8.0, 5.0, 4.0, 3.0], 4), (Cutoff("20%", 2, scale),))
    score = score_trial(Walk(0.05), trial)[0]
    forecast = Walk(0.05).forecast([trial.curve.prefix(2)], [4], scale)
    assert score.error == pytest.approx(2.0, abs=0.02)  # from 5 to 3
    assert score.unit_error == pytest.approx(float(scale.to_unit(3.0) - scale.to_unit(5.0)), abs=2e-3)
    assert score.pit == pytest.approx(float(forecast.cdf(3.0)[0, 0]))
    assert score.pit < 0.5
    assert score.log_prob == pytest.approx(float(forecast.log_prob(3.0)[0, 0]))
    samples = scale.to_unit(forecast.sample(100_000, np.random.default_rng(0))[:, 0, 0])
    y = float(scale.to_unit(3.0))
    expected = np.abs(samples - y).mean() - 0.5 * np.abs(samples[::2] - samples[1::2]).mean()
    assert score.crps == pytest.approx(expected, abs=1e-3)
    assert math.isnan(score.log_prob_unseen)
    assert score.log_likelihood == score.log_prob


def test_no_likelihood_where_the_jacobian_underflows():
    scale = MetricScale("minimize", soft_lower=0.0, soft_upper=1.0)
    trial = ForecastTrial(0, Curve([1, 2, 3], [0.5, 0.4, 1e6], 3), (Cutoff("20%", 2, scale),))
    score = score_trial(Walk(0.05), trial)[0]
    assert math.isnan(score.log_prob)
    assert score.error == pytest.approx(1e6, rel=1e-3)
    assert score.unit_error < 1
    assert score.pit == 1.0


def test_a_failure_is_counted_and_the_other_moments_are_scored():
    class Picky(Walk):
        def unit_forecast(self, curves, at):
            if len(curves[0]) == 5:
                raise RuntimeError("five")
            return super().unit_forecast(curves, at)

    curve = Curve(np.arange(1, 51), np.linspace(0.2, 0.6, 50), 50)
    scores = score_trial(Picky(0.05), ForecastTrial(0, curve, cutoffs_of(50)))
    assert [score.failed for score in scores] == ["RuntimeError('five')", None, None, None]
    assert math.isnan(scores[0].pit)
    assert all(0 < score.pit < 1 for score in scores[1:])


def test_at_most_100_unseen_points_are_scored_and_the_last_is_one():
    asked = []

    class Listening(Walk):
        def unit_forecast(self, curves, at):
            asked.append(at)
            return super().unit_forecast(curves, at)

    curve = Curve(np.arange(1, 5001), np.full(5000, 0.5), 5000)
    score_trial(Listening(0.05), ForecastTrial(0, curve, (Cutoff("10%", 500),)))
    assert len(asked[0]) == 100
    assert asked[0][[0, -1]].tolist() == [501, 5000]


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (100, {"10%": 10, "20%": 20, "40%": 40, "80%": 80, "5 points": 5}),
        (2, {"40%": 1}),
        (5, {"20%": 1, "40%": 2, "80%": 4}),
        (1, {}),
        (
            1000,
            {"10%": 100, "20%": 200, "40%": 400, "80%": 800, "5 points": 5, "10 points": 10, "20 points": 20},
        ),
    ],
)
def test_moments(n, expected):
    assert {cutoff.label: cutoff.n_observed for cutoff in cutoffs_of(n)} == expected


@pytest.mark.torch
def test_more_curves_of_the_prior_keep_the_first_ones():
    few, many = prior_values(3, seed=0, length=100), prior_values(300, seed=0, length=100)
    assert (few == many[:3]).all()
    assert not (few == prior_values(3, seed=1, length=100)).any()


@pytest.mark.torch
def test_a_short_curve_of_the_prior_is_the_beginning_of_a_whole_one():
    short, whole = prior_task(4, 0, length=10), prior_task(4, 0)
    for a, b in zip(short.trials, whole.trials, strict=True):
        assert (a.curve.values == b.curve.values[:10]).all()
        assert a.curve.horizon == 10
        assert a.digest != b.digest


def test_errors_are_over_curves_not_over_moments():
    values = [(curve, float(curve % 2)) for curve in range(10) for _ in range(7)]
    mean = mean_over_curves(values)
    assert mean == (0.5, pytest.approx(np.std([0, 1] * 5, ddof=1) / math.sqrt(10)), 10)
    assert math.isnan(mean_over_curves([("a", 1.0)]).error)
    assert mean_over_curves([("a", math.nan)]).n == 0


def test_standings_share_ties():
    cell = {"a": 1.0, "b": 1.0, "c": 2.0}
    assert standings([[cell]]) == {"a": (1.5, 0.5), "b": (1.5, 0.5), "c": (3.0, 0.0)}
    assert standings([]) == {}
