"""Bar distributions and forecasts against scipy and numerical integration."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from lcstop import BarDistribution, Forecast, MetricScale
from lcstop.surrogates.forecast import HALF_NORMAL_MEDIAN

BORDERS = np.array([-0.3, 0.0, 0.2, 0.25, 0.6, 0.9, 1.0, 1.4])
SCALES = [
    MetricScale("maximize", 0.0, 1.0),
    MetricScale("minimize", 0.0, 1.0),
    MetricScale("minimize", lower=0.0, soft_upper=2.3),
    MetricScale("minimize", lower=1.0, soft_upper=200.0),
    MetricScale("maximize", soft_lower=-100.0, soft_upper=900.0),
]
logits = st.lists(
    st.floats(-30, 30), min_size=len(BORDERS) - 1, max_size=len(BORDERS) - 1
).map(np.array)  # fmt: skip

few = settings(max_examples=30)
"""Fewer examples than by default: each one is integrated numerically."""


def forecast(values: np.ndarray, scale: MetricScale) -> Forecast:
    return Forecast(BarDistribution(BORDERS, values[None, None]).restrict(0, 1), scale)


@given(logits)
@few
def test_density_integrates_to_one(values):
    bars = BarDistribution(BORDERS, values)
    far = BORDERS[0] - 5, BORDERS[-1] + 6  # beyond ten scales of either tail
    edges = [far[0], *BORDERS[1:-1], far[1]]
    total = sum(
        integrate.quad(lambda y: math.exp(bars.log_prob(y)), a, b, epsabs=1e-8, limit=200)[0]
        for a, b in itertools.pairwise(edges)
    )
    assert total == pytest.approx(1, abs=1e-5)


@given(logits, st.lists(st.floats(-3, 4), min_size=2, max_size=10))
def test_cdf_is_monotone_and_within_bounds(values, at):
    cdf = BarDistribution(BORDERS, values).cdf(np.sort(at))
    assert (np.diff(cdf) >= 0).all()
    assert ((cdf >= 0) & (cdf <= 1)).all()


@given(logits, st.floats(0.001, 0.999))
def test_quantile_inverts_cdf(values, q):
    bars = BarDistribution(BORDERS, values)
    assert float(bars.cdf(bars.quantile(q))) == pytest.approx(q, abs=1e-9)


@given(logits)
@few
def test_mean_is_the_integral_of_the_survival_function(values):
    bars = BarDistribution(BORDERS, values)
    grid = np.linspace(-6, 8, 200_001)
    cdf = bars.cdf(grid)
    expected = 8 - integrate.trapezoid(cdf, grid)
    assert float(bars.mean()) == pytest.approx(expected, abs=1e-4)


def test_tails_are_scipys_half_normal():
    bars = BarDistribution(BORDERS, np.zeros(7))
    upper = stats.halfnorm(loc=1.0, scale=0.4 / HALF_NORMAL_MEDIAN)
    lower = stats.halfnorm(loc=0.0, scale=0.3 / HALF_NORMAL_MEDIAN)
    y = np.array([1.0001, 1.2, 1.4, 2.0])
    assert bars.log_prob(y) == pytest.approx(upper.logpdf(y) - math.log(7))
    assert bars.cdf(y) == pytest.approx(6 / 7 + upper.cdf(y) / 7)
    y = np.array([0.0, -0.1, -0.3, -1.0])
    assert bars.log_prob(y) == pytest.approx(lower.logpdf(-y) - math.log(7))
    assert bars.cdf(y) == pytest.approx(lower.sf(-y) / 7)
    assert float(bars.cdf(1.4)) == pytest.approx(1 - 0.5 / 7)  # half of the tail lies within its bin


@pytest.mark.parametrize("scale", SCALES, ids=str)
@given(values=logits)
@few
def test_forecast_density_integrates_to_one_in_the_metrics_units(scale, values):
    f = forecast(values, scale)
    edges = scale.from_unit(BORDERS[1:-1])
    # An unbounded range is integrated between quantiles. The density is split where it jumps, at the borders.
    low, high = float(f.quantile(1e-7)[0, 0]), float(f.quantile(1 - 1e-7)[0, 0])
    edges = np.unique(np.clip(np.sort(edges), low, high))
    total = sum(
        integrate.quad(lambda y: math.exp(f.log_prob(y)[0, 0]), a, b, limit=200)[0]
        for a, b in itertools.pairwise(edges)
    )
    assert total == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_forecast_agrees_with_its_own_samples(scale):
    rng = np.random.default_rng(0)
    f = forecast(rng.normal(size=7), scale)
    sample = f.sample(200_000, rng)
    assert sample.shape == (200_000, 1, 1)
    spread = sample.std() / math.sqrt(len(sample))
    assert abs(sample.mean() - f.mean()[0, 0]) < 5 * spread
    for q in (0.05, 0.5, 0.95):
        y = f.quantile(q)
        assert (sample <= y).mean() == pytest.approx(q, abs=0.005)
        assert f.cdf(y)[0, 0] == pytest.approx(q, abs=1e-9)
        assert f.prob_above(y)[0, 0] == pytest.approx(1 - q, abs=1e-9)
        better = (sample > y) if scale.direction == "maximize" else (sample < y)
        assert f.prob_better(y)[0, 0] == pytest.approx(better.mean(), abs=0.005)
    assert f.median() == f.quantile(0.5)


def test_forecast_knows_the_bounds():
    f = forecast(np.zeros(7), MetricScale("minimize", lower=0.0, soft_upper=2.3))
    assert f.prob_above(-1.0)[0, 0] == 1.0
    assert f.log_prob(-0.001)[0, 0] == -np.inf
    assert np.isfinite(f.log_prob(0.0)[0, 0])
    assert f.quantile(0.0)[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_indexing_keeps_the_selected_forecasts():
    rng = np.random.default_rng(1)
    bars = BarDistribution(BORDERS, rng.normal(size=(3, 4, 7))).restrict(0, 1)
    f = Forecast(bars, SCALES[0])
    assert f[1:2, -1:].median() == pytest.approx(f.median()[1:2, -1:])


@pytest.mark.parametrize(
    ("borders", "values", "message"),
    [
        ([0.0, 1.0], [0.0, 0.0], "do not fit"),
        ([0.0, 1.0, 1.0], [0.0, 0.0], "strictly increasing"),
        ([0.0, 0.5, 1.0], [0.0, math.nan], "must be numbers"),
    ],
)
def test_bad_bars_are_refused(borders, values, message):
    with pytest.raises(ValueError, match=message):
        BarDistribution(np.array(borders), np.array(values))


def test_bad_arguments_are_refused():
    bars = BarDistribution(BORDERS, np.zeros(7))
    with pytest.raises(ValueError, match="q must be in"):
        bars.quantile(1.5)
    with pytest.raises(ValueError, match="not an inner border"):
        bars.restrict(0.1, 1.0)
    with pytest.raises(ValueError, match="restrict"):
        Forecast(bars, SCALES[0])
