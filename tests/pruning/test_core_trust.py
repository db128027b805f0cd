"""PrunerCore: winners that it must not stop, failures that it must survive, determinism."""

import logging
import math
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.pruning.convergence import GainEvidence
from lcstop.pruning.due import MOMENTS
from lcstop.pruning.evidence import Evidence
from lcstop.pruning.suppressed_stop import AuditedTrial
from lcstop.pruning.thresholds import THRESHOLDS
from lcstop.ranking.grid import align
from tests.conftest import NormalSurrogate
from tests.pruning.test_core import GOOD, STUDY, H, core, curve
from tests.ranking.study_trials import H as H_OF_STUDY
from tests.ranking.study_trials import poor, view


class Broken:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def forecast(self, curves, at, scale, study=()):
        if self.error:
            raise self.error
        forecast = NormalSurrogate().forecast(curves, at, scale)
        forecast.bars.log_mass[:] = np.nan
        return forecast


@pytest.mark.parametrize("surrogate", [Broken(RuntimeError("no memory")), Broken()])
def test_a_failing_forecast_lets_the_trial_go_on_and_is_logged_once(surrogate, caplog):
    c = core(surrogate)
    with caplog.at_level(logging.WARNING, "lcstop"):
        decisions = [c.decide(curve(0.1, 0.1, 0.1), STUDY) for _ in range(5)]
    assert not any(d.stop for d in decisions)
    assert decisions[0].reason.startswith("goes on, not judged: ")
    assert len(caplog.records) == 1


