"""What is predicted of a stopped trial agrees with the probability that it was stopped by."""

import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView, load_surrogate


def curve(top: float, sign: int) -> Curve:
    return Curve(range(1, 51), [sign * (top - 0.5 * 0.8**i) for i in range(50)], horizon=50)


@pytest.mark.parametrize("target", ["best", "final"])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_forecast_of_a_stop_agrees_with_its_probability(direction, target):
    sign = 1 if direction == "maximize" else -1
    study = StudyView(direction, finished=[curve(top, sign) for top in (0.9, 0.8, 0.85, 0.7, 0.75)])
    core = PrunerCore(PrunerConfig(horizon=50, target=target))
    trials = [curve(top, sign).prefix(12) for top in (0.3, 0.5, 0.6, 0.65)]
    decisions = [core.judge(trial, study) for trial in trials]
    assert sum(decision.stop for decision in decisions) >= 3
    for trial, decision in zip(trials, decisions, strict=True):
        if decision.stop:
            assert decision.p_beat < 0.5
            assert sign * decision.median <= sign * decision.incumbent
            assert target == "final" or sign * decision.median >= sign * trial.best(direction)


def test_a_forecast_above_the_best_is_lowered_to_the_probability():
    # The trial's own curve, a straight line, promises far more than the study allows.
    finished = [
        Curve(range(1, 51), [0.5 + 0.4 * (i / 50) ** 0.2 + d for i in range(1, 51)], 50)
        for d in (0, 0.01, 0.02, 0.03, 0.04)
    ]
    trial = Curve(range(1, 11), [0.05 * i for i in range(1, 11)], horizon=50)
    decision = PrunerCore(PrunerConfig(horizon=50, keep=0.02)).judge(
        trial, StudyView("maximize", finished=finished)
    )
    alone = load_surrogate().forecast([trial], [50], decision.scale)
    assert alone.median().item() > decision.incumbent
    assert decision.stop
    assert decision.p_beat < 0.5
    assert decision.median <= decision.incumbent
