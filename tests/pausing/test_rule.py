"""The rule for trials that can be paused."""

from __future__ import annotations

import numpy as np
import pytest

from lcstop import Curve
from lcstop.pausing.rule import (
    PARKING_MOMENTS,
    REDUCTION,
    RUNGS,
    Move,
    PausableTrial,
    is_parking_due,
    move_of,
    n_moments,
    n_rungs,
    next_move,
)
from lcstop.pruning.judgement_record import JudgementRecord


def waiting(
    *values: float, share: float = 0.08, passed: int = 0, parked_at: int | None = None
) -> PausableTrial:
    return PausableTrial("waiting", share, values, passed, max(values, default=0.1), parked_at)


def ended(*values: float, state: str = "stopped", share: float = 0.05) -> PausableTrial:
    return PausableTrial(state, share, values, 0, max(values, default=0.1))  # type: ignore[arg-type]


def curve(n: int, value: float = 0.5, horizon: float = 100) -> Curve:
    return Curve(range(1, n + 1), [value] * n, horizon=horizon)


def test_a_new_trial_is_started_until_a_quarter_of_the_rung_is_a_whole_trial():
    rung = [waiting(value) for value in (0.4, 0.9, 0.2, 0.3)]
    assert [next_move(rung[:n], can_start=True).kind for n in range(5)] == ["start"] * 4 + ["go on"]
    assert next_move(rung, can_start=True).trial == 1


def test_the_last_rung_comes_first():
    first = [waiting(value) for value in (0.4, 0.9, 0.2, 0.3)]
    second = [waiting(0.5, value, share=0.32, passed=1) for value in (0.6, 0.7, 0.8, 0.1)]
    assert next_move([*first, *second], can_start=True) == Move("go on", 6)


def test_only_the_best_quarter_goes_on_and_those_that_have_passed_count():
    passed = PausableTrial("running", 0.2, (0.9,), 1, 0.9)
    assert next_move([passed, *map(waiting, (0.4, 0.2, 0.3))], can_start=True) == Move("start")
    four_more = [passed, *map(waiting, (0.4, 0.2, 0.3, 0.1, 0.1, 0.1, 0.1))]
    assert next_move(four_more, can_start=True) == Move("go on", 1)


def test_parked_and_stopped_trials_count_as_the_worst_of_their_next_rung():
    parked = PausableTrial("waiting", 0.03, (), 0, 0.9, parked_at=3)
    known = [waiting(0.1), parked, ended(), ended()]
    assert next_move(known, can_start=True) == Move("go on", 0)
    assert next_move([waiting(0.1, parked_at=3), parked, ended(), ended()], can_start=True).kind != "go on"
    # one that ran beyond the first rung is no trial of the second until it has ended
    second = [waiting(0.1, 0.2, share=0.32, passed=1), *[ended(0.1, share=0.2)] * 3]
    assert next_move(second, can_start=True) == Move("go on", 0)


def test_a_trial_paused_by_something_else_goes_on_first():
    other = PausableTrial("waiting", 0.1, (0.2,), 1, 0.2)
    assert next_move([*map(waiting, (0.4, 0.9, 0.2, 0.3)), other], can_start=True) == Move("go on", 4)


def test_the_trial_judged_longest_ago_is_judged_again_once_the_study_has_learned_more():
    def parked(since: int) -> PausableTrial:
        return PausableTrial("waiting", 0.03, (), 0, 0.1, parked_at=since)

    running = PausableTrial("running", 0.6, (0.5, 0.5), 2, 0.5)
    trials = [running, parked(5), parked(4)]
    clock = n_moments(trials)
    assert clock == sum(share <= 0.6 for share in (*RUNGS, *PARKING_MOMENTS)) + 2
    assert next_move(trials, can_start=True) == Move("judge", 2)
    assert clock - 4 > len(trials)
    later = [running, parked(clock), parked(clock - 3)]
    assert next_move(later, can_start=True) == Move("start")


def test_at_the_end_the_best_of_the_last_rung_is_settled_first():
    trials = [
        waiting(0.2),
        waiting(0.3, 0.4, share=0.32, passed=1),
        waiting(0.3, 0.5, share=0.32, passed=1),
        PausableTrial("waiting", 0.03, (), 0, 0.95, parked_at=1),
    ]
    assert next_move(trials, can_start=False) == Move("settle", 2)
    assert next_move([], can_start=False) == Move("nothing")
    assert next_move([PausableTrial("running", 0.5, (1.0, 1.0), 2, 1.0)], can_start=False) == Move("nothing")


def test_a_trial_waits_only_while_new_ones_can_be_started():
    trials = [waiting(value) for value in (0.4, 0.3, 0.2)]
    assert move_of(trials, 1, can_start=True) is None
    assert move_of(trials, 1, can_start=False) == Move("settle", 1)
    four = [*trials, waiting(0.1)]
    assert [move_of(four, i, can_start=True) for i in (0, 1)] == [Move("go on", 0), None]


