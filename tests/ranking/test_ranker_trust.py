"""Policy study: the same decision in every process, global settings untouched, failures stop no trial."""

import json
import logging
import math
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lcstop import Curve, StudyView
from lcstop.ranking.numpy_network import NumpyStudyNetwork
from lcstop.ranking.ranker import Ranker, Ranking
from tests.ranking.study_trials import H, core, curves, poor, view

# --- the same everywhere ------------------------------------------------------------------------------------

SCRIPT = """
import json
from tests.ranking.study_trials import core, poor, view
found = [core().judge(poor(n), view()) for n in (2, 5, 11)]
print(json.dumps([[d.stop, d.p_top, d.p_beat, d.reason] for d in found]))
"""


@pytest.mark.parametrize("threads", ["1", "2"])
def test_decisions_are_the_same_in_every_process(threads):
    environment = os.environ | {"OMP_NUM_THREADS": threads, "PYTHONHASHSEED": threads}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    here = [core().judge(poor(n), view()) for n in (2, 5, 11)]
    assert json.loads(done.stdout) == [[d.stop, d.p_top, d.p_beat, d.reason] for d in here]


def test_decisions_are_the_same_after_pickling_in_any_order_and_in_threads():
    c = core()
    trials = [curve.prefix(n) for curve in curves([0.2, 0.5, 0.8], H, seed=5) for n in (3, 11)]
    first = [c.judge(trial, view()) for trial in trials]
    assert first == [pickle.loads(pickle.dumps(c)).judge(trial, view()) for trial in trials[::-1]][::-1]  # noqa: S301
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda trial: c.judge(trial, view()), trials * 3)) == first * 3


def test_the_order_of_other_trials_does_not_matter_much():
    one, other = view(), view()
    other = StudyView("maximize", other.finished[::-1], other.unfinished[::-1])
    assert core().judge(poor(), one).p_top == pytest.approx(core().judge(poor(), other).p_top, abs=1e-5)


def test_what_other_trials_report_beyond_the_cutoff_of_an_unfinished_one_is_nothing_yet():
    shorter = StudyView("maximize", view().finished, [curve.prefix(5) for curve in view().unfinished])
    assert core().judge(poor(3), shorter).p_top != core().judge(poor(3), view()).p_top


@pytest.mark.torch
def test_the_users_torch_settings_are_untouched():
    """In a process of its own: default dtype, device, threads, seeds and autocast must stay unchanged."""
    code = """
import torch
torch.set_num_threads(2); torch.set_default_dtype(torch.float64); torch.set_default_device("meta")
torch.manual_seed(5); state = torch.get_rng_state()
from tests.ranking.study_trials import core, poor, view
with torch.autocast("cpu", torch.bfloat16):
    decision = core().judge(poor(), view())
assert decision.stop, decision
assert torch.get_num_threads() == 2 and torch.get_default_dtype() == torch.float64
assert torch.get_default_device().type == "meta" and torch.equal(state, torch.get_rng_state())
assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)  # noqa: S603


def test_numpys_random_state_is_untouched():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    core().judge(poor(), view())
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


# --- failures -----------------------------------------------------------------------------------------------


class Raising(NumpyStudyNetwork):
    def probabilities(self, row):
        raise RuntimeError("no memory")


class NotANumber(NumpyStudyNetwork):
    def probabilities(self, row):
        found = super().probabilities(row)
        return found._replace(top=found.top * math.nan)


class Missing(NumpyStudyNetwork):
    @classmethod
    def load(cls, path=None):
        return super().load(Path("nowhere", "study.safetensors"))


@pytest.mark.parametrize(("network", "cause"), [(Raising, "no memory"), (NotANumber, "is not finite")])
def test_a_failing_network_lets_the_trial_go_on_and_is_logged_once(network, cause, caplog, monkeypatch):
    monkeypatch.setattr("lcstop.ranking.ranker.NumpyStudyNetwork", network)
    c = core()
    with caplog.at_level(logging.WARNING, "lcstop"):
        decisions = [c.judge(poor(), view()) for _ in range(5)]
    assert not any(decision.stop for decision in decisions)
    assert decisions[0].reason.startswith("goes on, not judged: ")
    assert len(caplog.records) == 1
    assert cause in caplog.text


def test_missing_weights_let_trials_go_on(caplog, monkeypatch):
    monkeypatch.setattr("lcstop.ranking.ranker.NumpyStudyNetwork", Missing)
    c = core()
    with caplog.at_level(logging.WARNING, "lcstop"):
        c.warm_up()
        assert [c.judge(poor(), view()).stop for _ in range(3)] == [False] * 3
    assert len(caplog.records) == 1
    assert "cannot read" in caplog.text


def test_a_ranking_is_two_probabilities():
    policy = Ranker()
    for n in range(1, H):
        found = policy.rank(poor(n), view().finished, view().unfinished, "maximize")
        assert isinstance(found, Ranking)
        assert 0 <= found.p_top <= 1
        assert 0 <= found.p_beat <= 1
        assert not found.leads
    assert policy.rank(poor(), [], [], "maximize") is None


@pytest.mark.parametrize("n", [65, 200])
def test_many_trials(n):
    rng = np.random.default_rng(0)
    others = curves(rng.uniform(0.2, 0.9, n), H)
    study = StudyView("maximize", others[::3], [c.prefix(8) for i, c in enumerate(others) if i % 3])
    assert core().judge(poor(), study).stop
    assert not core().judge(curves([0.95], H)[0].prefix(8), study).stop


@pytest.mark.parametrize("target", ["best", "final"])
def test_the_target_chooses_the_incumbent(target):
    overfitted = Curve([*range(1, H + 1)], [0.9, *[0.4] * (H - 1)], H)
    study = StudyView("maximize", [overfitted, *curves([0.3, 0.2], H)])
    decision = core(target=target).judge(poor(4), study)
    assert decision.incumbent == (0.9 if target == "best" else 0.4)
