"""Artificial studies: trials of a study are correlated, and depend on their hyperparameters."""

import pytest
import torch

from lcstop.priors.broad import BroadConfig, trials
from lcstop.priors.draw import Draw
from lcstop.priors.study import N_PARAMS, Studies, sample_studies

pytestmark = pytest.mark.torch

PLAIN = BroadConfig(
    flat=0, late_start=0, plateau=0, schedule=0, overfit=0, diverge=0, heteroscedastic=0, correlated=0,
    spikes=0, saturate=0,
)  # fmt: skip


def sample(n: int = 20, trials: int = 30, seed: int = 0, horizon: int = 25, config=PLAIN) -> Studies:
    generator = torch.Generator().manual_seed(seed)
    return sample_studies(n, trials, generator=generator, horizon=horizon, config=config)


def alone(n: int) -> torch.Tensor:
    """Ends of independent curves."""
    return trials(Draw(n, torch.Generator().manual_seed(1)), 25, PLAIN).signal[:, -1]


def test_shapes_and_types():
    studies = sample(3, 5, horizon=7, config=BroadConfig())
    assert studies.curves.signal.shape == (3, 5, 7)
    assert studies.params.shape == (3, 5, N_PARAMS)
    assert studies.numeric.shape == (3, N_PARAMS)
    assert studies.numeric.dtype == torch.bool
    assert ((studies.params >= 0) & (studies.params <= 1)).all()
    assert all(torch.isfinite(part).all() for part in studies.curves)


def test_the_generator_alone_decides():
    torch.manual_seed(0)
    one = sample(config=BroadConfig())
    torch.manual_seed(1)
    state = torch.get_rng_state()
    two, three = sample(config=BroadConfig()), sample(seed=1, config=BroadConfig())
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(one.curves.signal, two.curves.signal)
    assert torch.equal(one.params, two.params)
    assert not torch.equal(one.params, three.params)


@pytest.mark.parametrize(("n", "trials", "horizon"), [(0, 1, 9), (1, 0, 9), (1, 1, 1)])
def test_bad_sizes_are_refused(n, trials, horizon):
    with pytest.raises(ValueError, match=r"at least 2, got n_studies="):
        sample(n, trials, horizon=horizon)


def test_categories_have_few_levels_and_numbers_do_not_repeat():
    studies = sample(50)
    assert 0.6 < studies.numeric.float().mean() < 0.8
    levels = torch.tensor([[len(column.unique()) for column in study.T] for study in studies.params])
    assert (levels[studies.numeric] == 30).all()
    assert (levels[~studies.numeric] <= 5).all()


def test_trials_of_a_study_have_more_in_common_than_trials_of_several():
    """The study explains a large share of the variance of final values. For independent curves it is 1/30."""
    ends = sample(200).curves.signal[..., -1]
    between = ends.mean(1).var() / ends.var()
    assert between > 0.2
    ends = alone(6000).reshape(200, 30)
    assert ends.mean(1).var() / ends.var() < 0.06


def test_the_ends_of_independent_and_related_trials_are_alike_over_many_studies():
    """Each trial alone has the distribution of the prior of single curves; only their correlation is new."""
    ends = sample(2000, 3).curves.signal[..., -1].flatten()
    shares = torch.tensor([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
    assert (ends.quantile(shares) - alone(6000).quantile(shares)).abs().max() < 0.1


def test_trials_of_alike_configurations_end_alike():
    """A trial correlates with the trial of the nearest configuration more than with an arbitrary one."""
    studies = sample(400)
    ends = studies.curves.signal[..., -1]
    ends = (ends - ends.mean(1, keepdim=True)) / ends.std(1, keepdim=True).clamp(min=1e-6)
    numbers = studies.params.unsqueeze(2) - studies.params.unsqueeze(1)  # [studies, trials, trials, params]
    unlike = torch.where(studies.numeric[:, None, None], numbers.square() * 6, (numbers != 0).float())
    distance = unlike.sum(-1) + 99 * torch.eye(30)
    nearest = ends.gather(1, distance.argmin(2))
    product = (ends * nearest).mean(1)
    by_chance = -1 / 29  # expected product of two of 30 values around their mean
    assert product.mean() - by_chance > 3 * product.std() / len(product) ** 0.5
