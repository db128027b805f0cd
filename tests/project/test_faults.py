"""Every dependency of a decision fails for a while, in both adapters. The study goes on, one warning is
logged, and decisions are made again afterwards."""

import math
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import optuna
import pytest

from lcstop.pruning.models import Models
from lcstop.ranking.numpy_network import NumpyStudyNetwork
from lcstop.surrogates.forecast import BarDistribution
from lcstop.surrogates.lcpfn import LCPFN
from lcstop_optuna import LCPFNPruner
from lcstop_ray import LCPFNScheduler
from tests.lcstop_ray.ray_trials import GO, STOP, H, feed, new_trial, results

optuna.logging.set_verbosity(optuna.logging.ERROR)

OPTIONS = {"horizon": H, "lower": 0, "upper": 1}
POOR = 0.1


def rising(top: float) -> list[float]:
    return [top * (1 - 0.5**i) for i in range(1, H + 1)]


class OptunaStudy:
    def __init__(self, policy: str) -> None:
        self.pruner = LCPFNPruner(policy=policy, **OPTIONS)
        self.study = optuna.create_study(direction="maximize", pruner=self.pruner)

    @property
    def core(self):
        return self.pruner._core

    def stopped(self, top: float) -> bool:
        """Run a trial. Returns whether it was stopped."""
        trial = self.study.ask()
        for epoch, value in enumerate(rising(top)):
            trial.report(value, epoch)
            if trial.should_prune():
                self.study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                return True
        self.study.tell(trial, value)
        return False


class RaySearch:
    def __init__(self, policy: str) -> None:
        self.scheduler = LCPFNScheduler(metric="accuracy", mode="max", policy=policy, **OPTIONS)

    @property
    def core(self):
        return self.scheduler._core

    def stopped(self, top: float) -> bool:
        trial = new_trial(self.scheduler)
        return feed(self.scheduler, trial, results(rising(top)))[-1] == STOP


@pytest.fixture(params=[OptunaStudy, RaySearch], ids=["optuna", "ray"])
def start(request):
    def start(policy: str = "study"):
        search = request.param(policy)
        for top in (0.9, 0.8, 0.85, 0.7, 0.75):
            search.stopped(top)
        assert search.stopped(POOR)
        return search

    return start


# --- faults -------------------------------------------------------------------------------------------------


def raises(place, name: str, error: type[Exception]):
    """An error whose message changes and has several lines, like those of databases."""

    def fault(*_args, **_kwargs):
        raise error(f"at {time.perf_counter_ns()}\nno luck")

    return mock.patch.object(place, name, fault)


def network_says_nan():
    probabilities = NumpyStudyNetwork.probabilities

    def fault(self, row):
        found = probabilities(self, row)
        return found._replace(top=found.top * math.nan)

    return mock.patch.object(NumpyStudyNetwork, "probabilities", fault)


def surrogate_says_nan():
    forecast = LCPFN.unit_forecast

    def fault(self, curves, at):
        bars = forecast(self, curves, at)
        return BarDistribution(bars.borders, np.full_like(bars.log_mass, np.nan))

    return mock.patch.object(LCPFN, "unit_forecast", fault)


@contextmanager
def without_file(name: str, core):
    """A worker that has not loaded any weights yet."""
    read_bytes = Path.read_bytes

    def fault(self):
        if self.name == name:
            raise FileNotFoundError(f"[Errno 2] No such file or directory: {str(self)!r}")
        return read_bytes(self)

    core._models = Models(core.config)
    with mock.patch.object(Path, "read_bytes", fault):
        yield


FAULTS = {
    "the network raises": lambda core: raises(NumpyStudyNetwork, "probabilities", RuntimeError),
    "the network says NaN": lambda core: network_says_nan(),
    "the network's weights are missing": lambda core: without_file("study.safetensors", core),
    "no memory for the network": lambda core: raises(NumpyStudyNetwork, "probabilities", MemoryError),
    "the surrogate raises": lambda core: raises(LCPFN, "unit_forecast", ZeroDivisionError),
    "the surrogate says NaN": lambda core: surrogate_says_nan(),
    "the surrogate's weights are missing": lambda core: without_file("lcpfn.safetensors", core),
    "no memory for the surrogate": lambda core: raises(LCPFN, "unit_forecast", MemoryError),
}


@pytest.mark.parametrize("policy", ["study", "published"])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_study_goes_on_with_one_warning_and_is_decided_on_again(start, fault, policy, warnings):
    """What decides may fail: the trial goes on. Without a surrogate policy study decides by ranks alone."""
    search = start(policy)
    with FAULTS[fault](search.core):
        stopped = [search.stopped(POOR) for _ in range(4)]
    if policy == "published" and "network" in fault:  # that policy has no network
        assert stopped == [True] * 4
        assert not warnings()
        return
    only_words = policy == "study" and "surrogate" in fault
    assert stopped == [only_words] * 4
    assert len(warnings()) == 1
    assert "\n" not in warnings()[0]
    assert search.stopped(POOR)
    assert len(warnings()) == 1


