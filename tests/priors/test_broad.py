"""The broader prior: the effect of each component, switched on alone."""

import pytest
import torch

from lcstop.priors.broad import BroadConfig, sample_broad, trials
from lcstop.priors.draw import Draw

pytestmark = pytest.mark.torch

NONE = dict.fromkeys(BroadConfig.model_fields, 0.0)


def draw(n: int = 2000, horizon: int = 100, **shares: float):
    config = BroadConfig(**{**NONE, **shares})
    return sample_broad(n, generator=torch.Generator().manual_seed(0), horizon=horizon, config=config)


def gain(curves) -> torch.Tensor:
    return curves.signal[:, -1] - curves.signal[:, 0]


@pytest.mark.parametrize("horizon", [2, 7, 100, 1000])
def test_curves_are_on_the_unit_interval(horizon):
    curves = sample_broad(200, generator=torch.Generator().manual_seed(1), horizon=horizon)
    assert curves.signal.shape == curves.sigma.shape == (200, horizon)
    assert ((curves.signal >= 0) & (curves.signal <= 1)).all()
    assert (curves.sigma >= 0).all()
    assert torch.isfinite(curves.sigma).all()


def test_without_components_curves_rise_to_their_end():
    falls = draw().signal.diff(dim=1).clamp(max=0).sum(1)
    assert (falls > -0.02).float().mean() > 0.95
    assert (gain(draw()) > 0.05).float().mean() > 0.5


def test_flat_trials_gain_nothing():
    assert gain(draw(flat=1.0)).abs().max() < 0.1


def test_late_starters_stay_low_for_longer():
    def early_share(curves):
        rising = gain(curves) > 0.1
        return ((curves.signal[:, 9] - curves.signal[:, 0]) / gain(curves))[rising].median()

    assert early_share(draw(late_start=1.0)) < 0.7 * early_share(draw())


def test_a_schedule_lifts_the_curve_late():
    def late_share(curves):
        rising = gain(curves) > 0.1
        return ((curves.signal[:, -1] - curves.signal[:, 79]) / gain(curves))[rising].mean()

    assert late_share(draw(schedule=1.0)) > 1.3 * late_share(draw())


def test_a_schedule_calms_the_noise():
    curves = draw(schedule=1.0)
    assert (curves.sigma[:, -1] < 0.9 * curves.sigma.max(1).values).float().mean() > 0.5


def test_overfitting_declines_after_a_peak():
    def declined(curves):
        return (curves.signal.max(1).values - curves.signal[:, -1] > 0.02).float().mean()

    assert declined(draw(overfit=1.0)) > 0.4 > 10 * declined(draw())


def test_diverged_trials_fall_below_their_start():
    curves = draw(diverge=1.0)
    assert (curves.signal[:, -1] <= curves.signal[:, 0] + 0.02).float().mean() > 0.4
    assert (gain(draw()) <= 0.02).float().mean() < 0.3


def test_heteroscedastic_noise_shrinks():
    ratio = (lambda c: (c.sigma[:, -1] / c.sigma[:, 0]).median())(draw(heteroscedastic=1.0))
    assert ratio < 0.8


def test_wandering_noise_is_correlated():
    def neighbours(curves):
        change = curves.signal.diff(dim=1).diff(dim=1)
        return (change.abs().mean(1) > 1e-3).float().mean()

    assert neighbours(draw(correlated=1.0)) > 2 * neighbours(draw())


def test_spikes_are_single_bad_points():
    curves = draw(spikes=1.0)
    drop = curves.signal[:, 1:-1] - torch.minimum(curves.signal[:, :-2], curves.signal[:, 2:])
    assert 0.005 < (drop < -0.05).float().mean() < 0.05


def test_saturated_curves_end_close_together_with_tiny_noise():
    near, plain = draw(saturate=1.0), draw()
    assert near.signal[:, -1].std() < 0.75 * plain.signal[:, -1].std()
    assert near.sigma[:, -1].median() < 0.5 * plain.sigma[:, -1].median()


class ExtremeDraw(Draw):
    """Every random number is extreme, with a random sign."""

    def randn(self, columns: int = 1) -> torch.Tensor:
        return 6 * torch.sign(super().randn(columns))

    def rand(self, columns: int = 1) -> torch.Tensor:
        return (super().rand(columns) < 0.5).float() * (1 - 1e-6)


@pytest.mark.parametrize("horizon", [4, 100])
def test_extreme_numbers_make_no_nan(horizon):
    curves = trials(ExtremeDraw(5000, torch.Generator().manual_seed(0)), horizon, BroadConfig())
    assert torch.isfinite(curves.signal).all()
    assert torch.isfinite(curves.sigma).all()


def test_the_same_seed_gives_the_same_curves():
    one, other = (sample_broad(3, generator=torch.Generator().manual_seed(4), horizon=20) for _ in range(2))
    assert torch.equal(one.signal, other.signal)
    assert torch.equal(one.sigma, other.sigma)


def test_bad_arguments():
    generator = torch.Generator()
    with pytest.raises(ValueError, match="n must be at least 0, got n=-1"):
        sample_broad(-1, generator=generator, horizon=10)
    with pytest.raises(ValueError, match="horizon must be at least 2, got horizon=1"):
        sample_broad(1, generator=generator, horizon=1)
    with pytest.raises(ValueError, match="overfit"):
        BroadConfig(overfit=1.5)
