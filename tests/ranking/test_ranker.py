"""Policy study: its decisions, and the steps of its judgements."""

import math
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from lcstop import Curve, StudyView
from lcstop.pruning.due import MOMENTS, Moments, moments_of
from lcstop.pruning.thresholds import THRESHOLDS, Thresholds
from lcstop.ranking.numpy_network import QUANTILES, TOP
from lcstop.ranking.ranker import Ranker
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import replay
from lcstop.simulation.task import ReplayStudy, Task
from tests.ranking.study_trials import KEEPS, TOPS, H, core, curves, poor, view
from tests.simulation.replay_tasks import random_task

# --- what it decides ----------------------------------------------------------------------------------------


def test_a_hopeless_trial_is_stopped_and_the_reason_says_why():
    decision = core().judge(poor(), view())
    assert decision.stop
    assert 0 <= decision.p_top < 0.1
    assert 0 <= decision.p_beat < 0.1
    assert decision.incumbent == pytest.approx(0.89, abs=0.02)
    low, high = decision.interval
    assert low < decision.median < high
    assert decision.scale is not None
    assert re.fullmatch(
        r"stopped at step \d+ of 20: under \S+ % chance to become the best \(needs \S+ %\), "
        r"predicted 0\.\d+ \[0\.\d+, 0\.\d+\], best so far 0\.\d+",
        decision.reason,
    ), decision.reason


def test_what_goes_on_is_not_forecast():
    decision = core().judge(curves([0.95], H, seed=2)[0].prefix(6), view())
    assert not decision.stop
    assert 0.05 < decision.p_top < 1
    assert decision.median is decision.interval is decision.scale is None


def test_hyperparameters_are_compared_where_the_options_say_so():
    plain = poor()
    other = Curve(plain.steps, plain.values, plain.horizon, params={"top": 0.99, "opt": "sgd"})
    without = core(use_params=False)
    assert without.judge(plain, view()) == without.judge(other, view())
    assert core().judge(plain, view()).p_top < core().judge(other, view()).p_top


def test_hyperparameters_speak_for_a_trial_and_never_against_it():
    policy, trial, study = Ranker(), poor(), view()
    others = study.finished, study.unfinished, study.direction
    blind = policy.rank(trial, *others, use_params=False)
    assert not blind.has_params
    seen = []
    for top in (0.02, 0.5, 0.99):
        told = Curve(trial.steps, trial.values, trial.horizon, params={"top": top, "opt": "sgd"})
        found = policy.rank(told, *others)
        assert found.has_params
        assert found.p_top > blind.p_top - 1e-6
        assert found.p_beat > blind.p_beat - 1e-6
        seen.append(found.p_top)
    assert seen[-1] > 1.2 * blind.p_top
    nameless = StudyView("maximize", *([replace(c, params=None) for c in part] for part in others[:2]))
    alone = replace(trial, params=None)
    assert policy.rank(alone, nameless.finished, nameless.unfinished, "maximize") == blind


def test_more_is_asked_of_the_higher_of_two_probabilities():
    balanced = THRESHOLDS["balanced"]
    assert balanced.at(0.1, 0.95, 0, has_params=True) == pytest.approx(1.4 * balanced.at(0.1, 0.95, 0))


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
    assert core(patience=1).judge(trial.prefix(12), view()).stop
    due = [n for n in range(1, 20) if core().question(trial.prefix(n))]
    stops = [n for n in due if core(patience=3).decide(trial.prefix(n), view()).stop]
    first = next(i for i, n in enumerate(due) if core().judge(trial.prefix(n), view()).stop)
    assert stops[0] == due[first + 2]
    assert (
        core(patience=3)
        .judge(trial.prefix(due[first + 1]), view())
        .reason.endswith("; 2 of 3 judgements in a row say stop")
    )


def test_confidence_is_a_factor_of_odds():
    thresholds = Thresholds(initial=0.05, slope=0.1, maximum=0.1)
    assert thresholds.at(0.0, 0.95, 0) == pytest.approx(0.05)
    assert thresholds.at(0.2, 0.95, 0) == pytest.approx(0.07)
    assert thresholds.at(0.9, 0.95, 0) == pytest.approx(0.1)
    doubled = 2 * 0.07 / 0.93
    assert thresholds.at(0.2, 0.9, 0) == pytest.approx(doubled / (1 + doubled))
    assert thresholds.at(0.9, 1e-9, 0, has_params=True) < 1
    trial = curves([0.55], H, seed=1)[0].prefix(6)
    p = core(preset="balanced").judge(trial, view()).p_top
    asked = THRESHOLDS["balanced"].at(6 / H, 0.95, 0, has_params=True)
    factor = p / (1 - p) / (asked / (1 - asked))
    assert core(preset="balanced", confidence=1 - 0.05 * factor * 1.01).judge(trial, view()).stop
    assert not core(preset="balanced", confidence=1 - 0.05 * factor * 0.99).judge(trial, view()).stop


def test_a_live_decision_is_what_explain_shows_to_the_digit():
    n_stops = 0
    for seed in range(10):
        rng, judge = np.random.default_rng(seed), core()
        *others, trial = curves(rng.uniform(0.3, 0.9, 13), H, seed)
        study = StudyView("maximize", others[:6], [curve.prefix(3 + i) for i, curve in enumerate(others[6:])])
        for n in range(1, H):
            if judge.question(trial.prefix(n)):
                live = judge.decide(trial.prefix(n), study)
                assert live == judge.judge(trial.prefix(n), study)
                n_stops += live.stop
    assert n_stops > 5


