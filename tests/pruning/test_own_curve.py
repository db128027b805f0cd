"""What a trial's own curve says of its end counts beside its rank."""

import math

import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.pruning.own_curve import p_beat_by_curve
from lcstop.ranking.ranker import LARGE_REMAINING_GAIN, Ranker
from lcstop.surrogates import load_surrogate

N = 50
STEPS = range(1, N + 1)


def saturating(end: float, speed: float, n: int = N, sign: int = 1) -> Curve:
    return Curve(range(1, n + 1), [sign * end * (1 - math.exp(-i / speed)) for i in range(1, n + 1)], N)


def study(sign: int = 1) -> StudyView:
    ends = (0.9, 0.85, 0.8, 0.88, 0.7, 0.6)
    return StudyView(
        "maximize" if sign > 0 else "minimize", finished=[saturating(end, 8, sign=sign) for end in ends]
    )


def ranking(trial: Curve):
    found = Ranker().rank(trial, study().finished, [], "maximize")
    assert found is not None
    return found


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("target", ["best", "final"])
def test_a_flat_curve_promises_less_than_a_rising_one(target, sign):
    flat, rising = saturating(0.6, 3, n=20, sign=sign), saturating(1.2, 30, n=20, sign=sign)
    surrogate = load_surrogate()
    low, high = (p_beat_by_curve(trial, study(sign), target, surrogate) for trial in (flat, rising))
    assert 0 <= low < 0.1 < high <= 1


def test_without_a_value_to_beat_or_at_the_horizon_nothing_is_forecast():
    surrogate = load_surrogate()
    assert p_beat_by_curve(saturating(0.5, 8), study(), "best", surrogate) is None
    running = StudyView("maximize", unfinished=[saturating(0.9, 8, n=10)])
    assert p_beat_by_curve(saturating(0.5, 8, n=5), running, "final", surrogate) is None
    assert p_beat_by_curve(saturating(0.5, 8, n=5), running, "best", surrogate) < 0.9


def test_the_chance_to_become_the_best_follows_the_curve():
    found = ranking(saturating(0.6, 8, n=10))._replace(remaining_gain=1.0)
    chances = [found.p_best(40, p) for p in (0.0, 0.05, 0.2, 0.5, 1.0)]
    assert chances[0] == chances[1] == chances[2] < chances[3] < chances[4]
    assert chances[0] < 0.7 * found.p_best(40)
    assert chances[-1] > 1.5 * found.p_best(40)


def test_the_curve_counts_for_less_where_much_is_to_come():
    found = ranking(saturating(0.6, 8, n=10))
    gains = [1.0, LARGE_REMAINING_GAIN, 10.0, math.inf]
    chances = [found._replace(remaining_gain=gain).p_best(40, 0.001) for gain in gains]
    assert chances[0] == chances[1] < chances[2] < chances[3] == found.p_best(40)


def test_the_surrogate_of_the_words_changes_no_decision():
    trials = [saturating(end, 8, n=n) for end in (0.4, 0.6, 0.8) for n in (5, 15, 30)]
    default, other = (
        [PrunerCore(PrunerConfig(horizon=N, surrogate=name)).judge(trial, study()) for trial in trials]
        for name in ("lcpfn", "last_value")
    )
    assert [(one.stop, one.p_best) for one in default] == [(one.stop, one.p_best) for one in other]
    assert any(one.stop for one in default)


def test_a_curve_is_forecast_only_where_it_can_change_the_verdict(monkeypatch):
    core = PrunerCore(PrunerConfig(horizon=N))
    asked = []
    monkeypatch.setattr("lcstop.pruning.core.p_beat_by_curve", lambda *_: asked.append(1))
    assert not core.judge(saturating(0.89, 8, n=15), study()).stop
    assert not asked
    assert core.judge(saturating(0.3, 8, n=15), study()).stop
    assert asked
