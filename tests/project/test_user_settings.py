"""A decision does not change global settings, such as those of torch."""

import os
import random
import signal
import threading
import warnings
from contextlib import contextmanager
from unittest import mock

import numpy as np
import optuna
import pytest
import torch
from optuna.trial import TrialState

from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler
from tests.lcstop_ray.ray_trials import STOP, H, feed, new_trial, results

pytestmark = pytest.mark.torch

optuna.logging.set_verbosity(optuna.logging.ERROR)

OF_SEVERAL = {"policy": "published", "patience": 2}
"""Options with forecasts of more than one curve."""

TOPS = (0.9, 0.8, 0.85, 0.7, 0.75, 0.1)


def curve(top: float) -> list[float]:
    return [top * (1 - 0.5**i) for i in range(1, H + 1)]


def stops_in_optuna(**options) -> bool:
    """Whether the last of some trials is stopped, by a pruner that has not loaded any weights yet."""
    study = optuna.create_study(direction="maximize", pruner=LCPFNPruner(horizon=H, **options))
    for top in TOPS:
        trial = study.ask()
        for step, value in enumerate(curve(top), 1):
            trial.report(value, step)
            if trial.should_prune():
                break
        else:
            study.tell(trial, value)
            continue
        study.tell(trial, state=TrialState.PRUNED)
    return study.get_trials()[-1].state == TrialState.PRUNED


def stops_in_ray(**options) -> bool:
    scheduler = LCPFNScheduler(metric="accuracy", mode="max", horizon=H, **options)
    return [feed(scheduler, new_trial(scheduler), results(curve(top)))[-1] for top in TOPS][-1] == STOP


def settings() -> dict[str, object]:
    """The global state of the process."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "random": random.getstate(),
        "numpy": (name, keys.tolist(), rest),
        "numpy's errors": np.geterr(),
        "torch": torch.get_rng_state().tolist(),
        "torch's seed": torch.initial_seed(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "new threads": in_a_new_thread(torch.get_num_threads),
        "type": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "cuda": torch.cuda.is_initialized(),
        "warnings": list(warnings.filters),
        "environment": dict(os.environ),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    }


def in_a_new_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture(scope="module", autouse=True)
def everything_imported():
    """Imports everything first: libraries set variables and filters when they are imported."""
    stops_in_optuna(**OF_SEVERAL)
    stops_in_ray(policy="published", surrogate="powerlaw")


@contextmanager
def plain():
    yield


@contextmanager
def odd():
    """Unusual settings, which lcstop must accept and not change."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            yield
    finally:
        torch.set_num_threads(before)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)


SURROGATES = [
    {"policy": "study"},
    OF_SEVERAL,
    {"policy": "study", "use_params": True},
    {"policy": "published"},
    {"policy": "published", "surrogate": "lcpfn-published"},
    {"policy": "published", "surrogate": "powerlaw"},
    {"policy": "published", "surrogate": "last_value"},
    pytest.param({"policy": "published", "surrogate": "mcmc"}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize("options", SURROGATES, ids=lambda options: "-".join(map(str, options.values())))
@pytest.mark.parametrize("stops", [stops_in_optuna, stops_in_ray])
@pytest.mark.parametrize("set_by_the_user", [plain, odd])
def test_what_belongs_to_the_user_is_untouched(set_by_the_user, stops, options):
    with set_by_the_user():
        before = settings()
        assert stops(**options)
        assert settings() == before


@pytest.mark.parametrize("stops", [stops_in_optuna, stops_in_ray])
def test_no_context_of_a_gpu_is_made(stops):
    """Every use of a GPU calls this function."""
    with mock.patch("torch.cuda._lazy_init", side_effect=AssertionError("a context was asked for")) as asked:
        assert stops()
    asked.assert_not_called()
