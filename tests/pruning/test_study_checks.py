"""What is surely wrong in how a study reports is found once; what people do on purpose is not."""

import random

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig
from lcstop.pruning.study_checks import StudyChecks, WatchedTrial

NAN = float("nan")


def trial(end: float, horizon: float = 100, value=None, complete=True, values=None) -> WatchedTrial:
    """Reports at each step up to ``end``."""
    n = int(end)
    curve = Curve(range(1, n + 1), [0.5] * n if values is None else values, horizon)
    return WatchedTrial(curve, n, complete, value)


def found(trials, **options) -> list[str]:
    return StudyChecks(PrunerConfig(**{"horizon": 100, **options})).find("maximize", trials)


def test_a_horizon_far_beyond_the_ends_is_told_with_what_to_change():
    [message] = found([trial(end) for end in (8, 9, 10)])
    assert message.startswith("3 trials have completed, all at step 8 to 10, but horizon=100: horizon is ")
    assert not found([trial(end) for end in (8, 9)])
    assert not found([trial(end) for end in (8, 9, 11)])
    assert not found([trial(8), trial(9), trial(10), trial(11, complete=False)])
    [message] = found([trial(end, horizon=200) for end in (8, 9, 10)], horizon="epochs")
    assert "but horizon='epochs' is 200: " in message


def test_trials_that_all_end_at_one_step_well_before_the_horizon():
    [message] = found([trial(79)] * 5)
    assert message.startswith("5 trials have completed, all at step 79, but horizon=100")
    assert not found([trial(79)] * 4)
    assert not found([trial(80)] * 20)
    assert not found([trial(79)] * 5 + [trial(80, complete=False)])


def test_a_last_report_one_interval_before_the_horizon_is_no_mistake():
    seldom = WatchedTrial(Curve([30, 60], [0.4, 0.5], 100), 2, True)
    assert found([seldom] * 5) == []
    assert found([WatchedTrial(Curve([15, 30, 45, 60], [0.2, 0.3, 0.4, 0.5], 100), 4, True)] * 5)


@pytest.mark.parametrize("ends", [(20, 31, 18, 45, 30, 25, 40), (11, 12, 11, 12, 11, 13, 11)])
def test_early_stopping_of_ones_own_is_no_mistake(ends):
    assert not found([trial(end) for end in ends])


def test_planned_lengths_are_no_mistake():
    assert not found([trial(end, horizon=end) for end in (10, 60, 5, 5, 5, 5, 5)], horizon="epochs")


def test_one_report_for_each_trial():
    once = WatchedTrial(Curve([100], [0.5], 100), 1, True)
    [message] = found([once] * 3)
    assert message.startswith("3 trials have completed with one report each, so that none can be stopped: ")
    assert not found([once] * 2)
    assert not found([once] * 5 + [trial(2, complete=False)])
    # Results that nothing was reported of, and a horizon that cuts reports off, are something else.
    assert not found([WatchedTrial(Curve([100], [0.5], 100), 0, True)] * 5)
    assert not found([WatchedTrial(Curve([1], [0.5], 1), 50, True)] * 5, horizon=1)


@pytest.mark.parametrize("policy", ["study", "published"])
def test_ends_before_the_first_judgement(policy):
    [message] = found([trial(end) for end in (30, 35, 39)], min_steps=40, policy=policy)
    assert message.startswith(
        "3 trials have completed, all at step 30 to 39, before the first judgement at step 40, so that none "
        "can be stopped: lower min_steps=40, or set horizon=100 to "
    )
    assert not found([trial(end) for end in (30, 35, 40)], min_steps=40, policy=policy)
    assert not found([trial(end) for end in (30, 35)], min_steps=40, policy=policy)


@pytest.mark.parametrize("policy", ["study", "published"])
@pytest.mark.parametrize(
    ("options", "n", "needed"),
    [
        ({"patience": 16}, 15, "lower patience"),
        ({"interval_steps": 40, "patience": 4}, 3, "lower patience or interval_steps=40"),
        ({"min_steps": 99, "patience": 2}, 1, "lower patience"),
    ],
)
def test_patience_that_no_trial_can_use_up(policy, options, n, needed):
    if policy == "published" and options["patience"] == 16:
        options = {"patience": 99}
        n = 98
    [message] = found([trial(100)] * 3, policy=policy, **options)
    word = "judgement" if n == 1 else "judgements"
    assert message.startswith("3 trials have completed, all at step 100, and none can be stopped: ")
    assert message.endswith(f"at most {n} {word}, fewer than patience={options['patience']}: {needed}")
    assert not found([trial(100)] * 2, policy=policy, **options)
    assert not found([trial(100)] * 3, policy=policy, **options | {"patience": n})


