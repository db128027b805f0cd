"""Pre-training of LC-PFN: exact resume, the table of likelihoods, the command."""

import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lcstop import Curve
from lcstop.commands.app import app
from lcstop.nn.weights import SHIPPED
from lcstop.pretraining import loop
from lcstop.pretraining.config import TrainConfig
from lcstop.pretraining.evaluate import evaluate_prior
from lcstop.priors.lcpfn import sample_curves
from lcstop.surrogates.lcpfn import LCPFN
from lcstop.surrogates.network_config import NetworkConfig
from lcstop.surrogates.torch_network import LCPFNNetwork

pytestmark = pytest.mark.torch

SMALL = TrainConfig(
    steps=12,
    batch_size=4,
    warmup_steps=2,
    checkpoint_every=5,
    evaluation_curves=10,
    irregular_share=0.5,
    network=NetworkConfig(width=16, layers=1, heads=2, n_bins=50),
)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("killed_at", [4, 7, 11])
def test_a_resumed_run_ends_where_an_undisturbed_one_does(tmp_path, killed_at):
    def kill(progress):
        if progress.step == killed_at:
            raise KilledError

    undisturbed = loop.train(SMALL, tmp_path / "a")
    with pytest.raises(KilledError):
        loop.train(SMALL, tmp_path / "b", kill)
    steps = []
    resumed = loop.train(SMALL, tmp_path / "b", lambda p: steps.append(p.step))
    assert steps[0] == killed_at // 5 * 5 + 1
    for a, b in zip(undisturbed.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_loss_falls(tmp_path):
    losses = []
    config = SMALL.model_copy(update={"steps": 150, "batch_size": 16, "learning_rate": 3e-3})
    loop.train(config, tmp_path, lambda p: losses.append(p.loss))
    assert sum(losses[-20:]) < sum(losses[:20])


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path):
    loop.train(SMALL, tmp_path)
    with pytest.raises(ValueError, match="belongs to another configuration"):
        loop.train(SMALL.model_copy(update={"seed": 1}), tmp_path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"junk")
    with pytest.raises(ValueError, match="is not a checkpoint of lcstop train"):
        loop.train(SMALL, tmp_path)


def test_a_longer_run_goes_on_from_a_checkpoint_made_before_the_rate_fell(tmp_path):
    shorter = SMALL.model_copy(update={"steps": 10})  # constant up to step 7
    loop.train(SMALL, tmp_path / "a")

    def kill(progress):
        if progress.step == 6:
            raise KilledError

    with pytest.raises(KilledError):
        loop.train(shorter, tmp_path / "b", kill)
    steps = []
    loop.train(SMALL, tmp_path / "b", lambda p: steps.append(p.step))
    assert steps[0] == 6
    one, other = (torch.load(tmp_path / name / "checkpoint.pt")["network"] for name in "ab")
    assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ValueError, match="belongs to another configuration"):  # the decay has begun
        loop.train(SMALL.model_copy(update={"steps": 20}), tmp_path / "b")


def test_rounds_may_be_added_to_a_run_that_has_ended(tmp_path):
    two = SMALL.model_copy(update={"restart_steps": (5,), "evaluation_curves": 7, "checkpoint_every": 3})
    three = two.model_copy(update={"restart_steps": (5, 4)})
    steps = []
    for config in (SMALL, two, three):
        loop.train(config, tmp_path / "a", lambda p: steps.append(p.step))
    assert steps == list(range(1, SMALL.steps + 10))
    loop.train(three, tmp_path / "b")
    one, other = (torch.load(tmp_path / name / "checkpoint.pt")["network"] for name in "ab")
    assert all(torch.equal(one[name], other[name]) for name in one)
    for restart_steps in ((), (5,), (8, 4), (5, 8)):  # these rounds have ended, or had another rate
        with pytest.raises(ValueError, match="belongs to another configuration"):
            loop.train(three.model_copy(update={"restart_steps": restart_steps}), tmp_path / "a")


def test_the_table_scores_what_the_surrogate_forecasts():
    """The log-likelihood of one curve, from the table and from the surrogate."""
    table = evaluate_prior(LCPFNNetwork.load(SHIPPED / "lcpfn.safetensors"), 1, seed=5)
    values = sample_curves(1, generator=torch.Generator().manual_seed(5))[0].double().numpy()
    steps = np.arange(1, 101)
    for score in table:
        n = score.cutoff
        bars = LCPFN(prior="published").unit_forecast([Curve(steps[:n], values[:n], 100)], steps[n:])
        assert bars.log_prob(values[n:]).mean() == pytest.approx(score.log_likelihood, abs=1e-3)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tmp_path, monkeypatch):
    real = loop.sample_batch

    def spoilt(config, generator, device):
        batch = real(config, generator, device)
        if generator.initial_seed() % 1_000_000_007 == 8:  # step 8
            batch.target[0, 0, 0, 0] = float("nan")
        return batch

    monkeypatch.setattr(loop, "sample_batch", spoilt)
    with pytest.raises(FloatingPointError, match=r"the loss of step 8 is nan"):
        loop.train(SMALL, tmp_path)
    kept = torch.load(tmp_path / "checkpoint.pt")
    assert kept["step"] == 5
    assert all(torch.isfinite(tensor).all() for tensor in kept["network"].values())


def test_learning_rate_rises_stays_and_falls_to_zero():
    config = SMALL.model_copy(update={"steps": 100, "warmup_steps": 10, "decay_share": 0.5})
    rates = [loop.schedule(step, config) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert set(rates[10:50]) == {1.0}
    assert rates[75] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0.02)


def test_muon_is_asked_for_by_name(tmp_path, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(ValueError, match=r"training needs torch 2\.9 or later"):
        loop.train(SMALL, tmp_path)


def test_precision_and_device():
    cpu = torch.device("cpu")
    assert loop.use_bf16("bf16", cpu)
    assert not loop.use_bf16("fp32", torch.device("cuda"))
    assert loop.use_bf16("auto", torch.device("cuda"))
    assert loop.pick_device("cpu") == cpu


YAML = """
steps: 3
batch_size: 2
warmup_steps: 1
evaluation_curves: 5
network: {width: 16, layers: 1, heads: 2, n_bins: 50}
"""


def test_the_train_command_writes_weights_and_what_they_are(tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(YAML)
    result = CliRunner().invoke(app, ["train", str(config), "--out", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    table = json.loads(result.stdout)
    assert [row["cutoff"] for row in table] == [10, 20, 40, 80]
    card = json.loads((tmp_path / "out" / "lcpfn.json").read_text())
    assert card["evaluation"] == table
    assert card["training"]["steps"] == 3
    assert card["commit"]
    assert LCPFNNetwork.load(tmp_path / "out" / "lcpfn.safetensors").config.width == 16
    plain = CliRunner().invoke(app, ["train", str(config), "--out", str(tmp_path / "out")])
    assert "80 %" in plain.stdout


@pytest.mark.parametrize("line", ["steps: 0", "batch_size: many", "precision: fp8", "stepz: 3"])
def test_bad_runs_are_refused(tmp_path, line):
    path, key = tmp_path / "run.yaml", line.partition(":")[0]
    others = [kept for kept in YAML.splitlines() if kept.partition(":")[0] != key]
    path.write_text("\n".join([*others, line]) + "\n")
    with pytest.raises(ValueError, match=rf"run.yaml:\d+: {key}: "):
        TrainConfig.from_yaml(path)


def test_the_shipped_run_is_valid():
    assert TrainConfig.from_yaml("configs/train/lcpfn.yaml").steps > 1000
