"""Asked is not reported, and what was judged is on record with its trial."""

import math

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from lcstop.pruning.judgement_record import JudgementRecord
from lcstop.pruning.last_verdict import last_judgement
from lcstop.review import Review
from lcstop_optuna import AUDIT_ATTR, CONFIG_ATTR, REASON_ATTR, STOP_ATTR, LCPFNPruner, read_study
from lcstop_optuna.judgements import is_stopped, records_of, stop_of, store, suppressed_stop_of
from lcstop_optuna.other_trials import OtherTrials

H = 40

optuna.logging.set_verbosity(optuna.logging.ERROR)


def rise(top: float, n: int = H) -> list[float]:
    return [top * (1 - 0.9 ** (epoch + 1)) for epoch in range(n)]


def study_of(n: int = 15, wrap=lambda pruner: pruner, **options) -> optuna.Study:
    """A study with ``n`` finished trials."""
    pruner = wrap(LCPFNPruner(**{"horizon": H, "audit": 0, **options}))
    study = optuna.create_study(study_name="tuning", direction="maximize", pruner=pruner)
    for i in range(n):
        values = rise(0.8 + 0.005 * i)
        study.add_trial(create_trial(value=values[-1], intermediate_values=dict(enumerate(values))))
    return study


def answers(trial: optuna.Trial, values: list[float], *, every: int = 1, obey: bool = True) -> list[int]:
    """Reports, from 1, after which a trial that asks every few reports is told to stop."""
    told = []
    for epoch, value in enumerate(values):
        trial.report(value, epoch)
        if (epoch + 1) % every == 0 and trial.should_prune():
            told.append(epoch + 1)
            if obey:
                break
    return told


# --- asked seldom, by wrappers, and again -------------------------------------------------------------------


@pytest.mark.parametrize("every", [2, 3, 7, 10, 20])
@pytest.mark.parametrize("policy", ["study", "published"])
def test_a_hopeless_trial_that_asks_seldom_is_stopped_at_most_two_questions_late(every, policy):
    asks_always, asks_seldom = (
        answers(study_of(policy=policy, lower=0, upper=1).ask(), [0.1] * H, every=n) for n in (1, every)
    )
    assert asks_seldom
    assert asks_seldom[0] < asks_always[0] + 2 * every


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_wrapper_that_wants_other_things_too_gets_a_yes_between_two_judgements():
    study = study_of(wrap=lambda pruner: optuna.pruners.PatientPruner(pruner, patience=4))
    assert answers(study.ask(), [0.1 - 0.001 * epoch for epoch in range(H)])


def test_who_goes_on_after_a_stop_is_told_again_and_nothing_is_added_to_the_record():
    study = study_of()
    trial = study.ask()
    told = answers(trial, [0.1] * H, obey=False)
    assert told == [*range(told[0], H + 1)]
    frozen = study.trials[trial.number]
    assert last_judgement(records_of(frozen, from_0=True)).step == told[0]
    assert frozen.user_attrs[REASON_ATTR] == f"told to stop at step {told[0]}, but went on"
    study.tell(trial, 0.1)
    (ended,) = [t for t in read_study(study).trials if t.number == trial.number]
    assert (ended.state, ended.reason) == ("finished", None)


@pytest.mark.parametrize("state", [TrialState.PRUNED, TrialState.COMPLETE, TrialState.FAIL])
def test_a_trial_that_reports_once_more_after_its_stop_has_not_obeyed(state):
    study = study_of()
    trial = study.ask()
    (told,) = answers(trial, [0.1] * H)
    trial.report(0.1, told)
    study.tell(trial, 0.1 if state == TrialState.COMPLETE else None, state=state)
    recorded = read_study(study)
    assert recorded.certificate().n_stopped == 0
    if state == TrialState.FAIL:
        return
    ended = recorded.trials[-1]
    assert (ended.stop, ended.reason) == (None, None)
    assert ended.suppressed_stop.reason == f"told to stop at step {told}, but went on"


def test_a_stop_that_was_not_obeyed_ends_when_the_trial_beats_what_it_had_to_beat():
    study = study_of(5)
    trial = study.ask()
    told = answers(trial, [*[0.05] * 10, *[0.95] * (H - 10)], obey=False)
    assert told
    assert told[-1] <= 10
    study.tell(trial, 0.95)
    audit = study.pruner.explain(study, study.trials[0]).audit
    assert (audit.n, audit.won) == (1, 1)


