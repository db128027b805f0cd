"""The power-law surrogate: exact on curves of its families, wide intervals on other curves."""

import numpy as np
import pytest

from lcstop import Curve, MetricScale
from lcstop.surrogates.powerlaw import FAMILIES, PowerLaw, fit

UNIT = MetricScale("maximize", soft_lower=-2.0, soft_upper=3.0)
T = np.arange(1.0, 101.0)
CURVES = {
    "pow3": 0.8 - 0.5 * T**-0.7,
    "exp3": 0.7 - 0.4 * np.exp(-0.05 * (T - 1)),
    "ilog2": 0.9 - 0.4 / np.log(T + 1),
}


def width(values: np.ndarray, n: int, at: float = 100) -> float:
    bars = PowerLaw().unit_forecast([Curve(T[:n], values[:n], 100)], np.array([at]))
    return float(bars.quantile(0.95)[0, 0] - bars.quantile(0.05)[0, 0])


@pytest.mark.parametrize("family", FAMILIES)
def test_noiseless_curves_of_its_families_are_known(family):
    values = CURVES[family]
    bars = PowerLaw().unit_forecast([Curve(T[:40], values[:40], 100)], np.array([41.0, 70.0, 100.0]))
    assert bars.quantile(0.5)[0] == pytest.approx(values[[40, 69, 99]], abs=0.003)


def test_parameters_of_a_noiseless_pow3():
    found = fit(FAMILIES["pow3"], T, CURVES["pow3"])
    assert found.parameters == pytest.approx([0.3, 0.8, np.log(0.7)], abs=0.005)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_right_family_has_the_greatest_evidence(family):
    values = CURVES[family] + np.random.default_rng(0).normal(0, 0.003, len(T))
    evidence = {name: fit(other, T, values).log_evidence for name, other in FAMILIES.items()}
    assert max(evidence, key=evidence.get) == family


def test_noise_is_estimated():
    for sigma in (0.003, 0.03):
        values = CURVES["exp3"] + np.random.default_rng(1).normal(0, sigma, len(T))
        assert fit(FAMILIES["exp3"], T, values).sigma == pytest.approx(sigma, rel=0.25)


def test_surer_with_every_point_and_less_with_every_step_ahead():
    values = CURVES["pow3"] + np.random.default_rng(2).normal(0, 0.01, len(T))
    widths = [width(values, n) for n in (1, 5, 20, 80)]
    assert widths == sorted(widths, reverse=True)
    assert width(values, 20, at=21) < width(values, 20)


def test_unsure_of_curves_that_no_family_fits():
    """A sine: correlated residuals carry less information than independent ones of the same size."""
    t, shape = T[:60], 0.05 * np.sin(T[:60] / 6)
    shuffled = np.random.default_rng(3).permutation(shape)
    doubt = [fit(FAMILIES["ilog2"], t, 0.5 + part).covariance[1, 1] ** 0.5 for part in (shape, shuffled)]
    assert doubt[0] > 2 * doubt[1]


def test_the_interval_covers_noisy_curves():
    rng = np.random.default_rng(4)
    hits = []
    for _ in range(100):
        top, start, rate = rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.4), np.exp(rng.normal(-0.5, 0.5))
        values = top - (top - start) * T**-rate + rng.normal(0, 0.01, len(T))
        bars = PowerLaw().unit_forecast([Curve(T[:20], values[:20], 100)], np.array([100.0]))
        hits.append(0.05 < bars.cdf(values[-1])[0, 0] < 0.95)
    assert 0.8 < np.mean(hits) <= 1.0


def test_a_batch_gives_what_single_curves_give():
    curves = [Curve(T[:n], CURVES["pow3"][:n], 100) for n in (3, 30)]
    batch = PowerLaw().forecast(curves, [50, 100], UNIT).median()
    alone = [PowerLaw().forecast([curve], [50, 100], UNIT).median()[0] for curve in curves]
    assert np.array_equal(batch, alone)
