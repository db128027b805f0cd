"""The default rule, by the other trials of the study: when it judges, whom it spares, what it survives."""

import json
import logging
import math
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.priors.broad import BroadConfig
from lcstop.priors.study import sample_studies
from lcstop.replay.loop import replay
from lcstop.replay.ours import CorePolicy
from lcstop.replay.settings import Study
from lcstop.replay.task import Task
from lcstop.schedule import SCHEDULES, Schedule
from lcstop.studies.network import Standing, StudyNetwork
from lcstop.studies.policy import StudyPolicy, Verdict

from .replay_tasks import random_task
from .study_trials import curves

H = 20
PRESETS = ("safe", "balanced", "bold")
TOPS = (0.7, 0.9, 0.5, 0.8, 0.6, 0.85, 0.75, 0.4)


def core(**options) -> PrunerCore:
    return PrunerCore(PrunerConfig(**{"horizon": H, **options}))


def view(n: int = 8) -> StudyView:
    """Half of the trials have finished, the others are half-way."""
    others = curves(TOPS[:n], H)
    return StudyView("maximize", others[: n // 2], [curve.first(10) for curve in others[n // 2 :]])


def poor(n: int = 11) -> Curve:
    return curves([0.1], H, seed=1)[0].first(n)


# --- what it decides --------------------------------------------------------------------------------------


def test_a_hopeless_trial_is_stopped_and_the_reason_says_why():
    decision = core().judge(poor(), view())
    assert decision.stop
    assert 0 <= decision.p_top < 0.1
    assert 0 <= decision.p_beat < 0.1
    assert decision.incumbent == pytest.approx(0.89, abs=0.02)
    low, high = decision.interval
    assert low < decision.median < high
    assert decision.scale is not None
    assert decision.reason.startswith("P(best tenth of the study by step 20) = ")
    assert f", P(beat {decision.incumbent:.5g}) = " in decision.reason
    assert f"; predicted {decision.median:.4g} [" in decision.reason


def test_what_goes_on_is_not_forecast():
    decision = core().judge(curves([0.95], H, seed=2)[0].first(6), view())
    assert not decision.stop
    assert 0.05 < decision.p_top < 1
    assert decision.median is decision.interval is decision.scale is None


def test_hyperparameters_are_compared_where_the_options_say_so():
    plain = poor()
    other = Curve(plain.steps, plain.values, plain.horizon, params={"top": 0.99, "opt": "sgd"})
    assert core().judge(plain, view()) == core().judge(other, view())
    with_params = core(use_params=True)
    assert with_params.judge(plain, view()).p_top < with_params.judge(other, view()).p_top


def test_a_loss_is_the_mirror_image():
    def mirrored(curve: Curve) -> Curve:
        return Curve(curve.steps, 3 - curve.values, curve.horizon, curve.params)

    other = StudyView(
        "minimize", *([mirrored(c) for c in part] for part in (view().finished, view().unfinished))
    )
    for n in (3, 7, 11):
        one, two = core().judge(poor(n), view()), core().judge(mirrored(poor(n)), other)
        assert one.stop == two.stop
        assert one.p_top == pytest.approx(two.p_top, abs=1e-5)


def test_patience_wants_judgements_in_a_row():
    trial = poor(19)
    assert core(patience=1).judge(trial, view()).stop
    due = [n for n in range(1, 20) if core().due(trial.first(n))]
    stops = [n for n in due if core(patience=3).decide(trial.first(n), view()).stop]
    assert stops[0] == due[2]
    assert core(patience=3).judge(trial.first(due[1]), view()).reason.endswith("; 2 of 3 votes")


def test_confidence_is_a_factor():
    schedule = Schedule(first=0.05, ratio=2, threshold=0.05, slope=0.1, most=0.1)
    assert schedule.asked(0.0, 0.95) == pytest.approx(0.05)
    assert schedule.asked(0.2, 0.95) == pytest.approx(0.07)
    assert schedule.asked(0.9, 0.95) == pytest.approx(0.1)
    assert schedule.asked(0.2, 0.9) == pytest.approx(0.14)
    trial = curves([0.55], H, seed=1)[0].first(6)
    p = core().judge(trial, view()).p_top
    asked = SCHEDULES["balanced"].asked(6 / H, 0.95)
    assert core(confidence=1 - 0.05 * p / asked * 1.01).judge(trial, view()).stop
    assert not core(confidence=1 - 0.05 * p / asked * 0.99).judge(trial, view()).stop


# --- whom it never stops ----------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_the_holder_of_the_incumbent_goes_on(preset):
    finished = curves([0.5, 0.6, 0.7], H)
    values = np.array([0.95, *[0.01] * 12])
    decision = core(preset=preset).judge(Curve(range(1, 14), values, H), StudyView("maximize", finished))
    assert (decision.stop, decision.reason) == (False, "holds the incumbent itself")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n", [1, 3, 8])
def test_who_leads_at_its_step_goes_on(preset, n):
    steps = np.arange(1, H + 1)
    leader = Curve(steps, 0.03 + 0.95 * (1 - 0.8**steps), H)
    for cutoff in range(1, H):
        assert not core(preset=preset, min_steps=1).judge(leader.first(cutoff), view(n)).stop
    certain = core(preset=preset, confidence=1e-9)  # asks for more than any trial has
    decision = certain.judge(leader.first(3), view(n))
    assert not decision.stop
    assert decision.reason.endswith("; leads at its step")
    assert certain.judge(curves([0.3], H)[0].first(9), view()).stop


# --- when it judges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("horizon", [1, 2, 7, 50, 1000])
@pytest.mark.parametrize("min_steps", [1, 2, 5])
def test_the_first_judgement_is_not_before_the_schedule_nor_min_steps(preset, horizon, min_steps):
    if min_steps > max(horizon, 2):
        return
    c, schedule = core(preset=preset, horizon=horizon, min_steps=min_steps), SCHEDULES[preset]
    trial = Curve(range(1, horizon + 1), np.linspace(0, 1, horizon), horizon)
    due = [n for n in range(1, horizon + 1) if c.due(trial.first(n))]
    first = max(min_steps, math.ceil(schedule.first * horizon - 1e-6))
    assert due[:1] == ([first] if first <= horizon else [])
    rungs = [schedule.rung(n / horizon) for n in due]
    assert rungs == sorted(set(rungs))
    assert len(due) <= schedule.rung(1.0)
    # A step that is passed by is made up for at the next report.
    sparse = (
        trial if horizon < 50 else Curve(range(7, horizon + 1, 7), np.linspace(0, 1, horizon // 7), horizon)
    )
    found = [
        schedule.rung(sparse.steps[n - 1] / horizon)
        for n in range(1, len(sparse) + 1)
        if c.due(sparse.first(n))
    ]
    assert found == sorted(set(found))


def test_presets_are_ordered():
    safe, balanced, bold = (SCHEDULES[preset] for preset in PRESETS)
    assert safe.first >= balanced.first >= bold.first
    for share in (0.05, 0.2, 0.5, 1.0):
        assert safe.asked(share, 0.95) <= balanced.asked(share, 0.95) <= bold.asked(share, 0.95)


def test_startup_trials_have_come_as_far():
    running = curves(TOPS, H)
    at_10 = [curve.first(10) for curve in running]
    assert core(n_startup_trials=8).judge(poor(10), StudyView("maximize", [], at_10)).stop
    decision = core(n_startup_trials=8).judge(poor(11), StudyView("maximize", [], at_10))
    assert not decision.stop
    assert decision.reason == "0 of 8 startup trials finished"
    one_finished = StudyView("maximize", running[:1], at_10[1:])
    assert core(n_startup_trials=1).judge(poor(11), one_finished).stop


def test_a_parallel_start_without_any_finished_trial():
    tops = np.random.default_rng(0).permutation(np.linspace(0.2, 0.9, 16))
    running = curves(tops, H)
    stopped, lengths = set(), dict.fromkeys(range(16), 0)
    c = core()
    for n in range(1, H):
        for i in set(range(16)) - stopped:
            lengths[i] = n
            others = [running[j].first(lengths[j]) for j in range(16) if j != i and lengths[j]]
            decision = c.decide(running[i].first(n), StudyView("maximize", [], others))
            assert decision.incumbent is None
            if decision.stop:
                stopped.add(i)
                assert ", P(beat" not in decision.reason
    assert len(stopped) >= 4
    assert int(tops.argmax()) not in stopped
    assert np.mean([tops[i] for i in stopped]) < tops.mean()


def test_nothing_to_compare_with():
    assert core().judge(poor(), StudyView("maximize")).reason == "0 of 1 startup trials finished"
    failed = StudyView("maximize", [Curve(range(1, H + 1), [math.nan] * H, H)], [Curve([], [], H)])
    assert not core().judge(poor(), failed).stop
    assert not core().judge(Curve([1, 2], [math.nan, math.nan], H), view()).stop


# --- what it saves ----------------------------------------------------------------------------------------


@cache
def epochs(preset: str) -> np.ndarray:
    """What a preset needs for five artificial studies of 40 trials, one after another."""
    generator = torch.Generator().manual_seed(2**41)
    studies = sample_studies(3, 40, generator=generator, horizon=30, config=BroadConfig())
    values = torch.nan_to_num(studies.curves.noisy(generator).double(), -1e9, -1e9, -1e9).numpy()
    tasks = [random_task(n_trials=40, n_steps=30, seed=seed) for seed in (1, 2)]
    for i, rows in enumerate(studies.params.tolist()):
        params = tuple({f"p{j}": x for j, x in enumerate(row)} for row in rows)
        tasks.append(Task("tests", f"prior {i}", "maximize", values[i], np.full(40, 30), params))
    found = []
    for task in tasks:
        order = Study(task, task.order(0).tolist(), "best", task.name)
        policy = CorePolicy(core(preset=preset, horizon=30), order)
        found.append(replay(task, 0, 0, policy, workers=1, budget=40 * 30).epochs)
    return np.array(found)


def test_a_bolder_preset_saves_more():
    assert (epochs("safe") < 40 * 30).all()
    assert (epochs("balanced") < epochs("safe")).all()
    assert epochs("bold").sum() < 1.02 * epochs("balanced").sum()


# --- the same everywhere ----------------------------------------------------------------------------------

SCRIPT = """
import json
from tests.test_study_policy import core, poor, view
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
    trials = [curve.first(n) for curve in curves([0.2, 0.5, 0.8], H, seed=5) for n in (3, 11)]
    first = [c.judge(trial, view()) for trial in trials]
    assert first == [pickle.loads(pickle.dumps(c)).judge(trial, view()) for trial in trials[::-1]][::-1]  # noqa: S301
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda trial: c.judge(trial, view()), trials * 3)) == first * 3


def test_the_order_of_other_trials_does_not_matter_much():
    one, other = view(), view()
    other = StudyView("maximize", other.finished[::-1], other.unfinished[::-1])
    assert core().judge(poor(), one).p_top == pytest.approx(core().judge(poor(), other).p_top, abs=1e-5)


def test_what_other_trials_report_beyond_the_cutoff_of_an_unfinished_one_is_nothing_yet():
    shorter = StudyView("maximize", view().finished, [curve.first(5) for curve in view().unfinished])
    assert core().judge(poor(3), shorter).p_top != core().judge(poor(3), view()).p_top


def test_the_users_torch_settings_are_untouched():
    """Run apart: default dtype, device, threads, seeds and autocast belong to the user."""
    code = """
import torch
torch.set_num_threads(2); torch.set_default_dtype(torch.float64); torch.set_default_device("meta")
torch.manual_seed(5); state = torch.get_rng_state()
from tests.test_study_policy import core, poor, view
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


# --- failures ---------------------------------------------------------------------------------------------


class Raising(StudyNetwork):
    def forward(self, features):
        raise RuntimeError("no memory")


class NotANumber(StudyNetwork):
    def forward(self, features):
        standing = super().forward(features)
        return Standing(standing.quantile * math.nan, standing.beats)


class Missing(StudyNetwork):
    @classmethod
    def load(cls, path=None):
        return super().load(Path("nowhere", "study.safetensors"))


@pytest.mark.parametrize(("network", "cause"), [(Raising, "no memory"), (NotANumber, "is not finite")])
def test_a_failing_network_lets_the_trial_go_on_and_is_logged_once(network, cause, caplog, monkeypatch):
    monkeypatch.setattr("lcstop.studies.policy.StudyNetwork", network)
    c = core()
    threads = torch.get_num_threads()
    with caplog.at_level(logging.WARNING, "lcstop"):
        decisions = [c.judge(poor(), view()) for _ in range(5)]
    assert not any(decision.stop for decision in decisions)
    assert decisions[0].reason.startswith("goes on, not judged: ")
    assert len(caplog.records) == 1
    assert cause in caplog.text
    assert torch.get_num_threads() == threads


def test_missing_weights_let_trials_go_on(caplog, monkeypatch):
    monkeypatch.setattr("lcstop.studies.policy.StudyNetwork", Missing)
    c = core()
    with caplog.at_level(logging.WARNING, "lcstop"):
        c.warm_up()
        assert [c.judge(poor(), view()).stop for _ in range(3)] == [False] * 3
    assert len(caplog.records) == 1
    assert "cannot read" in caplog.text


def test_a_surrogate_that_cannot_say_where_a_stopped_trial_would_end_lets_it_go_on(caplog):
    class Broken:
        def forecast(self, curves, at, scale, study=()):
            raise RuntimeError("broken")

    c = PrunerCore(PrunerConfig(horizon=H), Broken())
    with caplog.at_level(logging.WARNING, "lcstop"):
        assert not c.judge(poor(), view()).stop
    assert len(caplog.records) == 1


def test_a_verdict_is_two_probabilities():
    policy = StudyPolicy()
    for n in range(1, H):
        found = policy.verdict(poor(n), view().finished, view().unfinished, "maximize")
        assert isinstance(found, Verdict)
        assert 0 <= found.p_top <= 1
        assert 0 <= found.p_beat <= 1
        assert not found.leads
    assert policy.verdict(poor(), [], [], "maximize") is None


@pytest.mark.parametrize("n", [65, 200])
def test_many_trials(n):
    rng = np.random.default_rng(0)
    others = curves(rng.uniform(0.2, 0.9, n), H)
    study = StudyView("maximize", others[::3], [c.first(8) for i, c in enumerate(others) if i % 3])
    assert core().judge(poor(), study).stop
    assert not core().judge(curves([0.95], H)[0].first(8), study).stop


@pytest.mark.parametrize("target", ["best", "final"])
def test_the_target_chooses_the_incumbent(target):
    overfitted = Curve([*range(1, H + 1)], [0.9, *[0.4] * (H - 1)], H)
    study = StudyView("maximize", [overfitted, *curves([0.3, 0.2], H)])
    decision = core(target=target).judge(poor(4), study)
    assert decision.incumbent == (0.9 if target == "best" else 0.4)
