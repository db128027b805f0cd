"""The study network: weights on disk, the meaning of its outputs, calibration on new artificial studies."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from lcstop.nn.weights import WeightsError
from lcstop.pretraining.study_examples import N_CUTOFFS, N_JUDGED, N_MOMENTS, Examples, make_examples
from lcstop.pretraining.study_search import draw_studies, stop_by_rank
from lcstop.priors.broad import BroadConfig
from lcstop.ranking.features import N_FEATURES, features
from lcstop.ranking.numpy_network import QUANTILES, TOP, WEIGHTS, NumpyStudyNetwork, StudyNetworkConfig
from lcstop.ranking.torch_network import StudyNetwork
from tests.ranking.study_trials import random_study

pytestmark = pytest.mark.torch

SEED = 2**40
"""A seed that no training uses: seeds of training are below 2**31 * 2**24."""

N_STUDIES = 72

# --- weights ----------------------------------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "folder" / "w.safetensors"
    torch.manual_seed(0)
    StudyNetwork(StudyNetworkConfig(width=16, layers=1)).save(path, {"note": "made up"})
    return path


def test_a_network_is_saved_and_loaded(weights):
    network = StudyNetwork.load(weights)
    assert network.config == StudyNetworkConfig(width=16, layers=1)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())
    again = weights.with_name("again.safetensors")
    digest = network.save(again, {"note": "made up"})
    assert again.read_bytes() == weights.read_bytes()
    card = json.loads(weights.with_suffix(".json").read_text())
    assert (card["sha256"], card["note"]) == (digest, "made up")


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
    damage(weights)
    with pytest.raises(WeightsError, match=message):
        StudyNetwork.load(weights)


def test_weights_of_the_surrogate_are_refused():
    with pytest.raises(WeightsError, match=r"cannot read .*lcpfn.json"):
        StudyNetwork.load(WEIGHTS.with_name("lcpfn.safetensors"))


def test_what_ships_says_how_it_was_made():
    card = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert card["examples"] >= card["training"]["studies"]
    assert {"network", "sha256", "training", "commit", "versions"} <= set(card)
    assert WEIGHTS.stat().st_size < 2_000_000


# --- outputs ----------------------------------------------------------------------------------------------


def test_p_top_is_the_mass_of_the_bins_above_the_best_tenth():
    assert list(QUANTILES) == sorted(QUANTILES)
    generator = torch.Generator().manual_seed(0)
    standing = StudyNetwork.load()(torch.randn(50, N_FEATURES, generator=generator))
    mass = standing.quantile.exp()
    assert standing.quantile.shape == (50, len(QUANTILES) + 1)
    torch.testing.assert_close(mass.sum(-1), torch.ones(50))
    shares = torch.tensor([0.0, 0.8999, 0.9, 0.95, 1.0])
    bins = torch.bucketize(shares, torch.tensor(QUANTILES), right=True)  # as in training
    above = bins > QUANTILES.index(TOP)
    assert above.tolist() == [False, False, True, True, True]
    below = mass[:, : int(bins[above].min())].sum(-1)
    torch.testing.assert_close(standing.p_top(), 1 - below, atol=1e-5, rtol=0)


def test_rows_do_not_depend_on_their_company():
    network = StudyNetwork.load()
    rows = torch.from_numpy(np.concatenate([features(*random_study(seed)) for seed in range(6)])).float()
    together = network(rows)
    alone = [network(row) for row in rows]
    torch.testing.assert_close(together.p_top(), torch.stack([one.p_top() for one in alone]))
    torch.testing.assert_close(together.beats, torch.stack([one.beats for one in alone]))


@pytest.mark.parametrize("config", [None, StudyNetworkConfig(width=16, layers=3)])
def test_the_network_in_numpy_says_the_same(config):
    torch.manual_seed(0)
    network = StudyNetwork(config).requires_grad_(False) if config else StudyNetwork.load()
    quick = NumpyStudyNetwork(network.config, {name: x.numpy() for name, x in network.state_dict().items()})
    for seed in range(20):
        row = features(*random_study(seed)) * (1 + seed)  # to where probabilities are 0 and 1
        standing = network(torch.from_numpy(row).float())
        found = standing.p_top(), standing.beats.sigmoid(), standing.quantile.exp()
        for numpy, torched in zip(quick.probabilities(row), found, strict=True):
            np.testing.assert_allclose(numpy, torched.numpy(), atol=2e-6, rtol=1e-4)


def test_rows_in_numpy_do_not_change_the_rounding_of_each_other():
    network = NumpyStudyNetwork.load()
    rows = np.concatenate([features(*random_study(seed)) for seed in range(6)])
    alone = [network.probabilities(row[None]) for row in rows]
    for together, parts in zip(network.probabilities(rows), zip(*alone, strict=True), strict=True):
        assert (together == np.concatenate(parts)).all()


# --- calibration ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh() -> tuple[Examples, torch.Tensor]:
    """Examples of new studies, and the study of each example."""
    generator = torch.Generator().manual_seed(SEED)
    parts, study = [], []
    for piece in range(N_STUDIES // 12):
        studies = draw_studies(12, BroadConfig(), generator)
        made = make_examples(studies, stop_by_rank(studies, generator), generator)
        parts.append(made)
        study.append(piece * 12 + torch.arange(12).repeat_interleave(N_MOMENTS * N_CUTOFFS * N_JUDGED))
    return Examples(*(torch.cat(column) for column in zip(*parts, strict=True))), torch.cat(study)


def mean_and_error(values: torch.Tensor, study: torch.Tensor) -> tuple[float, float]:
    """Mean and its standard error over studies, because trials of one study are not independent."""
    n = torch.zeros(N_STUDIES).index_add(0, study, torch.ones(len(study)))
    sums = torch.zeros(N_STUDIES).index_add(0, study, values)
    mean = sums.sum() / n.sum()
    residual = sums - n * mean
    return float(mean), float(residual.square().sum().sqrt() / n.sum())


def log_loss(p: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy(p.clamp(1e-6, 1 - 1e-6), true, reduction="none")


def test_probabilities_of_the_best_tenth_hold_on_fresh_studies(fresh):
    examples, study = fresh
    p = StudyNetwork.load()(examples.features.float()).p_top()
    top = (examples.share.float() >= TOP).float()
    assert 0.05 < top.mean() < 0.15
    for low, high in ((0.0, 1.0), (0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.0)):
        some = (p >= low) & (p <= high)
        assert some.sum() > 20
        off, error = mean_and_error((p - top)[some], study[some])
        assert abs(off) < 4 * error + 0.01, (low, high)
    gain, error = mean_and_error(log_loss(top.mean().expand_as(top), top) - log_loss(p, top), study)
    assert gain > 3 * error
    assert gain > 0.05 * log_loss(top.mean().expand_as(top), top).mean()


def test_probabilities_of_beating_the_incumbent_hold_on_fresh_studies(fresh):
    examples, study = fresh
    is_open = examples.open.bool()
    p = StudyNetwork.load()(examples.features.float()).beats.sigmoid()[is_open]
    beats, study = examples.beats.float()[is_open], study[is_open]
    off, error = mean_and_error(p - beats, study)
    assert abs(off) < 4 * error + 0.01
    gain, error = mean_and_error(log_loss(beats.mean().expand_as(beats), beats) - log_loss(p, beats), study)
    assert gain > 3 * error


def test_the_network_knows_more_than_the_rank_of_the_moment(fresh):
    examples, _ = fresh
    top = examples.share.float() >= TOP
    rank = examples.features[:, 0].float()

    def concordance(found: torch.Tensor) -> float:
        """Probability that a trial of the best tenth is above another one."""
        one, other = found[top][:, None], found[~top][None]
        return float(((one > other).float() + 0.5 * (one == other).float()).mean())

    p = StudyNetwork.load()(examples.features.float()).p_top()
    assert concordance(p) > concordance(rank) + 0.02 > 0.6


@pytest.mark.parametrize("network", [StudyNetwork, NumpyStudyNetwork])
def test_weights_that_were_trained_on_other_features_are_refused(weights, network):
    path = weights.with_suffix(".json")
    card = json.loads(path.read_text())
    card["network"]["features"] += 1
    path.write_text(json.dumps(card))
    with pytest.raises(WeightsError, match="trained on features of version 2, this package has version 1"):
        network.load(weights)
