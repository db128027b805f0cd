"""Pre-training: exact resume, grids, the command."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lcstop import BarDistribution
from lcstop.cli import app
from lcstop.pretraining import loop
from lcstop.pretraining.config import TrainConfig
from lcstop.pretraining.evaluate import evaluate_prior
from lcstop.priors.lcpfn import sample_curves
from lcstop.surrogates.lcpfn import LCPFN
from lcstop.surrogates.network import LCPFNNetwork, NetworkConfig
from lcstop.surrogates.weights import SHIPPED, load_network

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


def test_batches_ask_only_for_later_points():
    kinds = set()
    for seed in range(60):
        batch = loop.sample_batch(SMALL, torch.Generator().manual_seed(seed), torch.device("cpu"))
        length = batch.value.shape[1]
        assert batch.time.shape == batch.value.shape
        assert (batch.time.diff() > 0).all()
        assert 0 < batch.time.min() <= batch.time.max() <= 1
        # Point i is the first that state i has not seen.
        assert (batch.queries >= batch.cutoffs[:, None]).all()
        assert batch.queries.max() < length
        kinds.add("all" if length == 100 else "part")
    assert kinds == {"all", "part"}


def test_no_forecast_sees_what_it_forecasts():
    """Points from a cutoff on must not change the logits at that cutoff, and targets are those points."""
    network = LCPFNNetwork(SMALL.network).eval()
    batch = loop.sample_batch(SMALL, torch.Generator().manual_seed(3), torch.device("cpu"))
    logits, target = loop.forecast_batch(network, batch)
    for i, cutoff in enumerate(batch.cutoffs.tolist()):
        value = batch.value.clone()
        value[:, cutoff:] += 1.0
        changed, _ = loop.forecast_batch(network, dataclasses.replace(batch, value=value))
        assert torch.equal(changed[:, i], logits[:, i])
        value = batch.value.clone()
        if cutoff:
            value[:, cutoff - 1] += 1.0  # the last point that it may see
            changed, _ = loop.forecast_batch(network, dataclasses.replace(batch, value=value))
            assert not torch.equal(changed[:, i], logits[:, i])
        for b in range(len(value)):
            assert torch.equal(target[b, i], batch.value[b, batch.queries[b, i]])


def test_each_cutoff_is_told_the_time_of_its_last_point():
    network = LCPFNNetwork(SMALL.network).eval()
    batch = loop.sample_batch(SMALL, torch.Generator().manual_seed(3), torch.device("cpu"))
    logits, _ = loop.forecast_batch(network, batch)
    states = network.encode(batch.time, batch.value)
    for i, n in enumerate(batch.cutoffs.tolist()):
        cutoff = batch.time[:, n - 1] if n else torch.zeros(len(batch.time))
        asked = batch.time.gather(1, batch.queries[:, i])
        alone = network.predict(states[:, n : n + 1], cutoff[:, None], asked[:, None])[:, 0]
        assert torch.allclose(alone, logits[:, i], atol=1e-5)


def test_the_table_scores_what_the_surrogate_forecasts():
    """One curve, through the table's path and through the public one."""
    table = evaluate_prior(load_network(SHIPPED / "lcpfn.safetensors"), 1, seed=5)
    values = sample_curves(1, generator=torch.Generator().manual_seed(5))[0].double().numpy()
    surrogate = LCPFN()
    for score in table:
        steps = np.arange(1, 101)
        n = score.cutoff
        time, value = steps[None, :n] / 100, values[None, :n]
        with torch.inference_mode():
            network = load_network(SHIPPED / "lcpfn.safetensors")
            states = network.encode(torch.tensor(time).float(), torch.tensor(value).float())
            query = torch.tensor(steps[None, None, n:] / 100).float()
            logits = network.predict(states[:, -1:], torch.tensor([[n / 100]]), query)[0, 0]
        bars = BarDistribution(surrogate._borders, logits.double().numpy())
        assert bars.log_prob(values[n:]).mean() == pytest.approx(score.log_likelihood, abs=1e-3)


def test_learning_rate_rises_then_falls_to_zero():
    rates = [loop.schedule(step, 10, 100) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert rates[55] == pytest.approx(0.5)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.001


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
    assert load_network(tmp_path / "out" / "lcpfn.safetensors").config.width == 16
    plain = CliRunner().invoke(app, ["train", str(config), "--out", str(tmp_path / "out")])
    assert "80 %" in plain.stdout


@pytest.mark.parametrize("line", ["steps: 0", "batch_size: many", "precision: fp8", "stepz: 3"])
def test_bad_runs_are_refused(tmp_path, line):
    path = tmp_path / "run.yaml"
    path.write_text(YAML + line + "\n" if "steps: 0" not in line else YAML.replace("steps: 3", line))
    with pytest.raises(ValueError, match=f"run.yaml: {line.split(':')[0]}: "):
        TrainConfig.from_yaml(path)


def test_the_shipped_run_is_valid():
    assert TrainConfig.from_yaml("configs/train/lcpfn.yaml").steps > 1000
