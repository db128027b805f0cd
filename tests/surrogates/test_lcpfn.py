"""The shipped network: weights on disk, and properties that any good forecast has."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lcstop import Curve, MetricScale, load_surrogate
from lcstop.nn.weights import SHIPPED, WeightsError, read_weights
from lcstop.surrogates.lcpfn import CHUNK, LCPFN
from lcstop.surrogates.network_config import NetworkConfig
from lcstop.surrogates.posterior import draw_curves

UNIT = MetricScale("maximize", 0.0, 1.0)


def saturating(horizon: int, n: int, top: float = 0.8) -> Curve:
    steps = np.arange(1, n + 1)
    return Curve(steps, top * (1 - np.exp(-6 * steps / horizon)), horizon)


def test_the_shipped_weights_are_not_behind_the_published_network_by_more_than_chance():
    """Published figures of the largest network (26.8 M parameters), at 10, 20, 40 and 80 % of a curve."""
    card = json.loads((SHIPPED / "lcpfn.json").read_text())
    for row, published in zip(card["evaluation"], (1.758, 2.133, 2.403, 2.519), strict=True):
        assert row["standard_error"] < 0.004
        assert row["log_likelihood"] >= published - 2 * row["standard_error"]
    assert card["training"]["evaluation_curves"] >= 100_000
    assert set(card["versions"]) == {"python", "torch", "numpy", "safetensors"}
    _, tensors = read_weights(SHIPPED / "lcpfn.safetensors", NetworkConfig)
    assert sum(tensor.size for tensor in tensors.values()) <= 4_000_000
    assert (SHIPPED / "lcpfn.safetensors").stat().st_size <= 16e6


def prior_curves(n: int, seed: int) -> np.ndarray:
    """Curves ``[n, 100]`` of the published prior, within the unit interval."""
    return draw_curves(n, np.random.default_rng(seed)).clip(0, 1)


def test_the_interval_covers_prior_curves():
    curves = prior_curves(400, 11)
    observed = [Curve(np.arange(1, 21), c[:20], 100) for c in curves]
    forecast = load_surrogate("lcpfn-published").forecast(observed, at=[100], scale=UNIT)
    low, high = forecast.quantile(0.05)[:, 0], forecast.quantile(0.95)[:, 0]
    coverage = ((low <= curves[:, -1]) & (curves[:, -1] <= high)).mean()
    assert 0.85 < coverage < 0.95


def test_a_batch_gives_what_single_curves_give():
    """Curves of every number of points, in random order, with more of one length than a chunk holds."""
    curves = [Curve(np.arange(1, n + 1), row[:n], 100) for n, row in enumerate(prior_curves(100, 4))]
    curves += [Curve(np.arange(1, 21), row[:20], 120 + i) for i, row in enumerate(prior_curves(CHUNK + 1, 5))]
    curves = [curves[i] for i in np.random.default_rng(0).permutation(len(curves))]
    surrogate, at = LCPFN(), np.array([99.5, 100.0])
    alone = np.concatenate([surrogate.unit_forecast([curve], at).log_mass for curve in curves])
    assert surrogate.unit_forecast(curves, at).log_mass == pytest.approx(alone, abs=1e-4)


def test_the_prior_is_part_of_the_forecast():
    late = Curve(np.arange(1, 41), np.full(40, 0.3) + 0.002 * np.sin(np.arange(40)), 100)
    broad, published = (
        load_surrogate(name).forecast([late], at=[100], scale=UNIT) for name in ("lcpfn", "lcpfn-published")
    )
    # Only the broad prior has late rises, for instance from a learning-rate schedule.
    assert broad.prob_above(0.4)[0, 0] > 3 * published.prob_above(0.4)[0, 0]
    with pytest.raises(ValueError, match="prior must be one of published, broad, got 'flat'"):
        LCPFN(prior="flat")


def test_horizons_are_scaled():
    """The same shape over 10, 50 or 5,000 steps ends at about the same value."""
    ends = [
        load_surrogate().forecast([saturating(h, h // 2)], at=[h], scale=UNIT).median()[0, 0]
        for h in (10, 50, 100, 5000)
    ]
    assert ends == pytest.approx([0.8] * 4, abs=0.05)


def test_sparse_and_irregular_steps():
    dense = saturating(100, 60)
    part = np.sort(np.random.default_rng(0).choice(60, 20, replace=False))
    sparse = Curve(dense.steps[part], dense.values[part], 100)
    medians = [load_surrogate().forecast([c], at=[100], scale=UNIT).median()[0, 0] for c in (dense, sparse)]
    assert medians[0] == pytest.approx(medians[1], abs=0.03)


def test_diverged_points_are_passed_over():
    curve = saturating(50, 20)
    values = curve.values.copy()
    values[10] = np.nan
    broken = Curve(curve.steps, values, 50)
    without = Curve(np.delete(curve.steps, 10), np.delete(curve.values, 10), 50)
    medians = [load_surrogate().forecast([c], at=[50], scale=UNIT).median()[0, 0] for c in (without, broken)]
    assert medians[0] == medians[1]


@pytest.mark.parametrize("at", [[], [3], [2, 50], [51], [float("nan")]])
def test_only_later_steps_can_be_forecast(at):
    with pytest.raises(ValueError, match="at must"):
        load_surrogate().forecast([saturating(50, 3)], at=at, scale=UNIT)


def test_a_forecast_needs_a_curve():
    with pytest.raises(ValueError, match="at least one curve"):
        load_surrogate().forecast([], at=[50], scale=UNIT)


@pytest.fixture
def weights(tmp_path):
    for suffix in (".safetensors", ".json"):
        shutil.copy((SHIPPED / "lcpfn").with_suffix(suffix), tmp_path / f"w{suffix}")
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-10]), "damaged or was replaced"),
        (lambda p: p.write_bytes(b""), "damaged or was replaced"),
        (lambda p: p.unlink(), "cannot read weights"),
        (lambda p: p.with_suffix(".json").unlink(), "cannot read .*w.json"),
        (lambda p: p.with_suffix(".json").write_text("{}"), "cannot read .*w.json"),
        (lambda p: p.with_suffix(".json").write_text("not json"), "cannot read .*w.json"),
    ],
)
def test_damaged_weights_are_refused(weights, damage, message):
    LCPFN(weights)
    damage(weights)
    with pytest.raises(WeightsError, match=message):
        LCPFN(weights)


def test_no_forecast_imports_torch():
    code = """
import sys
from lcstop import Curve, MetricScale, load_surrogate
for name in ("lcpfn", "lcpfn-published", "powerlaw", "last_value", "mcmc"):
    surrogate = load_surrogate(name)
    for n in (1, 3) if name != "mcmc" else ():  # mcmc takes a second a curve
        surrogate.forecast([Curve([1, 2], [.1, .2], 9)] * n, at=[9], scale=MetricScale("maximize", 0, 1))
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "False\n"


def test_forecasts_side_by_side_are_alike():
    surrogate, curve = load_surrogate(), saturating(50, 20)
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(
            lambda i: surrogate.forecast([curve] * (1 + i % 5), at=[50], scale=UNIT).median(), range(40)
        )
    assert np.ptp(np.concatenate(list(found))) < 1e-5