def test_two_reports_of_which_one_lies_at_the_horizon():
    half_and_end = WatchedTrial(Curve([50, 100], [0.5, 0.6], 100), 2, True)
    [message] = found([half_and_end] * 3)
    assert message.endswith("set min_steps=1 instead of 2 to judge a trial by one report")
    assert not found([half_and_end] * 3, min_steps=1)
    assert not found([half_and_end] * 3 + [WatchedTrial(Curve([25, 50], [0.5, 0.6], 100), 2, False)])


def test_no_judgement_before_the_horizon():
    [message] = found([trial(100)] * 3, min_steps=100)
    assert message.endswith("none can be stopped before min_steps=100: lower min_steps")
    fractions = WatchedTrial(Curve([0.25, 0.5, 0.75, 1], [0.5] * 4, 1), 4, True)
    assert not found([fractions] * 3, horizon=1)  # Ray's adapter tells of it at the first report


@pytest.mark.parametrize("sign", [1, -1])
def test_a_metric_that_does_not_lead_to_what_is_returned(sign):
    rng = np.random.default_rng(0)
    rows = [trial(100, value=sign * top, values=rng.normal(top, 0.02, 100)) for top in np.arange(10) / 10]
    assert bool(found(rows)) == (sign < 0)
    if sign < 0:
        [message] = found(rows)
        assert message.startswith("what 10 completed trials returned does not rise with what they reported (")
        assert message.endswith("report the metric that the objective returns")
        assert not found(rows[:9])
        assert not found([*rows[:9], rows[9]._replace(is_complete=False)])


def test_values_that_say_nothing_of_the_metric():
    """The last reports lead, or all are the same, or not finite, or unknown."""
    ends = [[9 - i, i] for i in range(10)]
    trials = [trial(2, 2, value=i, values=values) for i, values in enumerate(ends)]
    assert not found(trials, horizon=2, min_steps=1)
    assert not found([trial(100, value=i) for i in range(10)])
    assert not found([trial(100, value=0.5, values=[i / 100] * 100) for i in range(10)])
    assert not found(
        [trial(100, value=-i, values=[NAN] * 99 + [i]) for i in range(9)] + [trial(100, value=NAN)]
    )
    assert not found([trial(100, values=[i / 100] * 100) for i in range(10)])


def test_each_mistake_is_told_once():
    checks = StudyChecks(PrunerConfig(horizon=5000))
    trials = [trial(50, 5000, value=-i, values=[i] * 50) for i in range(12)]
    told = [message for n in range(13) for message in checks.find("maximize", trials[:n])]
    assert len(told) == 2
    assert "horizon=5000" in told[0]
    assert "what 10 completed trials returned" in told[1]


def test_a_long_study_is_looked_at_seldom():
    checks = StudyChecks(PrunerConfig(horizon=50))
    assert [n for n in range(40) if checks.due(n)] == [*range(3, 19), 20, 22, 25, 28, 32, 37]
    assert sum(map(checks.due, range(10_000))) < 25
    assert not any(map(checks.due, range(1001, 10**6, 100)))


def falls(steps, kept_in_order=False, every=1) -> list[int]:
    """Numbers of reports at which it is told that the steps fall."""
    checks, told = StudyChecks(PrunerConfig(horizon=100)), []
    for n in range(every, len(steps) + 1, every):
        step = max(steps[:n]) if kept_in_order else steps[n - 1]
        told += [n] if checks.falls(0, n, step) else []
        assert not checks.falls(0, n, step)  # asked again
    return told


@pytest.mark.parametrize("kept_in_order", [False, True])
@pytest.mark.parametrize("every", [1, 5])
def test_steps_that_fall_and_instances_in_random_order(kept_in_order, every):
    assert len(falls(range(100, 0, -1), kept_in_order, every)) == 1
    for seed in range(20):
        shuffled = random.Random(seed).sample(range(100), 100)  # noqa: S311
        assert len(falls(shuffled, kept_in_order, every)) == 1
    assert len(falls([7] * 5, kept_in_order)) == 1
    assert not falls(range(100), kept_in_order, every)


def test_a_restart_or_folds_are_told_otherwise():
    assert not falls([*range(50), *range(30, 60), *range(50, 90)])
    assert not falls([*range(10)] * 5)
    checks = StudyChecks(PrunerConfig(horizon=100))
    for n in (1, 2, 3, 4):
        assert not checks.falls(0, n, 5 - n)
        checks.restart(0)


def test_what_are_no_curves_is_not_looked_at():
    checks = StudyChecks(PrunerConfig(horizon=5000))
    assert any(checks.falls(0, n, -n) for n in range(5))
    assert not checks.find("maximize", [trial(50, 5000)] * 3)
