"""Tests of ``keep``: a trial is stopped when it will hardly become the best, within what may be spent."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.thresholds import best_threshold
from lcstop.pruning.trial_table import TrialTable
from lcstop.ranking.numpy_network import QUANTILES, best_of
from lcstop.ranking.ranker import Ranker

N = 50
CORE = PrunerCore(PrunerConfig(horizon=N, keep=0.8, n_trials=40, audit=0))


def curve(end: float, n: int = N) -> Curve:
    return Curve(range(1, n + 1), [end - 0.5 * 0.8**i for i in range(n)], horizon=N)


def view(spent: float = 0.0) -> StudyView:
    ends = np.linspace(0.5, 0.9, 12)
    return StudyView("maximize", finished=[curve(end) for end in ends], spent=spent)


def test_a_poor_trial_is_stopped_and_a_good_one_is_not():
    poor, good = CORE.judge(curve(0.45, 12), view()), CORE.judge(curve(0.89, 12), view())
    assert poor.stop
    assert not good.stop
    assert poor.p_best < poor.threshold < good.p_best
    assert "chance to become the best (needs " in poor.reason


def test_a_stop_that_would_overspend_is_not_made():
    trial, p = curve(0.45, 12), CORE.judge(curve(0.45, 12), view()).p_best
    assert CORE.judge(trial, view(spent=0.1)).stop
    assert not CORE.judge(trial, view(spent=0.2 - p / 2)).stop
    assert not CORE.judge(trial, view(spent=0.3)).stop


def test_more_planned_trials_make_each_less_likely_to_be_the_best():
    trial = curve(0.88, 4)
    few, many = (
        PrunerCore(PrunerConfig(horizon=N, keep=0.8, n_trials=n, audit=0)).judge(trial, view()).p_best
        for n in (15, 150)
    )
    assert few > 2 * many


@pytest.mark.parametrize(("n_known", "n_assumed"), [(2, 30), (13, 30), (20, 40)])
def test_without_a_number_twice_the_known_trials_are_assumed_and_at_least_thirty(n_known, n_assumed):
    trial, others = curve(0.6, 12), [curve(end) for end in np.linspace(0.5, 0.9, n_known - 1)]
    study = StudyView("maximize", finished=others, n_ended=len(others))
    told = PrunerCore(PrunerConfig(horizon=N, keep=0.8, n_trials=n_assumed)).judge(trial, study)
    assert PrunerCore(PrunerConfig(horizon=N, keep=0.8)).judge(trial, study) == told


def test_a_number_that_the_study_has_exceeded_is_ignored():
    trial, many = curve(0.6, 12), StudyView("maximize", [curve(end) for end in np.linspace(0.5, 0.9, 50)])
    for study, n_told in ((view(), 5), (view(), 12), (many, 40)):
        told = PrunerCore(PrunerConfig(horizon=N, keep=0.8, n_trials=n_told)).judge(trial, study)
        assert told == PrunerCore(PrunerConfig(horizon=N, keep=0.8)).judge(trial, study)
    last = PrunerCore(PrunerConfig(horizon=N, keep=0.8, n_trials=13)).judge(trial, view())
    assert last.threshold > PrunerCore(PrunerConfig(horizon=N, keep=0.8)).judge(trial, view()).threshold


def test_the_record_keeps_what_a_stop_spends():
    decision = CORE.judge(curve(0.45, 12), view())
    record = JudgementRecord.from_json(decision.record(3).to_json())
    assert record is not None
    assert record.p_best == record.probability == decision.p_best
    other = dataclasses.replace(decision, p_best=0.5, p_top=0.3)
    assert other.as_recorded(record).p_best == decision.p_best
    assert other.as_recorded(record).p_top == 0.3


def test_the_table_sums_what_the_other_stops_have_spent():
    table = TrialTable()
    for i, p in enumerate((0.01, 0.02, 0.0, 0.04)):
        table.set(i, "stopped", curve(0.5, 5), stop=JudgementRecord(5.0, "stop", p_best=p))
    copy = table.copy()
    copy.set(0, "running", curve(0.5, 6))
    assert table.study_view("maximize", None, None).spent == pytest.approx(0.07)
    assert table.study_view("maximize", "1", 1).spent == pytest.approx(0.05)
    assert copy.study_view("maximize", None, None).spent == pytest.approx(0.06)


def test_the_threshold_follows_the_cost_of_waiting_and_what_is_left():
    assert best_threshold(0.02, 0.2, 40) < best_threshold(0.1, 0.2, 40) < best_threshold(0.4, 0.2, 40)
    assert best_threshold(0.4, 0.1, 40) == pytest.approx(best_threshold(0.4, 0.2, 40) / 2)
    assert best_threshold(0.4, 0.1, 1) == 0.1
    assert best_threshold(0.4, -0.1, 40) == 0


def test_the_best_of_n_is_the_mean_of_the_power_of_the_share_beaten():
    shares = np.random.default_rng(0).dirichlet(np.ones(len(QUANTILES) + 1))
    borders = np.array([0.0, *QUANTILES, 1.0])
    u = (np.arange(20_000) + 0.5) / 20_000
    drawn = borders[:-1, None] + u * np.diff(borders)[:, None]
    assert best_of(shares, 30) == pytest.approx(float(shares @ (drawn**29).mean(1)), rel=1e-6)
    assert best_of(shares, 1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": 1.0}, "keep"),
        ({"keep": 0.9, "policy": "published"}, "policy"),
        ({"keep": "sfae"}, "keep: no such name, got 'sfae'; did you mean 'safe'"),
        (
            {"keep": 0.9, "preset": "safe"},
            "keep replaces preset, leave preset out: got keep=0.9, preset='safe'",
        ),
        ({"keep": "balanced", "preset": "safe"}, "keep replaces preset"),
        (
            {"n_trials": 30, "preset": "safe"},
            "n_trials is used with keep only, got n_trials=30, preset='safe'",
        ),
        ({"n_trials": 30, "policy": "published"}, "n_trials is used with keep only"),
        ({"n_trials": 30, "confidence": 0.9}, "n_trials is used with keep only"),
        ({"keep": 0.9, "n_trials": 0}, "n_trials"),
    ],
)
def test_contradicting_options_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        PrunerConfig(horizon=N, **options)


def test_confidence_is_refused_where_keep_leaves_it_nothing_to_do():
    with pytest.raises(
        ValueError, match=r"keep replaces confidence, leave .*: got keep=0\.8, confidence=0\.9"
    ):
        PrunerConfig(horizon=50, keep=0.8, confidence=0.9)
    assert PrunerConfig(horizon=50, keep=0.8, confidence=0.9, min_gain=0.01).confidence == 0.9


def test_p_best_follows_the_hyperparameters_of_the_other_trials():
    def told(end: float, n: int = N) -> Curve:
        return Curve(curve(end, n).steps, curve(end, n).values, N, {"lr": end, "seed": "a"})

    finished = [told(end) for end in np.linspace(0.3, 0.9, 16)]
    alike = Curve(range(1, 4), [0.2, 0.2, 0.2], N)
    low, high = (
        Ranker().rank(Curve(alike.steps, alike.values, N, {"lr": lr}), finished, [], "maximize")
        for lr in (0.32, 0.88)
    )
    assert low is not None
    assert high is not None
    assert high.p_best(40) > 2 * low.p_best(40)
