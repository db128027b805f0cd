"""Suppressed stops: which trials are audited, and shadow mode."""

import math

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig, PrunerCore
from lcstop.pruning.suppressed_stop import SuppressedStop
from lcstop.pruning.suppression import MIN_STOPS
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import replay
from lcstop.simulation.task import ReplayStudy
from tests.pruning.test_audit import GOOD, NAMES, POOR, STABLE, H, chosen, core, view
from tests.simulation.replay_tasks import random_task

# --- who is chosen ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
@pytest.mark.parametrize("engine", NAMES)
def test_the_share_is_right_and_the_choice_has_no_pattern(share, engine):
    n = 10_000
    names = [NAMES[engine](0, i) for i in range(n)]
    numbers = chosen(names, share)
    assert abs(len(numbers) - share * n) < 4 * math.sqrt(share * (1 - share) * n)
    # Neighbours are chosen independently of each other.
    places = np.isin(names, numbers)
    assert abs(np.corrcoef(places[1:], places[:-1])[0, 1]) < 4 / math.sqrt(n)


def test_the_choice_is_the_same_everywhere_and_a_greater_share_adds_to_it():
    assert chosen(range(100), 0.05) == STABLE
    assert set(STABLE) < set(chosen(range(100), 0.2))
    assert chosen(range(100), 0.0) == []
    assert chosen(range(100), 1.0) == list(range(100))


def test_nobody_is_chosen_before_ten_stops_nor_without_a_name(surrogate):
    judge = core(surrogate, audit=1.0).judge
    assert [judge(POOR, view(n_stopped=n)).stop for n in (0, 9, 10, 11)] == [True, True, False, False]
    assert MIN_STOPS == 10
    assert judge(POOR, view(name=None)).stop


# --- shadow mode ------------------------------------------------------------------------------------------


def test_shadow_mode_stops_nothing_and_tells_everything(surrogate):
    shadow, real = core(surrogate, shadow=True), core(surrogate, audit=0)
    for trial in (POOR, Curve([1, 2, 3], [math.nan] * 3, H), GOOD.prefix(3), Curve([1, 2], [0.89, 0.95], H)):
        for study in (view(n_stopped=0), view(won=1, n=1, name=None)):
            decision, would = shadow.judge(trial, study), real.judge(trial, study)
            assert not decision.stop
            assert decision.would_stop == would.stop
            suppressed = f"would be {would.reason}; in shadow mode, so it goes on"
            assert decision.reason == (suppressed if would.stop else would.reason)
    assert shadow.judge(POOR, view()).suppressed_stop == SuppressedStop(
        3, 0.9, "shadow", shadow.judge(POOR, view()).reason
    )


def test_a_replay_in_shadow_mode_runs_everything(surrogate):
    task = random_task(n_trials=30, n_steps=10)
    policy = CorePolicy(
        PrunerCore(PrunerConfig(horizon=10, shadow=True, policy="published"), surrogate),
        ReplayStudy(task, task.order(0).tolist(), "best", "shadow"),
    )
    outcome = replay(task, 0, 0, policy, 1, 300)
    seen = policy._view(-1)
    assert (outcome.killed, outcome.epochs, len(seen.finished)) == (0, 300, 30)
    assert len(seen.audited) > 5
