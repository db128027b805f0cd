"""Policy study: trials that it never stops, because they lead."""

import math

import numpy as np
import pytest

from lcstop import Curve, StudyView
from lcstop.ranking.ranker import Ranker
from tests.ranking.study_trials import KEEPS, TOPS, H, core, curves, view


@pytest.mark.parametrize("keep", KEEPS)
def test_the_holder_of_the_incumbent_goes_on(keep):
    finished = curves([0.5, 0.6, 0.7], H)
    values = np.array([0.95, *[0.01] * 12])
    decision = core(keep=keep).judge(Curve(range(1, 14), values, H), StudyView("maximize", finished))
    assert not decision.stop
    assert decision.p_best > decision.threshold or decision.reason.endswith("; it holds the best so far")


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("n", [1, 3, 8])
def test_who_leads_at_its_step_goes_on(keep, n):
    steps = np.arange(1, H + 1)
    leader = Curve(steps, 0.03 + 0.95 * (1 - 0.8**steps), H)
    for cutoff in range(1, H):
        assert not core(keep=keep, min_steps=1).judge(leader.prefix(cutoff), view(n)).stop
    certain = core(preset="bold", confidence=1e-9)  # no trial reaches the threshold
    decision = certain.judge(leader.prefix(3), view(n))
    assert not decision.stop
    assert decision.reason.endswith("; it leads at this step")
    assert certain.judge(curves([0.3], H)[0].prefix(9), view()).stop


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_who_is_level_with_the_best_at_its_step_does_not_lead(direction):
    sign = 1 if direction == "maximize" else -1

    def trial(*values: float) -> Curve:
        return Curve(range(1, len(values) + 1), sign * np.array(values), 4)

    others = [trial(0.1, 0.5, 0.5, 0.5), trial(0.1, 0.2, 0.2, 0.2)]

    def leads(*values: float) -> bool:
        found = [Ranker().rank(trial(*values), *parts, direction) for parts in ((others, []), ([], others))]
        assert found[0].leads == found[1].leads
        return found[0].leads

    assert not leads(0.1, 0.5)
    assert leads(0.1, 0.5 + 1e-9)
    assert not leads(0.1, 0.5 - 1e-9)
    assert leads(0.3)  # as good as another one at a later step, and better at the same step


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_who_is_alone_at_its_step_leads_where_no_other_trial_has_been_as_good(direction):
    sign = 1 if direction == "maximize" else -1
    others = [Curve([1, 2], [sign * 0.1, sign * top], 4) for top in (0.2, 0.5)]

    def leads(value: float) -> bool:
        return Ranker().rank(Curve([1, 2, 3], [0.0, 0.0, sign * value], 4), [], others, direction).leads

    assert [leads(value) for value in (0.4, 0.5, 0.6)] == [False, False, True]


def test_who_has_reported_no_number_does_not_lead():
    others = curves(TOPS, H)
    assert not Ranker().rank(Curve([1, 2], [math.nan, math.inf], H), others, [], "maximize").leads


@pytest.mark.parametrize("target", ["best", "final"])
def test_a_trial_that_has_just_surpassed_all_others_goes_on_wherever_its_report_lies(target):
    """Steps 3 and 4 of 11.5 make a grid on which 4 is not."""
    low = [Curve(range(1, 12), np.linspace(0.8, 0.3, 11), 11.5) for _ in range(6)]
    low += [Curve([11.5], [-1e9], 11.5)]
    c = core(horizon=11.5, target=target, preset="balanced", confidence=0.5)
    trial = Curve([3, 4], [0.99, -1e10], 11.5)
    assert c.judge(trial.prefix(1), StudyView("minimize", low)).stop is False  # one report is not enough
    assert not c.judge(trial, StudyView("minimize", low)).stop
    assert c.judge(Curve([3, 4], [0.99, 0.98], 11.5), StudyView("minimize", low)).stop
