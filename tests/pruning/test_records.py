"""What is kept of a decision, and whether a stop on record still holds."""

import pytest

from lcstop import Curve, Decision, StudyView
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_verdict, stop_holds
from lcstop.ranking.ranker import Ranker


def test_a_judgement_without_a_threshold_is_none():
    judged = Decision(False, "goes on", 3.0, threshold=0.1, p_best=0.4)
    not_judged = Decision(False, "no other trial to compare with", 3.0)
    assert (judged.verdict, not_judged.verdict) == ("go on", "not judged")
    assert [one.record(0).is_judged for one in (judged, not_judged)] == [True, False]


def test_a_reason_is_kept_where_no_numbers_say_it():
    judged = Decision(True, "stopped at step 3", 3.0, threshold=0.1, p_best=0.01)
    diverged = Decision(True, "diverged", 3.0, diverged=True)
    not_judged = Decision(False, "no other trial to compare with", 3.0)
    assert [one.record(0).why for one in (judged, diverged, not_judged)] == [
        "",
        *("diverged", not_judged.reason),
    ]
    assert [one.record(0).is_divergence for one in (judged, diverged)] == [False, True]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_stop_holds_until_a_trial_that_went_on_beats_what_it_had_to_beat(direction):
    sign = 1 if direction == "maximize" else -1
    records = [JudgementRecord(1.0, "stop", to_beat=sign * 0.8)]

    def holds(*values: float, target: str = "best", known=records) -> bool:
        trial = Curve(range(1, len(values) + 1), [sign * value for value in values], horizon=9)
        told = last_verdict(trial, StudyView(direction, judgements=known), target).stop
        assert told == stop_holds(trial, known, direction, target)
        return told

    assert holds(0.2, 0.3)
    assert not holds(0.2, 0.9)
    assert not holds(0.2, 0.9, 0.3)
    assert not holds(0.2, 0.9, target="final")
    assert holds(0.2, 0.9, 0.3, target="final")
    assert not holds(0.2, known=[])
    assert not holds(0.2, known=[JudgementRecord(1.0, "go on")])
    assert not holds(0.2, known=[JudgementRecord(1.0, "not judged", why="no other trial")])


def test_with_target_final_the_last_value_leads_and_no_earlier_one():
    finished = [Curve([1, 2, 3, 4], [0.1, 0.6, 0.5, 0.4], 4), Curve([1, 2, 3, 4], [0.1, 0.8, 0.7, 0.6], 4)]

    def leads(*values: float) -> bool:
        trial = Curve(range(1, len(values) + 1), values, 4)
        found = Ranker().rank(trial, finished, [], "maximize", target="final")
        assert found is not None
        return found.leads

    assert leads(0.1, 0.3, 0.61)
    assert not leads(0.1, 0.61, 0.3)


def test_a_decision_shows_the_forecast_that_is_on_record():
    today = Decision(True, "", 3.0, threshold=0.1, p_best=0.02, median=0.5, interval=(0.4, 0.6))
    record = JudgementRecord(3.0, "stop", median=0.7, low=0.6, high=0.8, p_best=0.01, threshold=0.1)
    found = today.as_recorded(record)
    assert (found.median, found.interval, found.p_best) == (0.7, (0.6, 0.8), 0.01)
    bare = today.as_recorded(JudgementRecord(3.0, "stop", p_best=0.01, threshold=0.1))
    assert (bare.median, bare.interval) == (0.5, (0.4, 0.6))
