"""The convergence stop."""

import logging
import math
from unittest import mock

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from tests.conftest import NormalSurrogate

H = 40
SATURATING = [0.9 - 0.6 * 0.6**k for k in range(H)]


class Broken:
    def forecast(self, *args, **kwargs):
        raise RuntimeError("no forecast today")


def core(surrogate=None, **options) -> PrunerCore:
    config = PrunerConfig(**{"horizon": H, "min_gain": 0.01} | options)
    return PrunerCore(config, surrogate or NormalSurrogate())


def curve(values) -> Curve:
    return Curve(range(1, len(values) + 1), values, H)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("gain", "stop"), [(0.0, False), (0.001, False), (0.05, True)])
def test_a_gain_beyond_min_gain_must_be_unlikely(sign, gain, stop):
    """The forecast is the last value, with a standard deviation of 0.01 on the unit interval."""
    study = StudyView("maximize" if sign == 1 else "minimize")
    decision = core(min_gain=gain).converged(curve([sign * v for v in SATURATING[:10]]), study)
    assert (decision.stop, decision.converged) == (stop, stop)
    assert decision.reason.startswith(f"{'converged' if stop else 'goes on'} at step 10 of ")
    assert f"% chance to gain more than {gain:g} on " in decision.reason
    assert decision.interval[0] < decision.median < decision.interval[1]


def test_confidence_moves_the_threshold():
    trial, study = curve(SATURATING[:10]), StudyView("maximize")
    stops = [core(min_gain=0.008, confidence=c).converged(trial, study).stop for c in (0.5, 0.8, 0.999)]
    assert stops[0]
    assert not stops[-1]
    assert stops == sorted(stops, reverse=True)


def test_what_counts_is_the_best_value_or_the_last():
    """After a fall the last value can gain more than the best value."""
    fallen = curve([0.2, 0.5, 0.9, 0.6])
    rising = mock.Mock()
    rising.forecast = lambda curves, at, scale, study=(): NormalSurrogate().forecast(
        [Curve([1], [0.8], H)] * len(curves), at, scale
    )
    assert core(rising).converged(fallen, StudyView("maximize")).stop
    assert not core(rising, target="final").converged(fallen, StudyView("maximize")).stop


@pytest.mark.parametrize(
    ("trial", "options", "reason"),
    [
        (curve(SATURATING[:10]), {"min_gain": None}, "no judgement"),
        (curve(SATURATING[:10]), {"min_steps": 20}, "no judgement"),
        (curve(SATURATING[:10]), {"shadow": True}, "no judgement"),
        (Curve([], [], H), {}, "no judgement"),
        (curve([0.5, math.nan]), {}, "too few"),
        (curve([0.5, 0.6, math.nan]), {}, "too few"),
        (curve([math.nan, 0.5]), {}, "too few"),
        (curve(SATURATING), {}, "has reached the horizon"),
        (curve(SATURATING[:10]), {"upper": 0.1}, "goes on, not judged: ValueError"),
    ],
)
def test_when_nothing_is_judged(trial, options, reason):
    decision = core(min_gain=0.05, **options) if "min_gain" not in options else core(**options)
    decision = decision.converged(trial, StudyView("maximize"))
    assert not decision.stop
    assert decision.reason.startswith(reason)


def test_a_forecast_that_fails_lets_the_trial_go_on_and_is_told_once(caplog):
    broken = core(Broken())
    with caplog.at_level(logging.WARNING, "lcstop"):
        for n in range(2, 9):
            assert not broken.converged(curve(SATURATING[:n]), StudyView("maximize")).stop
    assert len(caplog.records) == 1


def test_it_is_off_by_default():
    assert PrunerConfig(horizon=H).min_gain is None
    assert not core(min_gain=None).convergence_due(10, 0)


def first_converged(values, **options) -> int | None:
    judge = PrunerCore(PrunerConfig(**{"horizon": H, "min_gain": 0.02} | options))
    view = StudyView("maximize")
    return next((n for n in range(1, H) if judge.converged(curve(values[:n]), view).stop), None)


def test_the_shipped_network_sees_a_plateau_and_no_rise():
    end = first_converged(SATURATING)
    assert end is not None
    assert SATURATING[-1] - SATURATING[end - 1] < 0.02
    assert first_converged(np.linspace(0.1, 0.9, H)) is None


def test_the_scale_is_that_of_the_finished_trials_and_of_the_others_while_there_are_none():
    """As for a stop. Values of running trials change while they run."""
    finished, running, trial = [curve([0.0, 0.9])], [curve([0.4, 5.0])], curve([0.1, 0.2, 0.3])
    assert core().converged(trial, StudyView("maximize", finished, running)).scale.soft_upper == 0.9
    assert core().converged(trial, StudyView("maximize", (), running)).scale.soft_upper == 5


def test_two_numbers_are_enough():
    assert core(min_gain=0.5).converged(curve([0.5, math.nan, 0.6]), StudyView("maximize")).stop
