"""The certificate: what stops may have lost, and what they have saved."""

from __future__ import annotations

import json

import pytest

from lcstop import Curve
from lcstop.pruning.certificate import Certificate, StartedTrial, certificate
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.review.recorded_study import RecordedStudy
from lcstop.review.recorded_trial import RecordedTrial

STOPS = [JudgementRecord(4.0, "stop", p_best=p) for p in (0.02, 0.01)]


def test_what_stops_have_spent_is_added_up():
    found = certificate([StartedTrial(20, 20), *(StartedTrial(4, 20, stop) for stop in STOPS)])
    assert (found.n_trials, found.n_stopped) == (3, 2)
    assert found.expected_lost == pytest.approx(0.03)
    assert found.p_kept == pytest.approx(0.97)
    assert (found.steps, found.steps_saved) == (28, 32)
    assert found.share_saved == pytest.approx(32 / 60)
    assert str(found) == (
        "best trial kept with probability 0.97 (expected lost winners 0.03); 53 % of the steps saved"
    )


def test_a_probability_is_never_below_zero():
    found = certificate([StartedTrial(4, 20, JudgementRecord(4.0, "stop", p_best=0.7))] * 2)
    assert (found.p_kept, found.expected_lost) == (0.0, 1.4)


def test_a_study_without_stops_has_lost_nothing():
    assert certificate([]) == Certificate(0, 0, 0.0, 0.0, 0.0)
    found = certificate([StartedTrial(20, 20), StartedTrial(3, 20)])
    assert (found.p_kept, found.share_saved) == (1.0, 0.0)


def test_a_stop_without_its_probability_leaves_open_what_was_lost():
    found = certificate([StartedTrial(4, 20, STOPS[0]), StartedTrial(5, 20, JudgementRecord(5.0, "stop"))])
    assert (found.p_kept, found.expected_lost, found.n_stopped) == (None, None, 2)
    assert str(found) == "78 % of the steps saved"
    assert json.loads(json.dumps(found.as_dict()))["p_kept"] is None


def test_a_trial_that_diverged_was_no_winner():
    diverged = JudgementRecord(5.0, "stop", why="diverged: the last 3 reports are not finite")
    found = certificate([StartedTrial(4, 20, STOPS[0]), StartedTrial(5, 20, diverged)])
    assert (found.n_stopped, found.expected_lost) == (2, 0.02)


def test_a_trial_past_its_horizon_takes_nothing_from_what_was_saved():
    assert certificate([StartedTrial(21, 20, STOPS[0])]).steps_saved == 0


def test_the_certificate_of_a_recorded_study():
    done = RecordedTrial(0, Curve([1, 2, 3, 4], [0.1, 0.5, 0.8, 0.9], 4), "finished", start=0, end=4)
    stop = JudgementRecord(1.0, "stop", p_best=0.02)
    poor = Curve([1], [0.1], 4)
    ours = RecordedTrial(1, poor, "stopped", start=4, end=5, reason="poor", judgements=[stop])
    others = RecordedTrial(2, poor, "stopped", start=5, end=6)
    failed = RecordedTrial(3, poor, "failed", start=6, end=7)
    told_and_went_on = RecordedTrial(4, done.curve, "finished", start=7, end=8, judgements=[stop])
    trials = [done, ours, others, failed, told_and_went_on]
    found = RecordedStudy("s", "Optuna", "accuracy", "epoch", "maximize", trials).certificate()
    assert (found.n_trials, found.n_stopped, found.expected_lost) == (5, 1, 0.02)
    assert (found.steps, found.steps_saved) == (11, 3)
    first_release = RecordedTrial(5, poor, "stopped", start=5, end=6, reason="poor")
    trials.append(first_release)
    assert RecordedStudy("s", "Optuna", "accuracy", "epoch", "maximize", trials).certificate().p_kept is None
