"""Curves over the size of the training set: the example, and both adapters on the same made-up curves."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import optuna
import pytest
from ray.tune.experiment import Trial

from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler

EXAMPLE = Path(__file__).parents[2] / "examples" / "sample_size.py"


def example():
    spec = importlib.util.spec_from_file_location("sample_size", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_saves_fits_and_ends_winners_early(capsys):
    module = example()
    study = module.main(n_trials=8)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    out = capsys.readouterr().out
    fits = sum(len(trial.intermediate_values) for trial in study.trials)
    assert f"{fits} of {8 * len(module.SIZES)} fits" in out
    assert fits < 0.7 * 8 * len(module.SIZES)
    assert re.search(r"PRUNED   stopped at step \d+ of 1347: .* chance to ", out)
    assert re.search(r"COMPLETE converged at step \d+ of 1347: .* chance to gain more than 0.005 on 0.9", out)
    assert study.best_value > 0.98
    median, low, high = (float(word.strip("[],")) for word in out.splitlines()[-1].split()[-3:])
    assert 0.9 <= low <= median <= high <= 1


SIZES = [50, 100, 200, 400, 800, 1600, 3200, 6400]
ERRORS = [0.08, 0.05, 0.2, 0.03, 0.35, 0.3, 0.02, 0.4]
"""Error with unlimited data. The sixth and the eighth are bad."""


def error(floor: float, size: int) -> float:
    return floor + 2.0 * size**-0.5


@pytest.mark.parametrize("engine", ["optuna", "ray"])
def test_sizes_that_double(engine):
    """The error is a power law of the rows. Each step doubles the rows."""
    stopped = []
    study = optuna.create_study(direction="minimize", pruner=LCPFNPruner(horizon=SIZES[-1]))
    scheduler = LCPFNScheduler("rows", "error", "min", horizon=SIZES[-1])
    for floor in ERRORS:
        values = [error(floor, size) for size in SIZES]
        if engine == "optuna":
            trial = study.ask()
            for size, value in zip(SIZES, values, strict=True):
                trial.report(value, size)
                if stop := trial.should_prune():
                    break
            state = optuna.trial.TrialState.PRUNED if stop else optuna.trial.TrialState.COMPLETE
            study.tell(trial, None if stop else value, state)
        else:
            trial = Trial("trainable", stub=True)
            scheduler.on_trial_add(None, trial)
            for size, value in zip(SIZES, values, strict=True):
                result = {"rows": size, "error": value}
                if stop := scheduler.on_trial_result(None, trial, result) == "STOP":
                    break
            scheduler.on_trial_complete(None, trial, result)
        stopped.append(stop)
    records = np.array(ERRORS) <= np.minimum.accumulate(ERRORS)
    assert not np.array(stopped)[records].any()
    assert stopped[5]
    assert stopped[7]
