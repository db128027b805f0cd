"""When a trial is judged: from its record and its last report alone."""

import numpy as np
import pytest

from lcstop import Curve, PrunerConfig
from lcstop.pruning.due import MOMENTS, next_question, origin_of, question_at
from lcstop.pruning.judgement_record import JudgementRecord

H = 100


def asked(config, steps, *, judged=lambda step: True, ended=lambda step: 0, first=None):
    """Steps at which a trial that is asked at ``steps`` is judged, and those of the tries that failed."""
    records, tries, reported = [], [], first or [*range(1, H)]
    for step in steps:
        trial = Curve([s for s in reported if s <= step], [0.5] * sum(s <= step for s in reported), H)
        question = question_at(config, trial, records)
        if question is None:
            continue
        if question.asked_at_n_ended is not None and ended(step) <= question.asked_at_n_ended:
            continue
        verdict = "go on" if judged(step) else "not judged"
        (tries if verdict == "not judged" else []).append(step)
        records.append(JudgementRecord(step, verdict, n_ended=ended(step)))
    return [record.step for record in records if record.is_judged], tries


@pytest.mark.parametrize("every", [1, 2, 3, 5, 8, 10, 25, 40])
def test_each_moment_is_used_at_the_first_call_at_or_after_it(every):
    config = PrunerConfig(horizon=H)
    judged, _ = asked(config, range(every, H, every))
    due = [MOMENTS.first_share * MOMENTS.step_ratio**i * H for i in range(20)]
    calls = [next(s for s in range(every, 10 * H, every) if s >= step * (1 - 1e-9)) for step in due]
    assert judged == sorted({step for step in calls if step < H})


def test_a_try_that_could_not_be_judged_uses_up_no_moment_and_is_repeated_at_1_1_times_the_steps():
    config = PrunerConfig(horizon=H)
    judged, tries = asked(config, range(1, H), judged=lambda step: step >= 50)
    assert tries == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 21, 24, 27, 30, 33, 37, 41, 46]
    assert judged[:2] == [51, 61]


def test_a_try_is_repeated_as_soon_as_another_trial_has_ended():
    config = PrunerConfig(horizon=H)
    _, tries = asked(config, range(1, H), judged=lambda step: False, ended=lambda step: step // 32)
    assert {32, 64, 96} <= {*tries}


def test_there_are_some_150_tries_at_any_length():
    config, step, n_tries = PrunerConfig(horizon=10**6, policy="published"), 1.0, 1
    while (step := next_question(config, [1, 2], 10**6, [JudgementRecord(step, "not judged")]).step) < 10**6:
        step = float(np.ceil(step))
        n_tries += 1
    assert 100 < n_tries < 150


def test_nothing_is_asked_at_the_horizon():
    trial = Curve(range(1, H + 1), [0.5] * H, H)
    assert question_at(PrunerConfig(horizon=H), trial, []) is None
    assert question_at(PrunerConfig(horizon=H), trial, [JudgementRecord(50, "not judged")]) is None
    config = PrunerConfig(horizon=H, min_steps=H / 2, interval_steps=H / 2)
    assert next_question(config, [1, 2], H, [JudgementRecord(H / 2, "go on")]).step == np.inf


def test_the_moments_of_a_trial_that_goes_on_from_a_later_step_are_counted_from_there():
    config = PrunerConfig(horizon=H, min_steps=1)
    judged, _ = asked(config, range(60, H), first=[*range(60, H)], judged=lambda step: step > 60)
    assert judged[:4] == [61, 62, 63, 65]
    assert origin_of([60, 61]) == 59
    assert origin_of([20, 30]) == 0  # two report intervals after step 0


def test_interval_steps_are_the_least_steps_between_two_judgements():
    judged, _ = asked(PrunerConfig(horizon=H, interval_steps=20), range(1, H))
    assert judged == [2, 22, 42, 62, 82]


@pytest.mark.parametrize("policy", ["study", "published"])
def test_patience_counts_the_judgements_on_record(policy):
    config = PrunerConfig(horizon=H, patience=3, policy=policy)
    records = [JudgementRecord(step, "go on", says_stop=step > 3) for step in (2, 4, 6)]
    trial = Curve(range(1, 31), [0.5] * 30, H)
    question = question_at(config, trial, records)
    assert (question.said_stop, len(question.prefixes)) == ([True, True], 1)
    # Without a record each report counts as judged, and the curve is judged again as it was then.
    assert len(question_at(config, trial, None, always=True).prefixes) == 3


def test_without_a_record_every_report_counts_as_judged():
    config, values = PrunerConfig(horizon=H), [0.5] * H
    due = [n for n in range(1, H) if question_at(config, Curve(range(1, n + 1), values[:n], H), None)]
    assert due == asked(config, range(1, H))[0]
