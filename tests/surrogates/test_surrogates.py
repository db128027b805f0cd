"""Properties of every surrogate that has a name."""

import math
import warnings

import numpy as np
import pytest

from lcstop import Curve, MetricScale, PrunerConfig, PrunerCore, StudyView, load_surrogate
from lcstop.surrogates import _CLASSES, SURROGATES
from lcstop.surrogates.last_value import LastValue
from lcstop.surrogates.mcmc import MCMC
from lcstop.surrogates.powerlaw import PowerLaw

BASELINES = {
    "last_value": LastValue(),
    "powerlaw": PowerLaw(),
    "mcmc": MCMC(n_walkers=26, n_samples=60, burn_in=20),
}
UNIT = MetricScale("maximize", 0.0, 1.0)
ODD = {
    "no point": [],
    "one point": [0.3],
    "two points": [0.3, 0.2],
    "constant": [0.5] * 30,
    "all 0": [0.0] * 30,
    "all 1": [1.0] * 30,
    "falling": np.linspace(1, 0, 50),
    "a jump": [0.1] * 20 + [0.9] * 20,
    "in turn": [0.0, 1.0] * 20,
    "a spike": [0.5] * 20 + [1.0] + [0.5] * 20,
    "diverged points": [0.1, math.nan, 0.2, math.inf, 0.3],
    "tiny differences": 0.5 + 1e-12 * np.arange(40),
    "huge": 1e300 * np.arange(1, 20),
    "long": np.sqrt(np.arange(5000) / 5000),
}


@pytest.fixture(params=BASELINES)
def baseline(request):
    return BASELINES[request.param]


@pytest.mark.parametrize("name", BASELINES)
def test_loaded_by_name(name):
    assert type(load_surrogate(name)) is type(BASELINES[name])
    assert name in SURROGATES


def test_every_name_that_the_options_allow_has_a_module():
    assert tuple(_CLASSES) == SURROGATES


def test_unknown_surrogate():
    with pytest.raises(
        ValueError, match=r"surrogate must be one of lcpfn, lcpfn-published, mcmc, .*, got 'gp'"
    ):
        load_surrogate("gp")


@pytest.mark.parametrize("odd", ODD)
def test_odd_curves_are_forecast_without_a_warning(baseline, odd):
    values = ODD[odd]
    curve = Curve(np.arange(1, len(values) + 1), values, horizon=6000)
    with warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("error")
        forecast = baseline.forecast(
            [curve], [5001, 6000], MetricScale("maximize", soft_lower=0, soft_upper=1)
        )
    assert forecast.bars.shape == (1, 2)
    assert np.isfinite(forecast.bars.log_mass).all()
    low, median, high = (forecast.bars.quantile(q) for q in (0.05, 0.5, 0.95))
    assert (low < median).all()
    assert (median < high).all()


def test_sparse_steps(baseline):
    curve = Curve([0.5, 100, 101, 5000, 9000], [0.1, 0.3, 0.2, 0.5, 0.6], horizon=10_000)
    assert baseline.forecast([curve], [10_000], UNIT).median().shape == (1, 1)


@pytest.mark.parametrize("at", [[], [3], [2, 50], [51], [float("nan")]])
def test_only_later_steps_can_be_forecast(baseline, at):
    with pytest.raises(ValueError, match="at must"):
        baseline.forecast([Curve([1, 2, 3], [0.1, 0.2, 0.3], 50)], at, UNIT)


def test_a_forecast_needs_a_curve(baseline):
    with pytest.raises(ValueError, match="at least one curve"):
        baseline.forecast([], [50], UNIT)


def test_directions_mirror_each_other(baseline):
    values = np.array([0.3, 0.5, 0.55, 0.6])
    curves = [Curve([1, 2, 3, 4], v, 50) for v in (values, 1 - values)]
    scales = [MetricScale(d, soft_lower=0, soft_upper=1) for d in ("maximize", "minimize")]
    up, down = (baseline.forecast([c], [50], s).median()[0, 0] for c, s in zip(curves, scales, strict=True))
    tolerance = 0.1 if isinstance(baseline, MCMC) else 1e-6  # its seed depends on the curve, to the last bit
    assert up == pytest.approx(1 - down, abs=tolerance)


@pytest.mark.parametrize("name", BASELINES)
def test_the_core_decides_with_it(name):
    """The core loads fast surrogates by name. MCMC is handed in, with fewer samples."""
    config = PrunerConfig(horizon=20, policy="published", lower=0, upper=1, surrogate=name)
    core = PrunerCore(config, BASELINES[name] if name == "mcmc" else None)
    steps = np.arange(1, 21)
    good = Curve(steps, 0.9 - 0.5 * np.exp(-steps / 3), horizon=20)
    poor = Curve(steps[:15], 0.1 + 0.001 * (steps[:15] % 3), horizon=20)
    study = StudyView("maximize", finished=[good])
    decision = core.decide(poor, study)
    assert decision.stop
    assert decision.p_beat is not None
    assert decision.p_beat <= 0.05
    close = Curve(steps[:5], good.values[:5] + 0.001, horizon=20)
    assert not core.decide(close, study).stop


def test_two_points_of_one_time(baseline):
    """Steps below one hundredth of the horizon are all t = 1."""
    curve = Curve([1, 2, 3, 1000], [0.1, 0.3, 0.2, 0.5], horizon=100_000)
    assert np.isfinite(baseline.forecast([curve], [100_000], UNIT).mean()).all()


def test_the_answer_is_the_same_for_the_same_curve(baseline):
    curve = Curve([1, 2, 3], [0.2, 0.4, 0.5], 50)
    first, second = (baseline.forecast([curve], [50], UNIT).bars.log_mass for _ in range(2))
    assert np.array_equal(first, second)
