"""A gap of reports that are not finite: when it is a sign of divergence, and when a metric is made so."""

import math

import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.pruning.divergence import has_diverged

NAN, H = math.nan, 60


def every(k: int, n: int) -> Curve:
    """Reports at each of ``n`` steps, and a number at every k-th."""
    return Curve(range(1, n + 1), [0.1 + 0.01 * i if i % k == 0 else NAN for i in range(1, n + 1)], H)


def diverged(trial: Curve, *others: Curve, **options) -> bool:
    config = PrunerConfig(horizon=H, **options)
    return has_diverged(config, trial, StudyView("minimize", [], others))


def test_a_trial_that_reported_numbers_and_reports_none_any_more_has_diverged():
    trial = Curve(range(1, 7), [0.5, 0.6, 0.7, NAN, math.inf, NAN], H)
    assert diverged(trial, Curve(range(1, 11), [0.1] * 10, H))
    assert not diverged(trial, Curve(range(1, 11), [0.1] * 10, H), min_steps=7)
    assert not diverged(trial)
    assert not diverged(Curve(range(1, 18), [0.5, 0.6, 0.7, *[NAN] * 14], H))
    assert diverged(Curve(range(1, 19), [0.5, 0.6, 0.7, *[NAN] * 15], H))


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.6]])
def test_a_trial_that_soon_reports_numbers_no_more_has_diverged_as_six_others_show(values):
    trial = Curve(range(1, 6), [*values, *[NAN] * (5 - len(values))], H)
    others = [every(1, 6)] * 6
    assert diverged(trial, *others)
    assert not diverged(trial, *others[1:])
    last = len(values) + H // 5
    for n, is_diverged in ((last - 1, False), (last, True)):
        trial = Curve(range(1, n + 1), [*values, *[NAN] * (n - len(values))], H)
        assert diverged(trial, every(1, H)) == is_diverged


@pytest.mark.parametrize("k", [2, 4, 5, 10])
def test_validation_every_few_epochs_is_no_divergence(k):
    """Also in the first trial, and with other intervals in the same study."""
    for n in range(1, H):
        assert not diverged(every(k, n))
        assert not diverged(every(k, n), every(k, H))
    for fast in (every(1, H), every(2, H)):
        for n in range(1, H):
            assert not diverged(every(10, n), *[fast] * 5)


@pytest.mark.parametrize("often", [2, 3, 5])
def test_a_metric_that_is_evaluated_more_seldom_after_the_first_epochs(often):
    """Epochs 0 and 1, then every tenth, as the first trial and as the second."""
    values = [0.1 * i if i <= often or i % 10 == 0 else NAN for i in range(1, H + 1)]
    whole = Curve(range(1, H + 1), values, H)
    for n in range(1, H):
        assert not diverged(whole.prefix(n))
        assert not diverged(whole.prefix(n), whole)


def test_results_without_curves_and_late_trials_show_nothing():
    trial = Curve(range(1, 7), [0.5, 0.6, 0.7, NAN, NAN, NAN], H)
    others = [Curve([H], [0.5], H)] * 10 + [Curve(range(20, H), [0.5] * 40, H)] * 10
    assert not diverged(trial, *others)


def test_a_gap_twice_as_long_as_any_before_it_is_divergence():
    trial = [0.1, 0.2, NAN, NAN, NAN, 0.3]  # a gap of 4 steps
    assert not diverged(Curve(range(1, 15), [*trial, *[NAN] * 8], H))
    peer = every(1, H)
    assert not diverged(Curve(range(1, 15), [*trial, *[NAN] * 8], H), peer)
    assert diverged(Curve(range(1, 16), [*trial, *[NAN] * 9], H), peer)


def test_returns_that_begin_when_an_episode_has_ended():
    silent = Curve(range(1, 10), [NAN] * 9, H)
    assert not diverged(silent)
    assert not diverged(silent, *[silent] * 7)
    others = Curve(range(1, 21), [*[NAN] * 8, *[1.0] * 12], H)
    assert not diverged(silent, others)
    assert diverged(Curve(range(1, 20), [NAN] * 19, H), others)


def test_a_loss_that_explodes_has_diverged_at_any_step():
    trial = Curve([1, 2, 3, 4, 5, 6], [0.5, 0.4, 1e9, NAN, NAN, NAN], H)
    assert diverged(trial, min_steps=50)
    assert not diverged(Curve([1, 2, 3, 4, 5, 6], [0.5, 0.4, 1e3, NAN, NAN, NAN], H), min_steps=50)


def test_a_trial_that_is_silent_goes_on_with_a_reason():
    core = PrunerCore(PrunerConfig(horizon=1000))
    trial = Curve([1, 2, 3], [NAN] * 3, 1000)
    decision = core.decide(trial, StudyView("minimize"))
    assert not decision.stop
    assert decision.reason.startswith("the last 3 reports are not finite")