def test_a_storage_that_cannot_be_read(warnings):
    search = OptunaStudy("study")
    for top in (0.9, 0.8, 0.85, 0.7, 0.75):
        search.stopped(top)
    trial = search.study.ask()
    with raises(search.study._storage, "get_all_trials", OSError):
        for epoch, value in enumerate(rising(POOR)):
            trial.report(value, epoch)
            assert not trial.should_prune()
    search.study.tell(trial, value)
    assert len(warnings()) == 1
    assert search.stopped(POOR)


def test_a_storage_that_takes_no_reason(warnings):
    search = OptunaStudy("study")
    for top in (0.9, 0.8, 0.85, 0.7, 0.75):
        search.stopped(top)
    with raises(search.study._storage, "set_trial_user_attr", OSError):
        assert [search.stopped(POOR) for _ in range(3)] == [True] * 3
    (warning,) = warnings()
    assert "the decision on trial 5 was not stored: OSError: at " in warning


class Records:
    """The file system of Ray, with reads that fail."""

    def open_input_stream(self, path: str):
        raise OSError(f"at {time.perf_counter_ns()}: connection reset")


def test_records_of_an_earlier_run_that_cannot_be_read(warnings):
    scheduler = LCPFNScheduler(metric="accuracy", mode="max", **OPTIONS)
    storage = SimpleNamespace(storage_filesystem=Records(), trial_fs_path="trial")
    for top in (0.9, 0.8, 0.85):
        trial = new_trial(status="TERMINATED", relative_logdir="trial", storage=storage)
        trial.run_metadata.metric_analysis = {
            "accuracy": {"max": top, "last": top},
            "training_iteration": {"last": H},
        }
        scheduler.on_trial_add(None, trial)
    (warning,) = {text.partition(" of trial ")[2].partition(" was ")[2] for text in warnings()}
    assert warning.startswith("not read: OSError: at ")
    assert len(warnings()) == 1
    # The records of Ray suffice to resume.
    assert [history.state for history in scheduler._search.histories.values()] == ["finished"] * 3
    assert scheduler._search.incumbent() == 0.9
    # Their curves are not known, so that they stop nothing.
    assert feed(scheduler, new_trial(scheduler), results(rising(POOR))) == [GO] * H


def test_a_slow_decision_is_not_interrupted_and_told_of_once(start, warnings, monkeypatch):
    search = start()
    now = [0.0]
    probabilities = NumpyStudyNetwork.probabilities

    def slow(self, row):
        now[0] += 10
        return probabilities(self, row)

    for module in ("lcstop_optuna.pruner.time", "lcstop_ray.scheduler.time"):
        monkeypatch.setattr(module, SimpleNamespace(perf_counter=lambda: now[0]))
    with mock.patch.object(NumpyStudyNetwork, "probabilities", slow):
        assert [search.stopped(POOR) for _ in range(3)] == [True] * 3
    assert len(warnings()) == 1
    assert warnings()[0].startswith("a decision took 10.0 s, and its trial waited for it")


@pytest.mark.slow
def test_a_decision_that_takes_ten_seconds(start, warnings):
    search = start()
    probabilities = NumpyStudyNetwork.probabilities

    def slow(self, row):
        time.sleep(10)
        return probabilities(self, row)

    with mock.patch.object(NumpyStudyNetwork, "probabilities", slow):
        assert search.stopped(POOR)
    assert len(warnings()) == 1
    assert search.stopped(POOR)


OUT_OF_MEMORY = """
import logging, resource, sys
from pathlib import Path
from tests.ranking.study_trials import core, poor, view

logging.basicConfig()
judged, limits = core(), resource.getrlimit(resource.RLIMIT_AS)
assert judged.judge(poor(), view()).stop
for left in (512, 64):  # with more, OpenBLAS may end the process, which does not check its own allocations
    given, found = [(poor(), view()) for _ in range(10)], [None] * 10
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), limits[1]))
    hog, size = [], 1 << 20
    while size >= left:  # memory that the allocators still hold
        try:
            hog.append(bytearray(size))
        except MemoryError:
            size //= 2
    for i, one in enumerate(given):
        found[i] = judged.judge(*one)
    del hog
    resource.setrlimit(resource.RLIMIT_AS, limits)
    assert "MemoryError" in found[-1].reason, found[-1]
    # A stop may have no words. Without memory for the network there is no stop.
    assert all(not one.stop or "no forecast: MemoryError" in one.reason for one in found), found
    assert judged.judge(poor(), view()).stop
"""


def test_a_process_that_gets_no_more_memory():
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", OUT_OF_MEMORY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "MemoryError" in done.stderr


# --- warnings -----------------------------------------------------------------------------------------------


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_error_that_cannot_say_what_it_is(start, warnings):
    search = start()

    def fault(*_args):
        raise MuteError

    with mock.patch.object(NumpyStudyNetwork, "probabilities", fault):
        assert not search.stopped(POOR)
    assert warnings() == ["a trial goes on because judging it failed: MuteError: no message"]
