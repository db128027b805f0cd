"""The review of a whole study."""

import math
from dataclasses import replace

import pytest

from lcstop import Curve
from lcstop.plots.series import incumbents, savings
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.review import RecordedTrial, Review, what_if
from lcstop.review.history import was_wrong
from lcstop.review.options import options_of
from tests.review.recorded_trials import H, config_of, flat, study_of, trial_of

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
    stopped = flat(1, 0.2, 4, "stopped", reason="too poor")
    other = flat(2, 0.3, 5, "stopped")
    review = Review.of(study_of([flat(0, 0.8), stopped, other]), config_of(), surrogate)
    assert review.live
    (shown,) = review.stopped  # the other one was not stopped by lcstop
    assert (shown.stop.reason, shown.stop.incumbent, shown.wrong) == ("too poor", 0.8, None)
    assert review.epochs_without_stops - review.epochs == 8


def test_a_reason_has_the_numbers_on_record(surrogate):
    told = JudgementRecord(4.0, "go on", 1, False, probability=0.123, threshold=0.0456, p_beat=0.123)
    trials = [flat(0, 0.5), flat(1, 0.6, judgements=[told])]
    decision = (
        Review.of(study_of(trials, options={"horizon": H}), config_of(), surrogate)
        .trials[1]
        .snapshots[0]
        .decision
    )
    assert decision.reason == (
        f"goes on at step 4 of {H}: 12 % chance to beat the best so far (needs 4.6 %), best so far 0.5"
    )
    assert (decision.probability, decision.threshold) == (0.123, 0.0456)


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
    with pytest.raises(ValueError, match=r"^confidence: must be below 1, got 2$"):
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
