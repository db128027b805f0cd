"""What a trial's own curve says of its end counts beside its rank."""

import math

import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.pruning.own_curve import forecast_own_curve, value_to_beat
from lcstop.ranking.ranker import LARGE_REMAINING_GAIN, Ranker
from lcstop.surrogates import load_surrogate
from lcstop.surrogates.lcpfn import LCPFN

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


@pytest.fixture
def n_forecasts(monkeypatch):
    """Number of forecasts of LC-PFN so far."""
    calls, forecast = [], LCPFN.unit_forecast
    monkeypatch.setattr(LCPFN, "unit_forecast", lambda *given: (calls.append(1), forecast(*given))[1])
    return lambda: len(calls)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_flat_curve_promises_less_than_a_rising_one(sign):
    flat, rising = saturating(0.6, 3, n=20, sign=sign), saturating(1.2, 30, n=20, sign=sign)
    others, surrogate = study(sign), load_surrogate()
    found = [forecast_own_curve(trial, others, surrogate) for trial in (flat, rising)]
    low, high = (own_curve.p_beat(value_to_beat(flat, others, "best")) for own_curve in found)
    assert 0 <= low < 0.1 < high <= 1


def test_the_value_to_beat_is_that_of_a_trial_that_has_finished_if_there_is_one():
    trial, ahead = saturating(0.5, 8, n=5), saturating(2.0, 8, n=10)
    finished = study().finished
    assert value_to_beat(trial, StudyView("maximize", finished, [ahead]), "best") == finished[0].values[-1]
    assert value_to_beat(trial, StudyView("maximize", unfinished=[ahead]), "best") == ahead.values[-1]
    assert value_to_beat(trial, StudyView("maximize", unfinished=[ahead]), "final") is None


def test_the_chance_to_become_the_best_follows_the_curve():
    found = ranking(saturating(0.6, 8, n=10))._replace(remaining_gain=1.0)
    chances = [found.with_curve(0.1, p) for p in (0.0, 0.05, 0.2, 0.5, 1.0)]
    assert chances[0] == chances[1] == chances[2] < chances[3] < chances[4]
    assert chances[0] < 0.07 < 0.15 < chances[-1]


def test_the_curve_counts_for_less_where_much_is_to_come():
    found = ranking(saturating(0.6, 8, n=10))
    gains = [1.0, LARGE_REMAINING_GAIN, 10.0, math.inf]
    chances = [found._replace(remaining_gain=gain).with_curve(0.1, 0.001) for gain in gains]
    assert chances[0] == chances[1] < chances[2] < chances[3] == pytest.approx(0.1)


def test_the_surrogate_of_the_words_changes_no_decision():
    trials = [saturating(end, 8, n=n) for end in (0.4, 0.6, 0.8) for n in (5, 15, 30)]
    default, other = (
        [PrunerCore(PrunerConfig(horizon=N, surrogate=name)).judge(trial, study()) for trial in trials]
        for name in ("lcpfn", "last_value")
    )
    assert [(one.stop, one.p_best) for one in default] == [(one.stop, one.p_best) for one in other]
    assert any(one.stop for one in default)


def test_a_curve_is_forecast_once_and_only_where_it_can_change_the_verdict(n_forecasts):
    core = PrunerCore(PrunerConfig(horizon=N))
    assert not core.judge(saturating(0.89, 8, n=15), study()).stop
    assert n_forecasts() == 0
    decision = core.judge(saturating(0.3, 8, n=15), study())
    assert decision.stop
    assert decision.median is not None
    assert n_forecasts() == 1


def test_a_trial_that_may_not_be_forecast_is_judged_by_ranks(monkeypatch, caplog):
    trial = saturating(0.3, 8, n=15)

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(LCPFN, "unit_forecast", fail)
    decision = PrunerCore(PrunerConfig(horizon=N)).judge(trial, study())
    assert decision.stop
    assert decision.p_best == ranking(trial).p_best(30)
    assert len(caplog.records) == 1
