"""The last-value surrogate: its median, and the width of its intervals."""

import numpy as np
import pytest

from lcstop import Curve, MetricScale
from lcstop.surrogates.last_value import LastValue, last_value

UNIT = MetricScale("maximize", soft_lower=0.0, soft_upper=1.0)
T = np.arange(1.0, 41.0)


def noisy(walk: float, noise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.5 + np.cumsum(rng.normal(0, walk, len(T))) + rng.normal(0, noise, len(T))


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_median_is_the_last_value(direction):
    curve = Curve(T, 50 + 10 * noisy(0.0, 0.01), horizon=100)
    scale = MetricScale(direction, soft_lower=50, soft_upper=60)
    median = LastValue().forecast([curve], [41, 100], scale).median()
    assert median == pytest.approx(np.full((1, 2), curve.values[-1]), abs=0.02)


def test_wider_with_every_step_ahead():
    forecast = LastValue().forecast([Curve(T, noisy(0.01, 0.0), 100)], [41, 60, 100], UNIT)
    width = (forecast.quantile(0.95) - forecast.quantile(0.05))[0]
    assert (np.diff(width) > 0).all()


def test_walk_and_noise_are_told_apart():
    ahead = np.array([41.0, 100.0])
    walks = [last_value(T, noisy(0.02, 0.0, seed), ahead).scale for seed in range(20)]
    noises = [last_value(T, noisy(0.0, 0.02, seed), ahead).scale for seed in range(20)]
    assert np.mean(walks, 0) == pytest.approx([0.02, 0.02 * 60**0.5], rel=0.35)
    near, far = np.mean(noises, 0)
    assert near == pytest.approx(0.02 * 2**0.5, rel=0.2)
    assert far < 0.5 * np.mean(walks, 0)[1]


def test_one_jump_is_not_the_rule():
    smooth, jump = np.full(len(T), 0.5), np.where(T < 20, 0.2, 0.5)
    noise = noisy(0.0, 0.005) - 0.5
    scales = [last_value(T, y + noise, np.array([100.0])).scale[0] for y in (smooth, jump)]
    assert scales[1] < 2 * scales[0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_points_are_wide(n):
    found = last_value(T[:n], np.full(n, 0.5), np.array([100.0]))
    assert found.scale[0] > 0.1
    assert found.centre[0] == 0.5
