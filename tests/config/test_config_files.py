"""Files in configs/ can be loaded and run, and have comments and a schema; generated files are up to date."""

import math
import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from lcstop import PrunerConfig, load_config
from lcstop.config.parameter import Parameter
from lcstop.config.search_config import SearchConfig
from lcstop.config.yaml_file import read_plain, read_yaml
from lcstop_optuna import LCPFNPruner

CONFIGS = Path(__file__).parents[2] / "configs"
SEARCHES = ("search.yaml", "search_ray.yaml")
GENERATED = runpy.run_path(str(CONFIGS / "generate.py"))["generated"]()
PRUNERS = sorted(path.name for path in CONFIGS.glob("*.yaml") if path.name not in SEARCHES)


def accuracy(level: float, step: int, rng: np.random.Generator) -> float:
    return level * (1 - 0.8**step) + rng.normal(0, 0.002)


def loss(level: float, step: int, rng: np.random.Generator) -> float:
    return 3 * (1 - level) + 40 * 0.6**step + rng.exponential(0.01)


def returns(level: float, step: int, rng: np.random.Generator) -> float:
    return -200 + 1000 * level / (1 + math.exp((60 - step) / 10)) + rng.normal(0, 20)


CURVES = {"loss.yaml": (loss, "minimize"), "rl.yaml": (returns, "maximize")}


def levels() -> Iterator[float]:
    yield from (0.7, 0.5, 0.8, 0.75, 0.6, 0.9, 0.1, 0.2, 0.05, 0.15, 0.1, 0.3)


@pytest.fixture(scope="module")
def studies() -> dict[str, optuna.Study]:
    """Each file is used in a search of twelve trials, of which the last six are poor."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return {name: search(name) for name in PRUNERS if name != "ray.yaml"}


def search(name: str) -> optuna.Study:
    curve, direction = CURVES.get(name, (accuracy, "maximize"))
    pruner = LCPFNPruner.from_yaml(CONFIGS / name)
    study = optuna.create_study(direction=direction, pruner=pruner)
    rng, level = np.random.default_rng(0), levels()

    def objective(trial: optuna.Trial) -> float:
        chosen = next(level)
        for step in range(1, int(pruner.config.horizon) + 1):
            value = curve(chosen, step, rng)
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    study.optimize(objective, 12)
    return study


def test_the_named_files_are_there():
    assert set(PRUNERS) == {"optuna.yaml", "ray.yaml", "safe.yaml", "bold.yaml", "loss.yaml", "rl.yaml"}
    assert all((CONFIGS / name).exists() for name in SEARCHES)


@pytest.mark.parametrize("name", [name for name in PRUNERS if name != "ray.yaml"])
def test_a_file_stops_hopeless_trials_and_keeps_the_best(name, studies):
    trials = studies[name].trials
    config = load_config(CONFIGS / name)
    stopped = [trial.number for trial in trials if trial.state == TrialState.PRUNED]
    assert stopped
    assert 5 not in stopped  # the best trial
    assert studies[name].best_trial.number == 5
    assert min(trials[i].last_step for i in stopped) >= config.min_steps
    first = min(stopped)
    assert sum(trial.state == TrialState.COMPLETE for trial in trials[:first]) >= config.n_startup_trials


@pytest.mark.parametrize("name", ["optuna.yaml", "loss.yaml", "rl.yaml"])
def test_no_file_is_warned_of(name, warnings):
    search(name)
    assert not warnings()


def test_safe_is_more_careful_than_the_default_and_bold_less(studies):
    steps = {
        name: sum(len(trial.intermediate_values) for trial in studies[name].trials)
        for name in ("safe.yaml", "optuna.yaml", "bold.yaml")
    }
    assert steps["safe.yaml"] > steps["optuna.yaml"] >= steps["bold.yaml"]


def test_the_file_for_ray_stops_hopeless_trials_and_keeps_the_best(warnings):
    from ray.tune.experiment import Trial

    from lcstop_ray import LCPFNScheduler

    scheduler = LCPFNScheduler.from_yaml(CONFIGS / "ray.yaml", metric="accuracy", mode="max")
    rng, lengths = np.random.default_rng(0), []
    for level in levels():
        trial = Trial("trainable", stub=True)
        scheduler.on_trial_add(None, trial)
        for step in range(1, 101):
            result = {"training_iteration": step, "accuracy": max(0.0, accuracy(level, step, rng))}
            if scheduler.on_trial_result(None, trial, result) == "STOP":
                break
        scheduler.on_trial_complete(None, trial, result)
        lengths.append(step)
    assert lengths[:4] == [100] * 4  # startup trials
    assert lengths[5] == 100
    assert all(5 <= length < 100 and length % 5 == 0 for length in lengths[6:])
    assert not warnings()


def test_optuna_yaml_has_every_option_at_its_default():
    written, _ = read_plain(CONFIGS / "optuna.yaml")
    assert written == PrunerConfig(horizon=50).model_dump()


@pytest.mark.torch  # the objective trains the demo's network
@pytest.mark.parametrize("name", SEARCHES)
def test_searches_are_valid_and_their_objective_takes_the_space(name):
    config = read_yaml(CONFIGS / name, SearchConfig)
    assert config.engine == ("ray" if "ray" in name else "optuna")
    params = {key: space.choices[-1] if space.choices else space.high for key, space in config.space.items()}
    params = {key: int(value) if config.space[key].type == "int" else value for key, value in params.items()}
    curve = config.curve(config.load_objective(), params)
    assert 0 <= next(curve) <= 1


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_files_are_commented_and_name_their_schema(path):
    first, second, *_ = lines = path.read_text(encoding="utf-8").splitlines()
    kind = "search" if path.name in SEARCHES else "pruner"
    assert first == f"# yaml-language-server: $schema=schema/{kind}.json"
    assert second.startswith("# ")
    assert sum("#" in line for line in lines) >= len(lines) / 4
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path):
    assert path.read_text(encoding="utf-8") == GENERATED[path], "run make generate"


def test_every_option_is_described_where_it_is_looked_up():
    page, file = (GENERATED[CONFIGS.parent / name] for name in ("docs/options.md", "configs/optuna.yaml"))
    for name, field in PrunerConfig.model_fields.items():
        assert len(field.description) > 50
        assert field.description.endswith(".")
        assert f"| `{name}` |" in page
        assert field.description in page
        assert f"\n{name}: " in file
    for model in (SearchConfig, Parameter):
        assert all(field.description for field in model.model_fields.values())
