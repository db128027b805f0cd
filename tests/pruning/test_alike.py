"""Trials that nothing tells apart: the same values so far, or still where all began."""

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView

H = 50


def judge(trial: Curve, *others: Curve, finished=(), **options):
    core = PrunerCore(PrunerConfig(horizon=H, audit=0, **options))
    return core.judge(trial, StudyView("maximize", finished, others))


def converged(trial: Curve, *others: Curve, finished=()):
    core = PrunerCore(PrunerConfig(horizon=H, min_gain=0.01))
    return core.converged(trial, StudyView("maximize", finished, others))


def flat(value: float, n: int) -> Curve:
    return Curve(range(1, n + 1), [value] * n, H)


def rising(leaves_at: int, n: int, value: float = 0.0, top: float = 0.8) -> Curve:
    steps = np.arange(1, n + 1)
    return Curve(steps, value + top * (1 - 0.9 ** np.maximum(steps - leaves_at, 0)), H)


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.7])
@pytest.mark.parametrize("step", [1, 2, 7, 30])
@pytest.mark.parametrize("n", [1, 4, 100])
def test_trials_that_are_exactly_alike_tell_nothing_of_each_other(n, step, value):
    assert not judge(flat(value, step), *[flat(value, step)] * n).stop
    same = rising(0, step)
    assert not judge(same, *[rising(0, step)] * n).stop
    assert not judge(flat(value, step), *[flat(value, min(step + i, H)) for i in range(n)]).stop


def test_dead_trials_stop_once_the_others_rose_long_ago():
    others = [flat(0.1, 25)] * 11 + [rising(2 + i % 3, 25, 0.1) for i in range(9)]
    assert judge(flat(0.1, 25), *others).stop


def test_a_warm_up_in_which_trials_rise_one_after_another():
    others = [flat(0.1, 25)] * 8 + [rising(2 * i, 25, 0.1) for i in range(1, 12)]
    decision = judge(flat(0.1, 25), *others, keep=0.8)  # by its probability alone it would be stopped
    assert not decision.stop
    assert "nothing tells it from the other trials yet" in decision.reason


def test_others_that_are_known_only_later_tell_nothing_yet():
    late = [Curve(range(22, 26), np.linspace(0.5, top, 4), H) for top in (0.6, 0.7, 0.8)]
    assert not judge(rising(0, 2), *late).stop


@pytest.mark.parametrize("n", [1, 20, 50])
def test_results_without_curves_stop_nothing(n):
    results = [Curve([H], [0.5 + 0.3 * i / n], H) for i in range(n)]
    for step in (2, 5, 20):
        assert not judge(rising(0, step, top=0.9), finished=results).stop


def warm_up(top: float, leaves_at: int = 5) -> Curve:
    """At 0.1 for some steps, then rising."""
    return rising(leaves_at, H, 0.1, top)


WORDS = "; nothing tells it from the other trials yet"
"""Said where the forecast alone would have stopped the trial."""


@pytest.mark.parametrize("step", [2, 5])
def test_a_common_start_is_no_reason_for_the_published_rule(step):
    """All report the same until the first validation; those that have ended rose after it."""
    others = [warm_up(top) for top in (0.5, 0.7, 0.8)]
    decision = judge(flat(0.1, step), finished=others, policy="published", surrogate="last_value")
    assert not decision.stop
    assert WORDS in decision.reason


def test_a_common_start_is_no_convergence():
    same = flat(0.1, 20)
    decision = converged(same, *[same] * 3)
    assert not decision.stop
    assert WORDS in decision.reason
    assert not converged(same, finished=[warm_up(top, 25) for top in (0.5, 0.7, 0.8)]).stop
    assert converged(same).stop


def test_what_stays_behind_is_judged_by_its_own_curve():
    others = [warm_up(top) for top in (0.5, 0.7, 0.8)]
    assert judge(flat(0.1, 20), finished=others, policy="published", surrogate="last_value").stop
    assert converged(flat(0.1, 40), finished=others).stop
