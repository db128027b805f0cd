"""Reviews: the view at each report, other confidences, the what-if replay, the review of a whole study."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lcstop import Curve, Decision, PrunerConfig, PrunerCore
from lcstop.plots.series import incumbents, savings
from lcstop.review import RecordedStudy, RecordedTrial, Review, history, what_if
from lcstop.review.history import at_confidences, was_wrong
from lcstop.review.record import longest
from lcstop.review.review import options_of
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import replay
from lcstop.simulation.task import ReplayStudy
from tests.simulation.replay_tasks import random_task

H = 12


def trial_of(number, values, state="finished", start=None, end=None, **options) -> RecordedTrial:
    start = float(number) if start is None else start
    curve = Curve(np.arange(1.0, len(values) + 1), values, options.pop("horizon", H))
    return RecordedTrial(number, curve, state, start, start + 1 if end is None else end, **options)


def study_of(trials, direction="maximize", **options) -> RecordedStudy:
    return RecordedStudy("a study", "Optuna", "accuracy", "step", direction, trials, **options)


def flat(number, value, n=H, state="finished", **options) -> RecordedTrial:
    return trial_of(number, [value] * n, state, **options)


def config_of(**options) -> PrunerConfig:
    """Options under which the exact forecasts of the tests' surrogate decide."""
    given = {"horizon": H, "policy": "published", "lower": 0, "upper": 1, "audit": 0}
    return PrunerConfig(**{**given, **options})


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
    rows = at_confidences(config_of(confidence=0.93), study, trial, surrogate)
    assert [row.confidence for row in rows] == [0.5, 0.8, 0.9, 0.93, 0.95, 0.98, 0.99, 0.999]
    steps = [math.inf if row.decision is None else row.decision.cutoff for row in rows]
    assert steps == sorted(steps)
    assert steps[0] == 2
    assert steps[-1] > 8
    assert all(row.wrong is False for row in rows if row.decision)
    assert rows[0].as_dict() == {"confidence": 0.5, "stopped_at": 2.0, "wrong": False}


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


# --- the what-if replay -----------------------------------------------------------------------------------


def as_recorded(task) -> RecordedStudy:
    """The first order of a task as a recorded study without stops."""
    trials = [
        RecordedTrial(
            number,
            Curve(np.arange(1.0, n + 1), task.values[row, :n], task.horizon),
            "finished",
            start=float(number),
            end=number + 1.0,
        )
        for number, row in enumerate(task.order(0))
        for n in [int(task.lengths[row])]
    ]
    return study_of(trials, task.direction)


@pytest.mark.parametrize("target", ["best", "final"])
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_what_if_replay_agrees_with_the_benchmark(surrogate, direction, target):
    surrogate.sigma = 0.05
    task = random_task(n_trials=60, n_steps=H, direction=direction)
    config = config_of(confidence=0.8, target=target, lower=None, upper=None)
    policy = CorePolicy(
        PrunerCore(config, surrogate), ReplayStudy(task, task.order(0).tolist(), target, "benchmark")
    )
    outcome = replay(task, 0, 0, policy, workers=1, budget=60 * H)
    found = what_if(as_recorded(task), config, surrogate)
    assert replace(found.outcome, seconds=0) == replace(outcome, seconds=0)
    assert found.epochs == outcome.epochs
    assert len(found.stopped) == outcome.killed > 20
    wrong = outcome.wrong_best if target == "best" else outcome.wrong_final
    assert sum(run.wrong is True for run in found.stopped) == wrong > 0
    figures = found.as_dict()
    assert figures["epochs_saved"] == 60 * H - outcome.epochs
    assert (figures["stopped"], figures["wrong"], figures["unknown"]) == (outcome.killed, wrong, 0)


def test_trials_that_another_rule_stopped_never_hold_the_incumbent(surrogate):
    study = study_of(
        [
            flat(0, 0.5),
            flat(1, 0.9, 6, "stopped"),
            flat(2, 0.7),
            flat(3, 0.3, 6, "stopped"),
            flat(4, 0.2, 6, "failed"),
        ]
    )
    found = what_if(study, config_of(), surrogate)
    # With 0.9 as the incumbent the third trial would be stopped, too.
    assert [run.trial.number for run in found.stopped] == [3, 4]
    assert [run.wrong for run in found.stopped] == [None, False]
    assert found.runs[3].stop.incumbent == 0.7
    assert found.as_dict()["unknown"] == 1
    assert found.as_dict()["stopped_on_record"] == 2
    assert found.as_dict()["best"] == 0.7


def test_sparse_reports_save_steps_not_reports(surrogate):
    def sparse(number, value):
        return RecordedTrial(number, Curve([5, 10, 20, 40], [value] * 4, 40), "finished", number, number + 1)

    study = study_of([sparse(0, 0.9), sparse(1, 0.2)])
    found = what_if(study, config_of(horizon=40), surrogate)
    assert (study.epochs, found.epochs) == (80, 50)
    assert found.stopped[0].stop.cutoff == 10
    assert found.stopped[0].seconds_saved == pytest.approx(0.75)


# --- the review -------------------------------------------------------------------------------------------