def test_a_trial_is_seen_by_its_curve_and_its_records():
    seen = PausableTrial.of(curve(8), "running", "minimize")
    assert (seen.rung_values, seen.is_at_rung, seen.best) == ((-0.5,), True, -0.5)
    let_past = [JudgementRecord(8.0, "wait"), JudgementRecord(8.0, "resume")]
    assert not PausableTrial.of(curve(20), "running", "minimize", let_past).is_at_rung
    assert PausableTrial.of(curve(32), "running", "minimize", let_past).is_at_rung
    parked = [JudgementRecord(3.0, "wait", parked_at=7)]
    assert PausableTrial.of(curve(3), "waiting", "maximize", parked).parked_at == 7
    assert PausableTrial.of(curve(3), "running", "maximize", parked).parked_at is None


def test_a_rung_is_met_at_the_first_finite_report_at_or_after_it():
    values = [0.1] * 7 + [float("nan"), 0.3, 0.4]
    gap = Curve(range(1, 11), values, horizon=100)
    assert PausableTrial.of(gap.prefix(8), "running", "maximize").rung_values == ()
    assert PausableTrial.of(gap, "running", "maximize").rung_values == (0.3,)
    coarse = Curve([5, 10, 40], [0.1, 0.2, 0.3], horizon=100)
    assert PausableTrial.of(coarse, "running", "maximize").rung_values == (0.2, 0.3)


def test_a_finished_trial_keeps_its_last_value_at_later_rungs():
    early = PausableTrial.of(curve(5), "finished", "maximize")
    assert early.rung_values == (0.5, 0.5)
    assert PausableTrial.of(curve(5), "stopped", "maximize").rung_values == ()


@pytest.mark.parametrize(("target", "best"), [("best", 0.9), ("final", 0.2)])
def test_the_best_value_follows_the_target(target, best):
    known = Curve([1, 2, 3], [0.1, 0.9, 0.2], horizon=100)
    assert PausableTrial.of(known, "running", "maximize", target=target).best == best


def test_a_trial_that_has_gone_on_from_a_later_step_counts_from_there():
    fine_tuned = Curve([1001, 1002, 1003, 1004], [0.1, 0.2, 0.3, 0.4], horizon=1050)
    assert PausableTrial.of(fine_tuned, "running", "maximize").rung_values == (0.4,)


def test_judgements_are_due_at_the_moments_and_not_near_a_rung():
    records: list[JudgementRecord] = []
    due = []
    for step in range(1, 1001):
        if is_parking_due(curve(step, horizon=1000), records):
            due.append(step)
            records.append(JudgementRecord(float(step), "go on"))
    assert due == [20, 32, 52, 132, 210, 537, 859]
    assert all(abs(share - rung) > 0.2 * rung for share in PARKING_MOMENTS for rung in RUNGS)


@pytest.mark.parametrize("n_workers", [1, 3])
def test_every_search_ends_and_no_trial_is_forgotten(n_workers):
    """Trials with random values, parked at random. All are advanced or settled, and the best finishes."""
    rng = np.random.default_rng(n_workers)
    n_trials, final = 60, {}
    trials: list[PausableTrial] = []
    running: list[int] = []
    n_judged = 0
    for _ in range(20_000):
        while len(running) < n_workers:
            move = next_move(trials, can_start=len(trials) < n_trials)
            if move.kind == "nothing":
                break
            if move.kind == "start":
                trials.append(PausableTrial("running", 0.0, (), 0, 0.0))
                running.append(len(trials) - 1)
                final[running[-1]] = rng.random()
                continue
            assert move.trial is not None
            seen = trials[move.trial]
            assert seen.state == "waiting"
            if move.kind == "judge" and rng.random() < 0.7:
                n_judged += 1
                trials[move.trial] = PausableTrial(
                    "waiting", seen.share, seen.rung_values, seen.n_passed, seen.best, n_moments(trials)
                )
            elif move.kind == "settle" and final[move.trial] < max(final.values()):
                trials[move.trial] = PausableTrial(
                    "stopped", seen.share, seen.rung_values, seen.n_passed, 0.0
                )
            else:
                trials[move.trial] = PausableTrial(
                    "running", seen.share, seen.rung_values, len(seen.rung_values), seen.best
                )
                running.append(move.trial)
        if not running:
            break
        i = running.pop(rng.integers(len(running)))
        old = trials[i]
        share = round(old.share + 0.04, 2)
        values = old.rung_values + (final[i],) * (n_rungs(share) - len(old.rung_values))
        at_rung, parks = len(values) > old.n_passed, rng.random() < 0.05
        state = "finished" if share >= 1 else "waiting" if at_rung or parks else "running"
        parked_at = n_moments(trials) if state == "waiting" and not at_rung else None
        trials[i] = PausableTrial(state, share, values, old.n_passed, final[i], parked_at)
        if state == "running":
            running.append(i)
    assert not running
    assert len(trials) == n_trials
    assert {trial.state for trial in trials} == {"finished", "stopped"}
    assert n_judged > 0
    best = max(final, key=lambda i: final[i])
    assert trials[best].state == "finished"
    assert sum(trial.state == "finished" for trial in trials) < n_trials / REDUCTION
