"""Pre-training of the study network: examples, a tiny run from start to end, the command."""

import json

import pytest
import torch
from typer.testing import CliRunner

from lcstop.commands.app import app
from lcstop.pretraining import train_study
from lcstop.pretraining.study_examples import N_CUTOFFS, N_JUDGED, N_MOMENTS, make_examples
from lcstop.pretraining.study_search import N_TRIALS, draw_studies, stop_by_rank
from lcstop.pretraining.train_study import StudyTrainConfig, run
from lcstop.priors.broad import BroadConfig
from lcstop.ranking.features import N_FEATURES
from lcstop.ranking.numpy_network import StudyNetworkConfig
from lcstop.ranking.torch_network import StudyNetwork

pytestmark = pytest.mark.torch

TINY = StudyTrainConfig(studies=30, steps=20, batch_size=64, network=StudyNetworkConfig(width=16, layers=1))


@pytest.fixture(scope="module")
def made():
    generator = torch.Generator().manual_seed(0)
    studies = draw_studies(6, BroadConfig(), generator)
    lengths = stop_by_rank(studies, generator)
    return studies, lengths, make_examples(studies, lengths, generator)


# --- examples ---------------------------------------------------------------------------------------------


def test_trials_are_stopped_and_some_go_to_the_end(made):
    studies, lengths, _ = made
    horizon = studies.gains.shape[2]
    assert studies.gains.shape[1] == N_TRIALS
    assert lengths.shape == (6, N_TRIALS)
    assert ((lengths >= 1) & (lengths <= horizon)).all()
    assert ((lengths == horizon).any(1)).all()
    assert (lengths < horizon).any()


def test_a_first_trial_is_never_stopped():
    generator = torch.Generator().manual_seed(3)
    studies = draw_studies(12, BroadConfig(), generator)
    lengths = stop_by_rank(studies, generator)
    assert (lengths[:, 0] == studies.gains.shape[2]).all()


def test_examples_are_numbers_and_what_they_are_about(made):
    *_, examples = made
    n = 6 * N_JUDGED * N_MOMENTS * N_CUTOFFS
    assert examples.features.shape == (n, N_FEATURES)
    assert all(len(part) == n and part.dtype == torch.float16 for part in examples)
    assert torch.isfinite(examples.features).all()
    assert examples.features.abs().max() < 10
    assert ((examples.share > 0) & (examples.share < 1)).all()
    for part in (examples.beats, examples.open, examples.beats_known):
        assert set(part.unique().tolist()) <= {0.0, 1.0}
    assert (examples.beats[examples.open == 0] == 1).all()  # beaten by the cutoff is beaten at the end


def test_the_judged_trials_are_anywhere_among_all(made):
    *_, examples = made
    assert abs(float(examples.share.float().mean()) - 0.5) < 0.1


def test_the_generator_alone_decides():
    found = []
    for seed in (5, 6):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(7)
        studies = draw_studies(2, BroadConfig(), generator)
        found.append(make_examples(studies, stop_by_rank(studies, generator), generator))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


# --- a run ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same tiny run with 1 and 2 processes, and its reports."""
    folder, said = tmp_path_factory.mktemp("runs"), []
    torch.manual_seed(0)
    state = torch.get_rng_state()
    paths = [run(TINY, folder / str(jobs), jobs, lambda *step: said.append(step)) for jobs in (1, 2)]
    assert torch.equal(state, torch.get_rng_state())
    return paths, said


def test_the_number_of_processes_changes_nothing(runs):
    (one, two), _ = runs
    assert one.read_bytes() == two.read_bytes()
    cards = [json.loads(path.with_suffix(".json").read_text()) for path in (one, two)]
    assert cards[0] == cards[1]


def test_a_run_ends_with_weights_that_say_how_they_were_made(runs):
    (path, _), said = runs
    assert path.name == "study.safetensors"
    card = json.loads(path.with_suffix(".json").read_text())
    assert StudyTrainConfig(**card["training"]) == TINY
    assert card["examples"] == 48 * 240  # chunks of 24 studies
    assert card["commit"]
    assert card["versions"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert StudyNetwork.load(path).config == TINY.network
    assert {stage.partition(",")[0] for stage, _ in said} == {"examples", "training"}
    assert all(0 < share <= 1 for _, share in said)
    assert said[-1][1] == 1


def test_the_loss_falls(made):
    *_, examples = made
    losses = []
    config = TINY.model_copy(update={"steps": 400, "learning_rate": 5e-3})
    train_study._train(config, examples, lambda stage, _: losses.append(float(stage.split()[-1])))
    assert losses[-1] < losses[0]


def test_another_seed_is_another_network(made, tmp_path):
    *_, examples = made
    one, other = (
        train_study._train(TINY.model_copy(update={"seed": seed}), examples, lambda *_: None)
        for seed in (0, 1)
    )
    assert not torch.equal(one.embed.weight, other.embed.weight)


def test_a_loss_that_is_no_number_stops_the_run(made):
    *_, examples = made
    spoilt = examples._replace(features=torch.full_like(examples.features, float("nan")))
    with pytest.raises(FloatingPointError, match="the loss is nan at step 0"):
        train_study._train(TINY, spoilt, lambda *_: None)


# --- the command ------------------------------------------------------------------------------------------

YAML = """
studies: 2
steps: 3
batch_size: 8
network: {width: 16, layers: 1}
"""


def test_the_command_writes_weights_and_says_what_they_are(tmp_path):
    config = tmp_path / "run.yaml"
    config.write_text(YAML)
    out = tmp_path / "new" / "out"
    result = CliRunner().invoke(app, ["train-study", str(config), "--out", str(out), "--jobs", "2", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    path = out / "study.safetensors"
    assert found.pop("weights") == str(path)
    assert found == json.loads(path.with_suffix(".json").read_text())
    assert found["training"]["steps"] == 3
    assert StudyNetwork.load(path).config.width == 16
    plain = CliRunner().invoke(app, ["train-study", str(config), "--out", str(out)])
    assert "5,760 examples" in plain.stdout
    assert str(path) in plain.stdout.replace("\n", "")


@pytest.mark.parametrize("line", ["steps: 0", "batch_size: many", "learning_rate: 0", "stepz: 3"])
def test_bad_runs_are_refused(tmp_path, line):
    path = tmp_path / "run.yaml"
    path.write_text(YAML.replace("steps: 3", line) if "steps: 0" in line else YAML + line + "\n")
    if "batch_size" in line:
        path.write_text(YAML.replace("batch_size: 8", line))
    with pytest.raises(ValueError, match=rf"run.yaml:\d+: {line.split(':')[0]}: "):
        StudyTrainConfig.from_yaml(path)


def test_the_shipped_run_is_valid_and_is_that_of_the_shipped_network():
    config = StudyTrainConfig.from_yaml("configs/train/study.yaml")
    assert config.steps > 1000
    assert config.network == StudyNetwork.load().config
