"""PrunerCore: the published stopping rule, and the options; test_study_policy.py has the default one."""

import math
import re

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from tests.conftest import NormalSurrogate

H = 10


def curve(*values: float, horizon: float = H) -> Curve:
    return Curve(range(1, len(values) + 1), values, horizon)


GOOD = curve(*np.linspace(0.5, 0.9, H))
STUDY = StudyView("maximize", finished=[GOOD])


def core(surrogate=None, **options) -> PrunerCore:
    options = {"horizon": H, "policy": "published", "lower": 0, "upper": 1} | options
    return PrunerCore(PrunerConfig(**options), surrogate or NormalSurrogate())


def test_stops_what_will_not_beat_the_incumbent_and_says_why():
    decision = core().decide(curve(0.3, 0.4, 0.5), STUDY)
    assert decision.stop
    assert decision.p_beat == pytest.approx(0, abs=1e-6)
    assert decision.incumbent == 0.9
    assert decision.median == pytest.approx(0.5, abs=1e-3)
    low, high = decision.interval
    assert low < decision.median < high
    assert decision.cutoff == 3
    assert re.fullmatch(
        r"stopped at step 3 of 10: 0\S* % chance to beat the best so far \(needs 5 %\), "
        r"predicted 0\.5 \[0\.4\d*, 0\.5\d*\], best so far 0\.9",
        decision.reason,
    ), decision.reason


def test_goes_on_while_it_may_beat_the_incumbent():
    decision = core(NormalSurrogate(sigma=0.1)).decide(curve(0.7, 0.8, 0.85), STUDY)
    assert not decision.stop
    assert 0.05 < decision.p_beat < 0.5
    assert decision.reason.startswith("goes on at step 3 of 10: ")
    assert " (needs 5 %), predicted 0.85 [" in decision.reason


def test_threshold_is_one_minus_confidence():
    trial = curve(0.7, 0.75, 0.8)
    p = core(NormalSurrogate(sigma=0.1)).decide(trial, STUDY).p_beat
    assert 0.01 < p < 0.3
    assert core(NormalSurrogate(sigma=0.1), confidence=1 - p - 1e-6).decide(trial, STUDY).stop
    assert not core(NormalSurrogate(sigma=0.1), confidence=1 - p + 1e-6).decide(trial, STUDY).stop


def test_minimize_is_the_mirror_image():
    study = StudyView("minimize", finished=[curve(*(1 - GOOD.values))])
    assert core().decide(curve(0.7, 0.6, 0.5), study).stop
    assert not core().decide(curve(0.2, 0.1, 0.05), study).stop


@pytest.mark.parametrize("n", range(1, 10))
def test_min_steps_and_interval_steps_say_where_a_decision_is_due(n):
    c = core(min_steps=3, interval_steps=2)
    trial = curve(*[0.1] * n)
    due = c.question(trial) is not None
    assert due == (n in (3, 5, 7, 9))
    assert c.decide(trial, STUDY).stop == due


def test_sparse_steps_are_judged_at_the_first_report_of_an_interval():
    c = core(horizon=1000, min_steps=100, interval_steps=100)
    steps = [30, 90, 110, 150, 350, 399, 400]
    due = [c.question(Curve(steps[: i + 1], [0.1] * (i + 1), 1000)) is not None for i in range(len(steps))]
    assert due == [False, False, True, False, True, False, True]


def test_no_stop_from_one_point_unless_min_steps_is_one():
    trial = Curve([5], [0.1], H)
    assert not core().decide(trial, STUDY).stop
    assert core(min_steps=1).decide(trial, STUDY).stop


def test_startup_trials_are_finished_trials():
    poor = curve(0.1, 0.1, 0.1)
    view = StudyView("maximize", finished=[GOOD], unfinished=[GOOD, GOOD])
    assert core(n_startup_trials=1).decide(poor, view).stop
    decision = core(n_startup_trials=2).decide(poor, view)
    assert not decision.stop
    assert decision.reason == "1 of 2 startup trials completed"
    assert not core().decide(poor, StudyView("maximize", unfinished=[GOOD])).stop
    assert not core().decide(poor, StudyView("maximize", finished=[curve(math.nan)])).stop


def test_patience_wants_judgements_in_a_row():
    falling = curve(0.95, 0.95, 0.2, 0.2, 0.2)  # its own best holds the incumbent under "best"
    c = core(patience=3, target="final")
    stops = [c.decide(falling.prefix(n), STUDY).stop for n in range(1, 6)]
    assert stops == [False, False, False, False, True]
    assert c.decide(falling.prefix(4), STUDY).reason.split("; ")[1] == "2 of 3 judgements in a row say stop"


def test_patience_counts_judgements_not_reports():
    c = core(patience=2, interval_steps=2)
    assert [c.decide(curve(*[0.1] * n), STUDY).stop for n in range(1, 7)] == [False] * 3 + [True, False, True]


