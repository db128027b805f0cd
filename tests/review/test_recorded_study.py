"""Recorded studies: the view at each report, one trial at other values of keep, wrong stops."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lcstop import Curve, Decision, PrunerCore
from lcstop.review.history import at_other_values, history, was_wrong
from lcstop.review.recorded_study import longest
from tests.review.recorded_trials import H, config_of, flat, study_of, trial_of

# --- what was known when ----------------------------------------------------------------------------------


def test_a_view_holds_what_was_known_at_that_report():
    judged = flat(2, 0.5, start=10, end=10 + H)  # report n at 10 + n
    study = study_of(
        [
            flat(0, 0.9, start=0, end=13),  # ended as the judged one made its third report
            flat(1, 0.8, 4, "stopped", start=0, end=12),
            judged,
            flat(3, 0.7, 4, start=12, end=20),  # reports at 14, 16, 18 and 20
            flat(4, 0.6, 2, "failed", start=0, end=1),
            flat(5, 0.3, 2, "running", start=11, end=13),
        ]
    )

    def known(n):
        view = study.view(judged, n)
        return [[curve.values[0] for curve in part] for part in (view.finished, view.unfinished)]

    assert known(1) == [[], [0.9, 0.8]]
    assert known(2) == [[], [0.9, 0.8, 0.3]]
    assert known(3) == [[0.9], [0.8, 0.3]]
    assert known(6) == [[0.9], [0.8, 0.7, 0.3]]
    assert [len(curve) for curve in study.view(judged, 6).unfinished] == [4, 2, 2]
    assert known(11) == [[0.9, 0.7], [0.8, 0.3]]


def test_trials_added_at_one_moment_go_by_their_numbers():
    trials = [flat(i, 0.1 * i, start=5, end=5) for i in range(4)]
    assert len(study_of(trials).view(trials[2], 1).finished) == 2


def test_the_longest_trial_gives_the_horizon():
    assert longest([{0: 1.0, 9: 2.0}, {}, {0: 1.0}], from_0=True) == 10
    assert longest([{5: 1.0, 10: 2.0}], from_0=False) == 10
    assert longest([], from_0=False) == 1


def test_a_study_without_a_value_is_refused():
    with pytest.raises(ValueError, match="no trial of study 'a study' has reported a finite value"):
        study_of([flat(0, math.nan)])
    with pytest.raises(ValueError, match="has no trial 7"):
        study_of([flat(0, 0.1)]).trial(7)


# --- one trial --------------------------------------------------------------------------------------------


def test_the_history_is_what_the_core_says_at_each_report(surrogate):
    poor = flat(1, 0.3)
    study = study_of([flat(0, 0.9), poor])
    rows = history(config_of(min_steps=3, interval_steps=4), study, poor, surrogate)
    assert [row.decision.cutoff for row in rows] == [3, 7, 11]
    core = PrunerCore(config_of(min_steps=3, interval_steps=4), surrogate)
    assert [row.decision for row in rows] == [
        core.judge(poor.curve.prefix(n), study.view(poor, n)) for n in (3, 7, 11)
    ]
    assert all(row.says_stop and row.decision.stop for row in rows)


def test_says_stop_ignores_patience(surrogate):
    poor = flat(1, 0.3)
    rows = history(config_of(patience=3), study_of([flat(0, 0.9), poor]), poor, surrogate)
    assert [row.says_stop for row in rows[:3]] == [True] * 3
    assert [row.decision.stop for row in rows[:4]] == [False, False, True, True]


def test_other_confidences_stop_later_or_never(surrogate):
    surrogate.sigma = 0.1
    values = [0.85 - 0.02 * i for i in range(H)]
    trial = trial_of(3, values)
    study = study_of([*(trial_of(i, np.linspace(0.1, 0.9, H)) for i in range(3)), trial])
    rows = at_other_values(config_of(confidence=0.93), study, trial, surrogate)
    assert [row.value for row in rows] == [0.5, 0.8, 0.9, 0.93, 0.95, 0.98, 0.99, 0.999]
    steps = [math.inf if row.decision is None else row.decision.cutoff for row in rows]
    assert steps == sorted(steps)
    assert steps[0] == 2
    assert steps[-1] > 8
    assert all(row.wrong is False for row in rows if row.decision)
    assert rows[0].as_dict() == {"option": "confidence", "value": 0.5, "stopped_at": 2.0, "wrong": False}


@pytest.mark.parametrize(
    ("values", "state", "target", "wrong"),
    [
        ([0.1, 0.2, 0.95, 0.3], "finished", "best", True),
        ([0.1, 0.2, 0.95, 0.3], "finished", "final", False),
        ([0.1, 0.2, 0.3, 0.95], "finished", "final", True),
        ([0.95, 0.2, 0.3, 0.4], "finished", "best", False),  # values before the stop do not count
        ([0.1, 0.2, 0.3], "stopped", "best", None),
        ([0.1, 0.2, 0.95], "stopped", "best", True),
        ([0.1, 0.2, 0.95], "stopped", "final", None),
    ],
)
def test_a_stop_is_wrong_as_far_as_is_known(values, state, target, wrong):
    stop = Decision(True, "", cutoff=2.0, incumbent=0.9)
    trial = trial_of(1, values, state, horizon=4)
    assert was_wrong(study_of([flat(0, 0.9), trial]), trial, stop, target) is wrong
    assert was_wrong(study_of([trial]), trial, replace(stop, incumbent=None), target) is None


def test_a_whole_curve_tells_what_the_record_does_not():
    stop = Decision(True, "", cutoff=2.0, incumbent=0.9)
    for end, wrong in ((0.95, True), (0.5, False)):
        whole = Curve([1, 2, 3], [0.1, 0.2, end], 3)
        trial = trial_of(1, [0.1, 0.2], "stopped", horizon=3, full_curve=whole)
        assert was_wrong(study_of([trial]), trial, stop, "best") is wrong