def test_a_review_of_a_study_without_lcstop_holds_the_stops_of_the_replay(surrogate):
    study = study_of([flat(0, 0.8), flat(1, 0.2), flat(2, 0.9), flat(3, 0.1)])
    review = Review.of(study, config_of(), surrogate)
    assert not review.live
    assert [t.record.number for t in review.stopped] == [1, 3]
    assert review.epochs == 28
    assert review.epochs_without_stops == 48
    assert review.winner is review.trials[2]
    assert [shot.n for shot in review.trials[3].snapshots] == [2]
    assert review.trials[3].snapshots[-1].decision is review.trials[3].stop
    assert len(review.trials[2].snapshots) == 5
    assert review.seconds_saved == pytest.approx(20 / 12)


def test_a_review_of_a_study_with_lcstop_keeps_its_stops_and_reasons(surrogate):
    stopped = flat(1, 0.2, 4, "stopped", reason="P(beat 0.8) = 0.01")
    other = flat(2, 0.3, 5, "stopped")
    review = Review.of(study_of([flat(0, 0.8), stopped, other]), config_of(), surrogate)
    assert review.live
    assert [trial.stop.reason for trial in review.stopped] == ["P(beat 0.8) = 0.01", "stopped, not by lcstop"]
    assert all(trial.stop.incumbent == 0.8 and trial.wrong is None for trial in review.stopped)
    assert review.epochs_without_stops - review.epochs == 8 + 7


def test_a_snapshot_shows_the_forecast_of_its_moment(surrogate):
    study = study_of([flat(0, 0.8), flat(1, 0.2)])
    shot = Review.of(study, config_of(), surrogate).trials[1].snapshots[-1]
    assert shot.band.steps.tolist() == list(range(3, H + 1))
    assert shot.band.median[-1] == pytest.approx(shot.decision.median)
    assert (shot.band.low[-1], shot.band.high[-1]) == pytest.approx(shot.decision.interval)
    assert shot.band.level == pytest.approx(0.5, abs=0.1)  # the final value equals the last one


def test_what_cannot_be_forecast_is_shown_without_a_forecast(surrogate):
    class Broken:
        def forecast(self, *_):
            raise RuntimeError("broken")

    study = study_of([flat(0, 0.8), trial_of(1, [0.1, *[math.nan] * (H - 1)])])
    for made in (Broken(), surrogate):
        review = Review.of(study, config_of(), made)
        assert [shot.band for shot in review.trials[1].snapshots] == [None] * 3
        assert review.trials[1].stop.reason.startswith("stopped at step 4 of 12: diverged")


def test_options_on_record_are_used_and_unknown_ones_passed_over():
    study = study_of([flat(0, 0.8)], options={"confidence": 0.8, "patience": 2, "from_the_future": 1})
    config = options_of(study, {"patience": 3})
    assert (config.horizon, config.confidence, config.patience) == (H, 0.8, 3)
    with pytest.raises(ValueError, match="confidence"):
        options_of(study, {"confidence": 2})


# --- infeasible trials, results without curves ------------------------------------------------------------


def test_an_infeasible_trial_is_neither_the_incumbent_nor_the_best():
    judged = flat(3, 0.7)
    trials = [flat(0, 0.9, is_infeasible=True), flat(1, 0.6), flat(2, 0.95, is_infeasible=True), judged]
    study = study_of(trials)
    view = study.view(judged, H)
    assert (view.incumbent("best"), len(view.finished), view.only_infeasible) == (0.6, 1, False)
    assert study.view(trials[1], H).only_infeasible
    assert study.best("best") == 0.7
    found = what_if(study, config_of())
    assert not found.stopped
    assert (found.as_dict()["best"], found.as_dict()["best_recorded"], found.as_dict()["infeasible"]) == (
        0.7,
        0.7,
        2,
    )
    for reviewed in (
        Review.of(study, config_of()),
        Review.of(replace(study, trials=[*trials, flat(4, 0.1, 2, "stopped", reason="poor")]), config_of()),
    ):
        assert reviewed.winner.record is judged
        assert incumbents(reviewed)[0].y[-1] == 0.7


def test_a_stopped_trial_that_is_known_to_be_infeasible_was_no_wrong_stop():
    better = trial_of(1, [0.1] * (H - 1) + [0.99], is_infeasible=True)
    (run,) = what_if(study_of([flat(0, 0.9), better]), config_of()).stopped
    assert run.wrong is False
    assert was_wrong(study_of([flat(0, 0.9), better]), better, run.stop, "best") is False


@pytest.mark.parametrize("live", [False, True])
def test_a_result_without_a_curve_counts_as_a_result_alone(live):
    result = RecordedTrial(0, Curve([H], [0.9], H), "finished", 0, 1, has_curve=False)
    trials = [result, flat(1, 0.7), flat(2, 0.1, 4, "stopped", reason="poor" if live else None)]
    study = study_of(trials)
    assert study.epochs == H + 4
    reviewed = Review.of(study, config_of())
    assert reviewed.live is live
    assert reviewed.winner.record is result
    assert (reviewed.trials[0].snapshots, reviewed.trials[0].epochs) == ([], 0)
    assert reviewed.epochs == H + 4
    assert savings(reviewed)[0].y[:2] == [0, 0]
    assert what_if(study, config_of()).runs[0].decisions == {}
    assert study.view(trials[1], H).incumbent("best") == 0.9