class BrokenForecast:
    """Stands in for a surrogate that fails, or whose quantiles are NaN."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    def forecast(self, curves, at, scale, study=()):
        if self.error is not None:
            raise self.error
        return self

    def __getitem__(self, index):
        return self

    def prob_better(self, value):
        return np.zeros((1, 1))  # surely not better

    def quantile(self, q):
        return np.full((3, 1, 1), np.nan)


@pytest.mark.parametrize("audit", [0.0, 1.0])
@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("error", [RuntimeError("no memory"), None])
def test_a_stop_stands_although_its_forecast_fails(error, shadow, audit, caplog):
    """Policy study: the forecast only words the decision."""
    options = {"horizon": H_OF_STUDY, "audit": audit, "shadow": shadow}
    study = replace(view(), judged="7", n_stopped=99)
    expected = PrunerCore(PrunerConfig(**options)).judge(poor(), study)
    assert expected.would_stop
    c = PrunerCore(PrunerConfig(**options), BrokenForecast(error))
    with caplog.at_level(logging.WARNING, "lcstop"):
        found = [c.judge(poor(), study) for _ in range(3)][-1]
    assert found.stop == expected.stop
    assert found.suppressed_by == expected.suppressed_by
    assert (found.p_top, found.p_beat) == (expected.p_top, expected.p_beat)
    assert found.median is found.interval is None
    assert "no forecast: " in found.reason
    assert len(caplog.records) == 1


def test_a_published_stop_stands_although_its_quantiles_are_nan(caplog):
    with caplog.at_level(logging.WARNING, "lcstop"):
        decision = core(BrokenForecast(None)).decide(curve(0.1, 0.1, 0.1), STUDY)
    assert decision.stop
    assert decision.p_beat == 0
    assert decision.median is None
    assert "no forecast: " in decision.reason
    assert len(caplog.records) == 1


def test_a_converged_trial_ends_although_its_quantiles_are_nan():
    config = PrunerConfig(horizon=H, min_gain=0.01)
    decision = PrunerCore(config, BrokenForecast(None)).converged(curve(0.5, 0.5, 0.5), STUDY)
    assert decision.stop
    assert decision.converged
    assert "no forecast: " in decision.reason


@pytest.mark.parametrize("direction", ["max", "Maximize", "", None])
def test_a_study_view_refuses_what_is_no_direction(direction):
    with pytest.raises(ValueError, match="direction must be 'maximize' or 'minimize', got "):
        StudyView(direction)


def test_a_trial_goes_on_where_no_memory_is_left_to_say_why():
    with mock.patch("lcstop.pruning.core.Decision", side_effect=MemoryError):
        decision = core().decide(curve(0.5, -3.0, 0.6), STUDY)
    assert not decision.stop
    assert decision.reason == "goes on, not judged: MemoryError"


def test_a_value_outside_the_bounds_concerns_its_own_trial_alone(caplog):
    with caplog.at_level(logging.WARNING, "lcstop"):
        decision = core().decide(curve(0.5, -3.0, 0.6), STUDY)
    assert not decision.stop
    assert "a value outside the bounds lower=0, upper=1: -3" in decision.reason
    percent = curve(50.0, 93.0)
    study = StudyView("maximize", finished=[GOOD, percent], unfinished=[percent])
    assert core().decide(curve(0.3, 0.4, 0.5), study) == core().decide(curve(0.3, 0.4, 0.5), STUDY)


@pytest.mark.parametrize("ratio", [10, 1e3, 1e6])
@pytest.mark.parametrize("bounds", [{"lower": None, "upper": None}, {"lower": 0, "upper": None}])
@pytest.mark.parametrize("policy", ["study", "published"])
def test_half_the_loss_of_the_incumbent_at_every_step_is_never_stopped(ratio, bounds, policy):
    """Near a bound the difference may be less than a bin of the forecast if the scale is too coarse."""
    horizon = 50
    steps = np.arange(1, horizon + 1)
    incumbent = ratio * steps ** (-np.log(ratio) / np.log(horizon))  # a power law down to 1
    done = Curve(steps, incumbent, horizon)
    c = PrunerCore(PrunerConfig(horizon=horizon, policy=policy, **bounds))
    study = StudyView("minimize", finished=[done])
    for n in (5, 10, 20, 40):
        assert not c.judge(Curve(steps[:n], incumbent[:n] / 2, horizon), study).stop


@pytest.mark.parametrize("noise", [0.0, 1e-5, 2e-3])
@pytest.mark.parametrize("steps_between", [1, 5])
@pytest.mark.parametrize("policy", ["study", "published"])
def test_a_first_trial_that_never_learned_does_not_stop_those_that_do(noise, steps_between, policy):
    """Its flat curve must not set the scale of other trials."""
    horizon, rng = 20, np.random.default_rng(0)
    dead = Curve(range(1, horizon + 1), 2.3026 + noise * rng.standard_normal(horizon), horizon)
    c = PrunerCore(PrunerConfig(horizon=horizon, policy=policy, interval_steps=steps_between))
    values = 0.4 + 2.4 * np.exp(-np.arange(horizon) / 4)  # starts worse than the dead trial
    for n in range(1, horizon):
        assert not c.decide(Curve(range(1, n + 1), values[:n], horizon), StudyView("minimize", [dead])).stop


@pytest.mark.parametrize("top", [0.99, 0.998, 0.9995])
@pytest.mark.parametrize("policy", ["study", "published"])
def test_a_winner_near_the_bound_of_accuracy_is_not_stopped(top, policy):
    horizon = 50
    steps = np.arange(1, horizon + 1)

    def rising(to: float, n: int) -> Curve:
        return Curve(steps[:n], (to - 0.9 * np.exp(-steps / 3))[:n], horizon)

    c = PrunerCore(PrunerConfig(horizon=horizon, policy=policy, lower=0, upper=1))
    study = StudyView("maximize", finished=[rising(top, horizon)])
    for n in (5, 10, 20, 40):
        assert not c.judge(rising(top + (1 - top) / 2, n), study).stop


def test_the_prediction_in_words_stays_within_the_bounds():
    decision = core(NormalSurrogate(sigma=0.3)).decide(curve(0.7, 0.8, 0.89), STUDY)
    assert decision.interval[1] == 1.0


def test_decisions_are_the_same_after_pickling_and_in_any_order():
    c = PrunerCore(PrunerConfig(horizon=H))
    trials = [curve(*np.linspace(0.1, top, 5)) for top in (0.2, 0.5, 0.8, 0.89)]
    first = [c.decide(trial, STUDY) for trial in trials]
    again = [pickle.loads(pickle.dumps(c)).decide(trial, STUDY) for trial in reversed(trials)]  # noqa: S301
    assert first == again[::-1]


values = st.one_of(st.floats(), st.sampled_from([1e30, 1e-30, -1e30, 1e308, -1e308, 0.0, math.nan, math.inf]))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(values, max_size=8), max_size=4),
    st.lists(values, min_size=1, max_size=8),
    st.sampled_from(["maximize", "minimize"]),
    st.sampled_from([None, 0.0]),
    st.sampled_from(["study", "published"]),
)
def test_whatever_trials_report_decide_never_raises(others, trial, direction, lower, policy):
    finished = [Curve(range(1, len(v) + 1), v, H) for v in others]
    c = PrunerCore(PrunerConfig(horizon=H, policy=policy, lower=lower))
    decision = c.judge(curve(*trial), StudyView(direction, finished))
    assert decision == c.judge(curve(*trial), StudyView(direction, finished))
    # Only values beyond float64 may be left unjudged.
    reported = [v for report in (*others, trial) for v in report if math.isfinite(v)]
    if max(map(abs, reported), default=0) < 1e300:
        assert "not judged" not in decision.reason or "outside the bounds" in decision.reason
    if len(trial) < 2:
        assert not decision.stop


@pytest.mark.parametrize("magnitude", [1e30, 1e-30])
@pytest.mark.parametrize("policy", ["study", "published"])
def test_extreme_magnitudes_are_judged_like_any_other(magnitude, policy):
    def scaled(c: Curve) -> Curve:
        return Curve(c.steps, c.values * magnitude, c.horizon)

    study = StudyView("maximize", finished=[scaled(GOOD)])
    c = PrunerCore(PrunerConfig(horizon=H, policy=policy))
    plain = c.judge(curve(0.5, 0.52, 0.53, 0.53), STUDY)
    other = c.judge(scaled(curve(0.5, 0.52, 0.53, 0.53)), study)
    assert other.p_beat == pytest.approx(plain.p_beat, rel=1e-3)
    if policy == "study":
        assert other.p_top == pytest.approx(plain.p_top, rel=1e-3)
    if plain.median is not None:
        assert other.median == pytest.approx(plain.median * magnitude, rel=1e-3)


def test_long_horizons_and_constant_curves():
    c = PrunerCore(PrunerConfig(horizon=10_000, policy="published"))
    steps = np.arange(1, 9000)
    constant = Curve(steps, np.full(len(steps), 0.3), 10_000)
    done = Curve(np.arange(1, 10_001), np.linspace(0.1, 0.9, 10_000), 10_000)
    decision = c.decide(constant, StudyView("maximize", finished=[done]))
    assert decision.stop
    assert math.isfinite(decision.p_beat)
    same = Curve([1, 2, 3], [0.3, 0.3, 0.3], H)
    assert not PrunerCore(PrunerConfig(horizon=H)).decide(same, StudyView("maximize", [same])).stop


@pytest.mark.parametrize("policy", ["study", "published"])
def test_warming_up_loads_what_decides_and_no_failure_escapes(policy, monkeypatch):
    loaded = []
    monkeypatch.setattr("lcstop.pruning.models.load_surrogate", lambda name: loaded.append(name) or name)
    monkeypatch.setattr("lcstop.pruning.models.Ranker", lambda: loaded.append("ranker"))
    config = PrunerConfig(horizon=H, policy=policy)
    PrunerCore(config).warm_up()
    assert loaded == ["lcpfn"] + ["ranker"] * (policy == "study")

    def fail(*args):
        raise OSError("no weights")

    monkeypatch.setattr("lcstop.pruning.models.load_surrogate", fail)
    monkeypatch.setattr("lcstop.pruning.models.Ranker", fail)
    PrunerCore(config).warm_up()


def test_what_decisions_share_cannot_be_changed():
    """Otherwise the judgement of one trial could change that of another."""
    decision = core(audit=1.0).judge(curve(0.1, 0.1, 0.1), replace(STUDY, judged="7", n_stopped=99))
    shared = [
        *(STUDY, GOOD, GOOD.finite_range, decision, decision.scale, decision.suppressed_stop, decision.audit),
        *(core().question(curve(0.1, 0.1, 0.1)), AuditedTrial(GOOD, decision.suppressed_stop, True)),
        GainEvidence(0.5, 0.1, 0.05, None, None),
        *(Evidence([True], 0.1, 0.2, 0.1), MOMENTS, THRESHOLDS["safe"]),
        align(GOOD.prefix(2), [GOOD], [], "maximize"),
    ]
    for one in shared:
        with pytest.raises(FrozenInstanceError):
            setattr(one, fields(one)[0].name, None)