def test_target_best_looks_at_every_later_step_and_final_at_the_horizon():
    for target, steps in (("best", [4, 5, 6, 7, 8, 9, 10]), ("final", [10])):
        surrogate = NormalSurrogate()
        core(surrogate, target=target).decide(curve(0.1, 0.1, 0.1), STUDY)
        assert surrogate.calls[0][1] == pytest.approx(steps)


def test_target_chooses_the_incumbent():
    overfitted = curve(0.5, 0.95, 0.6)
    study = StudyView("maximize", finished=[overfitted])
    trial = curve(0.6, 0.7)
    assert core(target="best").decide(trial, study).incumbent == 0.95
    final = core(target="final").decide(trial, study)
    assert final.incumbent == 0.6
    assert not final.stop


class LateBloomer(NormalSurrogate):
    """Forecasts 0.1 with certainty at every step but one, where the trial may win."""

    def forecast(self, curves, at, scale, study=()):
        forecast = super().forecast(curves, at, scale, study)
        forecast.bars.log_mass[:, at.index(7.0)] = -np.log(forecast.bars.log_mass.shape[-1])
        return forecast


def test_one_promising_later_step_is_enough_to_go_on():
    """The published rule: stop only if the largest probability over the later steps is small."""
    decision = core(LateBloomer()).decide(curve(0.1, 0.1, 0.1), STUDY)
    assert not decision.stop
    assert decision.p_beat > 0.05


def test_many_later_steps_are_thinned_and_end_at_the_horizon():
    surrogate = NormalSurrogate()
    core(surrogate, horizon=10_000).decide(curve(0.1, 0.1, horizon=10_000), STUDY)
    at = surrogate.calls[0][1]
    assert len(at) == 32
    assert at[-1] == 10_000
    assert at[0] > 2


def test_the_holder_of_the_incumbent_is_never_judged():
    surrogate = NormalSurrogate()
    decision = core(surrogate).decide(curve(0.9, 0.1, 0.1), STUDY)
    assert not decision.stop
    assert decision.reason == "holds the incumbent itself"
    assert not surrogate.calls


def test_nothing_to_stop_at_the_horizon():
    for policy in ("study", "published"):
        decision = core(policy=policy).judge(curve(*[0.1] * H), STUDY)
        assert (decision.stop, decision.reason) == (False, "has reached the horizon")


def test_diverged_trials_are_stopped_without_a_forecast():
    trial = curve(0.5, 0.6, math.nan, math.inf, -math.inf)
    decision = core().decide(trial, StudyView("maximize"))
    assert decision.stop
    assert decision.reason == "stopped at step 5 of 10: diverged, the last 3 reports are not finite"
    assert not core(diverged_after=5).decide(trial, StudyView("maximize")).stop
    assert not core().decide(curve(math.nan, math.nan, 0.1, math.nan), StudyView("maximize")).stop
    # Divergence needs no patience: it is seen between judgements, too.
    assert core(interval_steps=5).decide(trial, StudyView("maximize")).stop
    assert not core(min_steps=8).decide(trial, StudyView("maximize")).stop


def test_diverged_points_are_no_votes():
    c = core(patience=3, diverged_after=5)
    assert not c.decide(curve(0.1, 0.1, math.nan, math.nan), STUDY).stop
    assert c.decide(curve(0.1, 0.1, math.nan, 0.1, 0.1), STUDY).stop


def test_judging_between_decisions():
    c = core(interval_steps=4)
    trial = curve(0.3, 0.4, 0.5)
    assert not c.decide(trial, STUDY).stop
    assert c.judge(trial, STUDY).stop


def test_a_diverged_point_is_never_the_incumbent_nor_a_number():
    surrogate = NormalSurrogate()
    study = StudyView("maximize", finished=[GOOD, curve(0.5, math.inf, math.nan)])
    decision = core(surrogate).decide(curve(0.1, math.inf, 0.1), study)
    assert decision.incumbent == 0.9
    assert surrogate.calls[0][0][0].values.tolist() == [0.1, 0.1]


@pytest.mark.parametrize("sign", [1, -1])
def test_rounding_may_carry_a_value_past_a_bound_by_a_millionth_and_no_further(sign):
    """For a value from 0 to 1, 1.0000005 is rounding and 1.0001 an error of the user."""
    bounds = {"lower": -1, "upper": 0} if sign < 0 else {}
    for beyond, possible in ((5e-7, True), (1e-4, False)):
        past = curve(*sign * (GOOD.values + 0.1 + beyond))
        study = StudyView("maximize" if sign > 0 else "minimize", [curve(*sign * GOOD.values), past])
        assert core(**bounds).judge(past.prefix(3), StudyView(study.direction)).reason.startswith("0 of 1")
        assert core(**bounds).judge(past, study).reason.startswith("goes on, not judged") != possible
        decision = core(**bounds).judge(curve(*sign * np.array([0.1, 0.1, 0.1])), study)
        assert decision.incumbent == pytest.approx(sign * (1 + beyond if possible else 0.9), abs=1e-9)
