"""MetricScale: round trips, bounds, soft ranges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcstop import Curve, MetricScale

METRICS = {
    "accuracy": (MetricScale("maximize", 0.0, 1.0), st.floats(0, 1)),
    "error": (MetricScale("minimize", 0.0, 1.0), st.floats(0, 1)),
    "loss": (MetricScale("minimize", lower=0.0, soft_upper=2.3), st.floats(0, 20)),
    "perplexity": (MetricScale("minimize", lower=1.0, soft_upper=300.0), st.floats(1, 3000)),
    "return": (MetricScale("maximize", soft_lower=-200.0, soft_upper=900.0), st.floats(-4000, 4000)),
    "tiny": (MetricScale("minimize", soft_lower=0.0, soft_upper=1e-30), st.floats(0, 1e-30)),
}


@pytest.mark.parametrize("metric", METRICS)
@given(st.data())
def test_round_trip(metric, data):
    scale, values = METRICS[metric]
    y = data.draw(values)
    u = float(scale.to_unit(y))
    assert 0 <= u <= 1
    width = scale.soft_upper - scale.soft_lower
    assert float(scale.from_unit(u)) == pytest.approx(y, rel=1e-9, abs=1e-9 * width)


@pytest.mark.parametrize("metric", METRICS)
@given(st.data())
def test_better_is_higher(metric, data):
    scale, values = METRICS[metric]
    a, b = sorted(scale.to_unit([data.draw(values), data.draw(values)]))
    back = scale.from_unit([a, b])
    assert (back[0] <= back[1]) == (scale.direction == "maximize") or a == b


@pytest.mark.parametrize("metric", METRICS)
@given(st.data())
def test_log_slope_is_the_derivative(metric, data):
    scale, values = METRICS[metric]
    y = data.draw(values)
    h = 1e-6 * (scale.soft_upper - scale.soft_lower)
    expit_like = np.exp(scale.log_slope(y))
    inside = scale.lower + h < y < scale.upper - h
    if inside and 0.01 < float(scale.to_unit(y)) < 0.99:
        numeric = abs(float(scale.to_unit(y + h)) - float(scale.to_unit(y - h))) / (2 * h)
        assert float(expit_like) == pytest.approx(numeric, rel=1e-4)


def test_hard_bounds_land_on_zero_and_one():
    assert MetricScale("maximize", 0.0, 1.0).to_unit([0.0, 1.0]).tolist() == [0.0, 1.0]
    assert MetricScale("minimize", 0.0, 1.0).to_unit([0.0, 1.0]).tolist() == [1.0, 0.0]
    loss = MetricScale("minimize", lower=0.0, soft_upper=2.3)
    assert loss.to_unit([0.0, 1e300, math.inf]).tolist() == [1.0, 0.0, 0.0]


def test_where_values_stop_being_told_apart():
    loss = MetricScale("minimize", lower=0.0, soft_upper=1.0)
    assert float(loss.from_unit(loss.to_unit(300.0))) == pytest.approx(300.0)
    assert float(loss.to_unit(400.0)) == 0.0
    reward = MetricScale("maximize", soft_lower=0.0, soft_upper=1.0)
    assert float(reward.from_unit(reward.to_unit(10.0))) == pytest.approx(10.0, rel=1e-6)
    assert float(reward.to_unit(30.0)) == 1.0


def test_published_formula():
    """Logistic of the soft range at [-1, 1], then affine (LC-PFN, appendix A)."""
    y, sigma = 0.83, lambda x: 1 / (1 + math.exp(-x))
    start, end = sigma(-1), sigma(1)
    assert float(MetricScale("maximize", 0.0, 1.0).to_unit(y)) == pytest.approx(
        (sigma(2 * y - 1) - start) / (end - start)
    )


def test_mean_between_is_the_mean_of_the_inverse():
    scale, _ = METRICS["loss"]
    borders = np.array([0.0, 0.1, 0.4, 1.0])
    means = scale.mean_between(borders)
    for low, high, mean in zip(borders[:-1], borders[1:], means, strict=True):
        u = low + (high - low) * (np.arange(400_000) + 0.5) / 400_000
        assert mean == pytest.approx(scale.from_unit(u).mean(), rel=1e-4)


def curves(*values: list[float]) -> list[Curve]:
    return [Curve(range(1, len(v) + 1), v, horizon=50) for v in values]


def test_soft_range_runs_from_the_initial_level_to_the_best_value():
    scale = MetricScale.from_study("maximize", curves([-190, 20, 300], [-210, -1e30]))
    assert (scale.soft_lower, scale.soft_upper) == (-190.0, 300.0)
    assert (scale.lower, scale.upper) == (-math.inf, math.inf)
    scale = MetricScale.from_study("minimize", curves([2.4, 1.0], [2.2, math.nan], [2.3]))
    assert (scale.soft_lower, scale.soft_upper) == (1.0, 2.3)


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("others", [1, 2, 3])
def test_one_diverged_first_value_does_not_move_the_soft_range(direction, others):
    sign = 1 if direction == "minimize" else -1
    usual = [[sign * 2.4, sign * 1.0]] * others
    scale = MetricScale.from_study(direction, curves(*usual, [sign * 1e30, sign * 1e31]))
    assert {abs(scale.soft_lower), abs(scale.soft_upper)} == {1.0, 2.4}


def test_the_soft_range_holds_the_start_of_the_judged_curve():
    dead = curves([2.30, 2.31, 2.30])
    (judged,) = curves([2.6, 2.4])
    scale = MetricScale.from_study("minimize", dead, judged=judged)
    assert (scale.soft_lower, scale.soft_upper) == (2.30, 2.6)


@pytest.mark.parametrize("value", [0.0, 1e-30, -5.0, 1e30])
def test_constant_curves_get_some_soft_range(value):
    scale = MetricScale.from_study("minimize", curves([value, value], [value]))
    assert scale.soft_lower < value < scale.soft_upper
    assert float(scale.to_unit(value)) == pytest.approx(0.5)


def test_a_study_without_values_has_no_scale():
    with pytest.raises(ValueError, match="no curve has a finite value"):
        MetricScale.from_study("maximize", curves([math.nan], []))


@pytest.mark.parametrize(
    "arguments",
    [
        {"direction": "up", "lower": 0.0, "upper": 1.0},
        {"direction": "maximize", "lower": 1.0, "upper": 0.0},
        {"direction": "maximize", "lower": 0.0, "upper": 0.0},
        {"direction": "maximize"},
        {"direction": "minimize", "lower": 0.0},
        {"direction": "maximize", "lower": 0.0, "upper": 1.0, "soft_upper": 2.0},
        {"direction": "maximize", "soft_lower": -1.7e308, "soft_upper": 1.7e308},
    ],
)
def test_bad_bounds_are_refused(arguments):
    with pytest.raises(ValueError, match=r"must|needs"):
        MetricScale(**arguments)
