"""Promotion by values, and what it costs to take up a trial that has waited."""

import numpy as np
import pytest

from lcstop.benchmark.reference_rules import build
from lcstop.benchmark.settings import LIMITS, Setting
from lcstop.simulation.loop import replay
from tests.simulation.replay_tasks import given, study_of


def made_up(levels=(0.1, 0.9, 0.3, 0.2, 0.4, 0.6, 0.5, 0.8), n_steps=16):
    return given([[level + 0.01 * step for step in range(n_steps)] for level in levels])


def run(task, resume_cost=0.0, **options):
    options = {"first": 0.125, "reduction_factor": 4} | options
    policy = build(Setting(LIMITS, "promotion", options), study_of(task))
    return replay(task, 0, 0, policy, 1, 10**6, resume_cost)


def test_the_best_quarter_goes_on_and_the_rest_when_nothing_is_left():
    outcome = run(made_up())
    assert outcome.trials == 8
    assert outcome.killed == 0
    assert outcome.epochs == 8 * 16
    # four trials to the first rung, then the best of them to the second
    assert outcome.best[-1][0] < 60


def test_a_value_that_is_not_finite_is_the_worst():
    levels = (np.nan, 0.9, 0.3, 0.2)
    assert run(made_up(levels)).trials == 4


def test_taking_up_a_trial_costs_epochs():
    free, dear, half = (run(made_up(), cost) for cost in (0.0, 1.0, 0.5))
    assert free.resumed > 3
    assert dear.epochs == free.epochs + free.resumed
    assert half.epochs == free.epochs + free.resumed // 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduction_factor": 1}, "reduction_factor must be at least 2, got 1"),
        ({"min_resource": 3}, "limits are none"),
        ({"first": 0}, "first must be a share of the horizon above 0 and below 1, got 0"),
        ({"first": 1}, "first must be a share .* got 1"),
    ],
)
def test_other_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        run(made_up(), **options)
