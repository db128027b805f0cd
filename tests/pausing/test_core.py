"""Decisions on trials that can wait."""

from __future__ import annotations

import math

import pytest

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop.pausing.core import PausingCore, resume
from lcstop.pruning.judgement_record import JudgementRecord

HORIZON = 100.0
FINISHED = [
    Curve(range(1, 101), [top - 0.5 * 0.9**i for i in range(100)], HORIZON)
    for top in (0.95, 0.94, 0.93, 0.9, 0.88, 0.85, 0.8, 0.75, 0.7, 0.6)
]


def pausing(**options) -> PausingCore:
    return PausingCore(PrunerCore(PrunerConfig(horizon=HORIZON, **options)))


def poor(n: int) -> Curve:
    return Curve(range(1, n + 1), [0.2 - 0.15 * 0.9**i for i in range(n)], HORIZON)


def good(n: int) -> Curve:
    return Curve(range(1, n + 1), [0.97 - 0.5 * 0.9**i for i in range(n)], HORIZON)


def study(*records: JudgementRecord) -> StudyView:
    return StudyView("maximize", finished=FINISHED, judgements=records)


def test_every_trial_waits_at_a_rung_and_goes_on_after_it():
    core = pausing()
    decision = core.at_report(good(8), study(JudgementRecord(6.0, "go on")), clock=9)
    assert (decision.waits, decision.verdict, decision.parked_at) == (True, "wait", None)
    assert decision.reason == "waits at step 8 of 100: at the rung of 8 %"
    let_past = JudgementRecord(8.0, "wait"), JudgementRecord(8.0, "resume")
    assert core.at_report(good(9), study(*let_past), clock=9).verdict == "not judged"
    assert core.at_report(good(32), study(*let_past), clock=9).reason.endswith("at the rung of 32 %")


def test_a_poor_trial_is_parked_between_rungs_and_a_good_one_is_not():
    core = pausing()
    parked = core.at_report(poor(3), study(), clock=17)
    assert (parked.stop, parked.waits, parked.parked_at, parked.says_stop) == (False, True, 17, True)
    assert parked.reason.startswith("waits at step 3 of 100: ")
    assert parked.p_best is None
    record = JudgementRecord.from_json(parked.record(n_ended=10).to_json())
    assert record is not None
    assert (record.verdict, record.parked_at, record.why) == ("wait", 17, parked.reason)
    going_on = core.at_report(good(3), study(), clock=17)
    assert (going_on.waits, going_on.verdict, going_on.is_new) == (False, "go on", True)
    assert core.at_report(poor(3), study(record), clock=17).is_new is False


def test_a_parked_trial_is_judged_again_and_its_release_is_on_record():
    core = pausing()
    again = core.judge_again(poor(3), study(JudgementRecord(3.0, "wait", parked_at=17)), clock=40)
    assert (again.waits, again.parked_at) == (True, 40)
    released = resume(core.judge_again(good(3), study(), clock=40))
    assert (released.verdict, released.waits, released.parked_at) == ("resume", False, None)
    assert released.record(0).probability == released.p_top


@pytest.mark.parametrize("keep", ["safe", 0.5])
def test_keep_decides_at_the_end_and_does_not_change_what_is_parked(keep):
    core = pausing(keep=keep, n_trials=12)
    assert core.at_report(poor(3), study(), clock=1).waits
    settled = core.settle(poor(3), study())
    assert settled.p_best is not None
    assert settled.stop == (settled.p_best <= settled.threshold)
    assert settled == PrunerCore(PrunerConfig(horizon=HORIZON, keep=keep, n_trials=12)).judge(
        poor(3), study()
    ) or settled.reason.endswith("; it has waited, and no new trial can be started")
    assert not core.settle(good(32), study()).stop


def test_what_is_settled_spends_more_with_a_lower_keep():
    def threshold(keep):
        return pausing(keep=keep, n_trials=12).settle(poor(8), study()).threshold

    assert threshold("safe") < threshold("balanced") < threshold(0.5)


def test_a_diverged_trial_is_stopped_and_a_single_gap_is_not_judged():
    core = pausing(min_steps=1)
    gap = Curve(range(1, 9), [*poor(7).values, math.nan], HORIZON)
    assert core.at_report(gap, study(), clock=1).is_new is False
    silent = Curve(range(1, 9), [*poor(5).values, *[math.nan] * 3], HORIZON)
    decision = core.at_report(silent, study(), clock=1)
    assert (decision.stop, decision.diverged) == (True, True)


def test_no_trial_waits_before_min_steps_or_at_its_end():
    assert not pausing(min_steps=20).at_report(poor(19), study(), clock=1).waits
    assert pausing(min_steps=20).at_report(poor(20), study(), clock=1).waits
    assert not pausing().at_report(poor(100), study(), clock=1).waits
    assert not pausing().at_report(Curve([], [], HORIZON), study(), clock=1).waits


def test_a_trial_is_judged_once_in_an_interval():
    judged = JudgementRecord(3.0, "go on")
    assert pausing().at_report(poor(4), study(judged), clock=1).is_new
    assert not pausing(interval_steps=5).at_report(poor(4), study(judged), clock=1).is_new


def test_a_failure_lets_the_trial_go_on(monkeypatch, caplog):
    def fail(*args, **options):
        raise RuntimeError("no ranking today")

    monkeypatch.setattr("lcstop.ranking.ranker.Ranker.rank", fail)
    decision = pausing().at_report(poor(3), study(), clock=1)
    assert (decision.stop, decision.waits, decision.verdict) == (False, False, "not judged")
    assert "no ranking today" in caplog.text


def test_decisions_without_pause_have_no_new_content():
    core = PrunerCore(PrunerConfig(horizon=HORIZON, n_trials=12))
    record = core.judge(poor(8), study()).record(10)
    assert record.verdict == "stop"
    assert "parked_at" not in record.to_json()


@pytest.mark.parametrize("first", [1, 5])
@pytest.mark.parametrize("options", [{}, {"interval_steps": 7}, {"min_steps": 6}])
def test_nothing_is_decided_before_the_next_question(first, options):
    core, records, n_decided = pausing(**options), list[JudgementRecord](), 0
    for n in range(2, 100):
        trial = Curve(range(first, first + n), good(n).values, HORIZON)
        expected = core.next_question(trial.prefix(n - 1), records).step
        decision = core.at_report(trial, study(*records), clock=9)
        if decision.is_new:
            assert trial.cutoff > expected - 1e-6
            n_decided += 1
            records.append(decision.record(0))
            if decision.waits:
                records.append(resume(decision).record(0))
    assert n_decided >= 4