def test_questions_that_cannot_be_judged_are_repeated_as_soon_as_another_trial_has_ended():
    study = study_of(0)
    first, second = study.ask(), study.ask()
    answers(second, [0.1] * 11)
    assert [record.verdict for record in records_of(study.trials[1], from_0=True)] == ["not judged"]
    values = rise(0.9)
    answers(first, values)
    study.tell(first, values[-1])
    second.report(0.1, 11)
    second.should_prune()
    assert last_judgement(records_of(study.trials[1], from_0=True)).step == 12


@pytest.mark.parametrize("gap", [1, 7])
def test_a_trial_that_goes_on_from_a_late_step_is_judged_from_its_second_report_on(gap):
    study = optuna.create_study(direction="maximize", pruner=LCPFNPruner(1000 + 50 * gap, audit=0))
    for i in range(15):
        reports = {1000 + gap * epoch: value for epoch, value in enumerate(rise(0.8 + 0.005 * i, 50), 1)}
        study.add_trial(create_trial(value=reports[1000 + 50 * gap], intermediate_values=reports))
    trial = study.ask()
    for epoch in range(1, 6):
        trial.report(0.05, 1000 + gap * epoch)
        if trial.should_prune():
            break
    assert epoch <= 4


# --- the record ---------------------------------------------------------------------------------------------


def test_every_judgement_is_on_record_with_its_numbers():
    study = study_of()
    trial = study.ask()
    told = answers(trial, [0.3 * (1 - 0.97**epoch) for epoch in range(H)])
    frozen = study.trials[trial.number]
    records = records_of(frozen, from_0=True)
    assert [record.verdict for record in records[:-1]] == ["go on"] * (len(records) - 1)
    stop = frozen.user_attrs[STOP_ATTR]
    assert (stop["step"], stop["verdict"], stop["trial"]) == (told[0] - 1, "stop", trial.number)
    assert 0 <= stop["probability"] <= stop["threshold"] < 1
    assert stop["low"] <= stop["median"] <= stop["high"]
    assert all(isinstance(stop[name], float) for name in ("step", "probability", "threshold", "median"))
    assert study.user_attrs[CONFIG_ATTR]["horizon"] == H


def test_a_restart_changes_no_judgement():
    def told(restart: bool) -> tuple[list[int], int]:
        study = study_of(patience=2)
        trial, found = study.ask(), []
        for epoch, value in enumerate(rise(0.6)):
            if restart:
                study.pruner = LCPFNPruner(H, audit=0, patience=2)
            trial.report(value, epoch)
            if trial.should_prune():
                found.append(epoch)
        return found, len(records_of(study.trials[-1], from_0=True))

    assert told(False) == told(True)


def test_patience_counts_the_judgements_on_record():
    study = study_of(patience=3)
    trial = study.ask()
    answers(trial, [0.1] * H)
    records = records_of(study.trials[trial.number], from_0=True)
    assert [record.says_stop for record in records[-3:]] == [True] * 3
    assert [record.verdict for record in records[-3:]] == ["go on", "go on", "stop"]


def test_the_record_of_another_trial_is_ignored():
    """As after RetryFailedTrialCallback, which copies the attributes."""
    study = study_of()
    trial = study.ask()
    answers(trial, [0.1] * H)
    stopped = study.trials[trial.number]
    study.add_trial(
        create_trial(
            value=0.9,
            intermediate_values=stopped.intermediate_values,
            user_attrs=stopped.user_attrs,
            system_attrs=stopped.system_attrs,
        )
    )
    retried = study.trials[-1]
    assert (records_of(retried, True), stop_of(retried), suppressed_stop_of(retried, True)) == (
        [],
        None,
        None,
    )
    assert not is_stopped(retried)


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED])
def test_a_stopped_trial_is_one_however_its_objective_ends_it(state):
    study = study_of(12)
    trial = study.ask()
    answers(trial, [0.1] * H)
    study.tell(trial, *((0.99,) if state == TrialState.COMPLETE else (None, state)))
    view = OtherTrials(H).view(study, 0)
    assert (view.n_stopped, len(view.unfinished)) == (1, 1)
    # The value that the objective returns is a result, as in study.best_value.
    best = 0.99 if state == TrialState.COMPLETE else max(t.value for t in study.trials[:12])
    assert view.incumbent("best") == best


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("horizon", [40.5, 43])
def test_a_trial_that_diverges_past_its_horizon_is_stopped(horizon, first):
    study = study_of(12, horizon=horizon, diverged_after=2, interval_steps=100)
    trial = study.ask()
    for step in (first, 8, 16, 24):
        trial.report(0.9, step)
        assert not trial.should_prune()
    trial.report(math.nan, 32)
    trial.report(math.nan, 48)
    assert trial.should_prune()
    study.tell(trial, state=TrialState.PRUNED)
    assert is_stopped(study.trials[trial.number])
    assert OtherTrials(horizon).view(study, 0).n_stopped == 1


