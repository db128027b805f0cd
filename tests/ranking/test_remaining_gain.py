"""The remaining gain: thresholds are lower where the order of the trials may still change."""

import math

import numpy as np
import pytest

from lcstop import Curve, StudyView
from lcstop.ranking.ranker import MAX_UNKNOWN_GAIN, Ranker, _quantile
from tests.ranking.study_trials import H, core


def late(top: float) -> Curve:
    """Nearly constant up to step 15, where the learning rate falls. A higher end follows a lower start."""
    steps = np.arange(1, H + 1)
    return Curve(steps, np.where(steps <= 15, 0.1 + 0.001 * steps - 0.02 * top, top), H)


def test_what_is_to_come_is_what_finished_trials_gained_in_units_of_the_spread():
    steps = np.arange(1.0, 11)
    finished = [Curve(steps, a * steps, 10) for a in (0.1, 0.2, 0.4)]
    trial = Curve(steps[:4], 0.3 * steps[:4], 10)
    low, high = np.quantile([0.4, 0.8, 1.6, 1.2], [0.1, 0.9])
    found = Ranker().rank(trial, finished, [], "maximize").remaining_gain
    assert found == pytest.approx(0.2 * 6 / (high - low))
    # A stopped trial counts by its value at that step, not by its later values.
    stopped = Curve(steps[:6], 9.0 * steps[:6], 10)
    low, high = np.quantile([0.4, 0.8, 1.6, 1.2, 36], [0.1, 0.9])
    found = Ranker().rank(trial, finished, [stopped], "maximize").remaining_gain
    assert found == pytest.approx(0.2 * 6 / (high - low))


def test_quantiles_are_those_of_numpy():
    rng = np.random.default_rng(0)
    for n in range(1, 66):
        values = np.sort(rng.normal(size=n))
        for q in (0.1, 0.5, 0.9):
            assert _quantile(values, q) == np.quantile(values, q)


def test_nothing_is_to_come_after_the_best_value():
    steps = np.arange(1.0, 11)
    finished = [Curve(steps, np.where(steps < 4, steps, -steps), 10)]
    trial = Curve(steps[:4], [1.0, 0.5, 0.2, 0.1], 10)
    assert Ranker().rank(trial, finished, [], "maximize").remaining_gain == 0
    diverged = [Curve(steps, [math.nan] * 10, 10), Curve(steps, np.append(math.inf, steps[1:]), 10)]
    assert math.isfinite(Ranker().rank(trial, [*finished, *diverged], [], "maximize").remaining_gain)


def test_less_is_asked_where_much_is_to_come():
    study = StudyView("maximize", [late(top) for top in (0.3, 0.5, 0.6, 0.7, 0.9)])
    winner = late(0.95)
    for n in range(2, 16):
        assert not core().judge(winner.prefix(n), study).stop
        decision = core(preset="balanced").judge(winner.prefix(n), study)
        assert not decision.stop
        assert "; threshold lowered, since trials may still gain " in decision.reason
    decision = core(preset="balanced").judge(late(0.2).prefix(16), study)
    assert decision.stop
    assert "threshold lowered" not in decision.reason


def test_trials_that_are_all_alike_so_far_are_never_stopped():
    steps = np.arange(1, H + 1)
    level = [Curve(steps, np.where(steps < 10, 0.1, top), H) for top in (0.3, 0.6, 0.9)]
    study = StudyView("maximize", level[1:])
    assert not core(keep=1e-6).judge(level[0].prefix(9), study).stop
    decision = core(preset="balanced", confidence=1e-6).judge(level[0].prefix(9), study)
    assert not decision.stop
    assert "; threshold lowered, since trials may still gain inf times their spread" in decision.reason


def test_before_a_trial_has_finished_it_is_guessed_from_the_last_doubling_of_the_steps():
    def verdict(curve, others):
        return Ranker().rank(curve, [], others, "maximize")

    def levels(n, gain):  # 1, 2, 3 and 5 at step 8 of 32; each has gained as much since step 4
        steps = np.arange(1, n + 1)
        return [Curve(steps, top + gain * np.log2(steps / 8), 32) for top in (1.0, 2.0, 3.0, 5.0)]

    low, high = np.quantile([1, 2, 3, 5], [0.1, 0.9])
    trial, *others = levels(8, gain=0.3)
    # Two doublings are left.
    assert verdict(trial, others).remaining_gain == pytest.approx(4 * 2 * 0.3 / (high - low))
    # Gains at other steps, of stopped trials or of trials that are farther, do not count.
    elsewhere = [levels(5, gain=9.0)[0], *levels(12, gain=0.3)]
    low, high = np.quantile([1, 2, 3, 5] * 2, [0.1, 0.9])
    assert verdict(trial, others + elsewhere).remaining_gain == pytest.approx(4 * 2 * 0.3 / (high - low))
    falling, *others = levels(8, gain=-0.3)
    assert verdict(falling, others).remaining_gain == 0
    # It is at most 4, also at the first report. The threshold is then at least half of the usual one.
    steep, *others = levels(8, gain=30.0)
    assert verdict(steep, others).remaining_gain == MAX_UNKNOWN_GAIN == 4
    assert verdict(steep.prefix(1), others).remaining_gain == MAX_UNKNOWN_GAIN
    decision = core(preset="balanced").judge(steep, StudyView("maximize", [], others))
    assert "; threshold lowered, since trials may still gain 4 times their spread" in decision.reason
