"""Tests of lcstop.surrogates.tilt: the mass beyond the value, the shape on either side, and the extremes."""

from __future__ import annotations

import numpy as np
import pytest

from lcstop.curves.curve import Direction
from lcstop.curves.scale import MetricScale
from lcstop.surrogates.forecast import BarDistribution, Forecast
from lcstop.surrogates.tilt import Tilt

LEVELS = np.linspace(0.001, 0.999, 999)


def a_forecast(direction: Direction, seed: int) -> Forecast:
    rng = np.random.default_rng(seed)
    inner = np.sort(rng.random(30))
    borders = np.concatenate([[-1.0, 0.0], inner, [1.0, 2.0]])
    bars = BarDistribution(borders, rng.normal(size=(1, 1, len(borders) - 1)))
    return Forecast(bars.restrict(0, 1), MetricScale(direction, lower=0.0, upper=100.0))


def quantiles(tilt: Tilt, forecast: Forecast) -> np.ndarray:
    return tilt.quantile(forecast, LEVELS[:, None, None])[:, 0, 0]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("p_better", [0.002, 0.1, 0.5, 0.97])
def test_the_mass_beyond_the_value_is_the_given_one(direction: Direction, p_better: float) -> None:
    for seed in range(10):
        forecast = a_forecast(direction, seed)
        found = quantiles(Tilt.of(forecast, 60.0, p_better), forecast)
        beats = found > 60 if direction == "maximize" else found < 60
        assert beats.mean() == pytest.approx(p_better, abs=0.0025)
        assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_shape_on_either_side_stays(direction: Direction) -> None:
    forecast = a_forecast(direction, 3)
    found = quantiles(Tilt.of(forecast, 60.0, 0.3), forecast)
    before = forecast.quantile(LEVELS[:, None, None])[:, 0, 0]
    for side in (lambda y: y < 60, lambda y: y > 60):
        shape, same = found[side(found)], before[side(before)]
        at = np.linspace(0.1, 0.9, 9)
        assert np.quantile(shape, at) == pytest.approx(np.quantile(same, at), abs=0.8)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize(
    ("value", "p_better"), [(100.0, 0.4), (0.0, 0.4), (1e9, 0.02), (-5.0, 1.0), (50.0, 0.0)]
)
def test_a_value_that_the_forecast_leaves_on_one_side_is_no_error(
    direction: Direction, value: float, p_better: float
) -> None:
    forecast = a_forecast(direction, 4)
    found = quantiles(Tilt.of(forecast, value, p_better), forecast)
    beats = found > value if direction == "maximize" else found < value
    at_least = found >= value if direction == "maximize" else found <= value
    assert np.isfinite(found).all()
    assert beats.mean() <= p_better + 0.0025 <= at_least.mean() + 0.005


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_distribution_function_is_the_inverse(direction: Direction) -> None:
    forecast = a_forecast(direction, 5)
    tilt = Tilt.of(forecast, 60.0, 0.2)
    for level, y in list(zip(LEVELS, quantiles(tilt, forecast), strict=True))[::50]:
        assert tilt.cdf(forecast, y) == pytest.approx(level, abs=1e-9)


def test_the_same_probability_changes_nothing() -> None:
    forecast = a_forecast("maximize", 6)
    tilt = Tilt.of(forecast, 60.0, forecast.prob_better(60.0).item())
    assert quantiles(tilt, forecast) == pytest.approx(forecast.quantile(LEVELS[:, None, None])[:, 0, 0])


@pytest.mark.parametrize("p_better", [0.002, 0.5, 0.97])
def test_a_probability_before_the_horizon_follows_the_one_at_it(p_better: float) -> None:
    tilt = Tilt.of(a_forecast("maximize", 5), 60.0, p_better)
    found = tilt.prob_better(np.array([0.0, tilt.mass / 2, tilt.mass, (1 + tilt.mass) / 2, 1.0]))
    assert found[[0, 2, 4]] == pytest.approx([0, p_better, 1])
    assert (np.diff(found) > 0).all()