def test_a_trial_that_its_objective_prunes_is_no_stop_of_ours():
    study = study_of(12)
    trial = study.ask()
    trial.report(0.85, 0)
    study.tell(trial, state=TrialState.PRUNED)
    view = OtherTrials(H).view(study, 0)
    assert (view.n_stopped, view.n_ended, len(view.unfinished)) == (0, 12, 1)


def test_a_stop_of_the_first_release_counts_although_only_its_reason_is_on_record():
    study = study_of(12)
    study.add_trial(
        create_trial(
            state=TrialState.PRUNED, intermediate_values={0: 0.1, 1: 0.1}, user_attrs={REASON_ATTR: "poor"}
        )
    )
    assert OtherTrials(H).view(study, 0).n_stopped == 1


@pytest.mark.parametrize(
    "damage", [None, 3, {}, {"trial": 15}, {"trial": 15, "version": 99, "verdict": "stop"}]
)
def test_damaged_records_are_ignored(damage):
    study = study_of()
    trial = study.ask()
    for name in ("lcstop:judgement:3", "lcstop:not_judged"):
        study._storage.set_trial_system_attr(trial._trial_id, name, damage)
    trial.set_user_attr(STOP_ATTR, damage)
    assert records_of(study.trials[trial.number], True) == []
    assert answers(trial, [0.1] * H)


def test_an_audited_trial_has_its_mark_and_a_record_of_each_judgement():
    study = study_of(30, audit=1.0)
    for _ in range(11):
        trial = study.ask()
        answers(trial, [0.1] * H)
        study.tell(trial, state=TrialState.PRUNED)
    trial = study.ask()
    assert answers(trial, [0.1] * H) == []
    frozen = study.trials[trial.number]
    verdicts = [record.verdict for record in records_of(frozen, True)]
    assert verdicts.count("audited") > 1
    assert AUDIT_ATTR in frozen.user_attrs
    assert STOP_ATTR not in frozen.user_attrs


def test_a_trial_of_nan_only_is_judged_by_divergence_alone_and_has_no_record():
    study = study_of()
    trial = study.ask()
    answers(trial, [math.nan] * 2)
    assert last_judgement(records_of(study.trials[trial.number], True)) is None


@pytest.mark.parametrize("value", [0.5, 0.99])
def test_an_objective_that_returns_has_stopped_trials_whose_values_are_results(value):
    study = study_of(12)
    trial = study.ask()
    told = answers(trial, [0.1] * H)
    study.tell(trial, value)
    recorded = read_study(study)
    (last,) = [t for t in recorded.trials if t.number == trial.number]
    assert (last.state, last.curve.cutoff, last.result) == ("stopped", told[0], value)
    assert last.reason == study.trials[-1].user_attrs[REASON_ATTR]
    assert recorded.best("best") == max(value, study.trials[11].value) == study.best_value


@pytest.mark.parametrize("policy", ["study", "published"])
def test_a_review_shows_the_numbers_on_record(policy):
    study = study_of(policy=policy, lower=0, upper=1)
    trial = study.ask()
    answers(trial, [0.1] * H)
    study.tell(trial, state=TrialState.PRUNED)
    for i in range(20):  # with what came later, the trial would be judged by other numbers
        values = rise(0.05 + 0.002 * i)
        study.add_trial(create_trial(value=values[-1], intermediate_values=dict(enumerate(values))))
    reviewed = Review.of(read_study(study), study.pruner.config).trial(trial.number)
    stored, decision = study.trials[trial.number].user_attrs[STOP_ATTR], reviewed.stop
    probability = decision.p_beat if policy == "published" else decision.p_best
    assert (probability, decision.threshold) == (stored["probability"], stored["threshold"])
    assert (decision.median, *decision.interval) == (stored["median"], stored["low"], stored["high"])


def test_judgements_at_large_steps_do_not_replace_each_other():
    study = study_of(0, horizon=10**8)
    trial = study.ask()
    for step in (10_000_001, 10_000_002):
        store(study._storage, study.trials[0], JudgementRecord(step, "go on"), from_0=False)
    records = records_of(study.trials[trial.number], from_0=False)
    assert [record.step for record in records] == [10_000_001, 10_000_002]