# --- when it judges -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dial", [{"keep": "safe"}, {"keep": 0.2}, {"preset": "safe"}, {"confidence": 0.9}])
@pytest.mark.parametrize("horizon", [1, 2, 7, 50, 1000])
@pytest.mark.parametrize("min_steps", [1, 2, 5])
def test_the_first_judgement_is_not_before_the_schedule_nor_min_steps(dial, horizon, min_steps):
    if min_steps > max(horizon, 2):
        return
    c = core(horizon=horizon, min_steps=min_steps, **dial)
    moments = moments_of(c.config)
    assert (moments == MOMENTS) == ("keep" in dial)
    trial = Curve(range(1, horizon + 1), np.linspace(0, 1, horizon), horizon)
    due = [n for n in range(1, horizon + 1) if c.question(trial.prefix(n))]
    first = max(min_steps, math.ceil(moments.first_share * horizon - 1e-6))
    assert due[:1] == ([first] if first < horizon else [])
    counts = [moments.n_judgements(n / horizon) for n in due]
    assert counts == sorted(set(counts))
    assert len(due) <= moments.n_judgements(1.0)
    # A skipped step is judged at the next report.
    sparse = (
        trial if horizon < 50 else Curve(range(7, horizon + 1, 7), np.linspace(0, 1, horizon // 7), horizon)
    )
    found = [
        moments.n_judgements(sparse.steps[n - 1] / horizon)
        for n in range(1, len(sparse) + 1)
        if c.question(sparse.prefix(n))
    ]
    assert found == sorted(set(found))


@pytest.mark.parametrize(("first", "ratio"), [(0.02, 1.6), (0.03, 1.6), (0.05, 2), (0.1, 3), (0.01, 1.1)])
def test_rounding_puts_no_judgement_off(first, ratio):
    moments = Moments(first, ratio)
    shares = [first * ratio**k for k in range(20)]
    assert [moments.n_judgements(share) for share in shares] == [*range(1, 21)]
    assert [moments.n_judgements(share * (1 - 1e-6)) for share in shares] == [*range(20)]


def test_the_names_of_keep_and_the_presets_are_ordered():
    kept = [core(keep=name).config.keep_probability for name in KEEPS]
    assert kept == sorted({*kept}, reverse=True)
    for share in (0.05, 0.2, 0.5, 1.0):
        thresholds = [THRESHOLDS[name].at(share, 0.95, 0) for name in KEEPS]
        assert thresholds == sorted(thresholds)


def test_startup_trials_have_come_as_far():
    running = curves(TOPS, H)
    at_10 = [curve.prefix(10) for curve in running]
    assert core(n_startup_trials=8).judge(poor(10), StudyView("maximize", [], at_10)).stop
    decision = core(n_startup_trials=8).judge(poor(11), StudyView("maximize", [], at_10))
    assert not decision.stop
    assert decision.reason == "0 of 8 startup trials completed"
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
            others = [running[j].prefix(lengths[j]) for j in range(16) if j != i and lengths[j]]
            decision = c.decide(running[i].prefix(n), StudyView("maximize", [], others))
            assert decision.incumbent is None
            if decision.stop:
                stopped.add(i)
                assert "best so far" not in decision.reason
    assert len(stopped) >= 4
    assert int(tops.argmax()) not in stopped
    assert np.mean([tops[i] for i in stopped]) < tops.mean()


def test_the_shares_that_the_network_tells_apart_ascend():
    assert list(QUANTILES) == sorted({share for share in QUANTILES if 0 < share < 1})
    assert TOP in QUANTILES


def test_nothing_to_compare_with():
    assert core().judge(poor(), StudyView("maximize")).reason == "0 of 1 startup trials completed"
    failed = StudyView("maximize", [Curve(range(1, H + 1), [math.nan] * H, H)], [Curve([], [], H)])
    assert not core().judge(poor(), failed).stop
    assert not core().judge(Curve([1, 2], [math.nan, math.nan], H), view()).stop


# --- what it saves ------------------------------------------------------------------------------------------


@cache
def epochs(keep: str) -> np.ndarray:
    """Steps that a value of ``keep`` runs in five artificial studies of 40 sequential trials."""
    import torch

    from lcstop.priors.broad import BroadConfig
    from lcstop.priors.study import sample_studies

    generator = torch.Generator().manual_seed(2**41)
    studies = sample_studies(3, 40, generator=generator, horizon=30, config=BroadConfig())
    values = torch.nan_to_num(studies.curves.noisy(generator).double(), -1e9, -1e9, -1e9).numpy()
    tasks = [random_task(n_trials=40, n_steps=30, seed=seed) for seed in (1, 2)]
    for i, rows in enumerate(studies.params.tolist()):
        params = tuple({f"p{j}": x for j, x in enumerate(row)} for row in rows)
        tasks.append(Task("tests", f"prior {i}", "maximize", values[i], np.full(40, 30), params))
    found = []
    for task in tasks:
        order = ReplayStudy(task, task.order(0).tolist(), "best", task.name)
        policy = CorePolicy(core(keep=keep, horizon=30), order)
        found.append(replay(task, 0, 0, policy, workers=1, budget=40 * 30).epochs)
    return np.array(found)


@pytest.mark.torch
def test_who_keeps_less_saves_more():
    assert (epochs("safe") < 40 * 30).all()
    assert (epochs("balanced") < epochs("safe")).all()
    assert (epochs("bold") < epochs("balanced")).all()
