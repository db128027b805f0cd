"""Tests of ``keep`` in Optuna: what stops have spent is read from their records."""

from __future__ import annotations

import optuna
import pytest

from lcstop_optuna import AUDIT_ATTR, CERTIFICATE_ATTR, LCPFNPruner, read_study
from lcstop_optuna.judgements import stop_of
from lcstop_optuna.other_trials import OtherTrials

N_TRIALS, N_STEPS, KEEP = 40, 30, 0.7


def objective(trial: optuna.Trial) -> float:
    end = trial.suggest_float("end", 0, 1)
    speed = trial.suggest_float("speed", 0.05, 0.3)
    value = 0.0
    for step in range(1, N_STEPS + 1):
        value = end * (1 - (1 - speed) ** step)
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return value


def test_stops_spend_at_most_the_promise_and_it_is_read_from_the_storage():
    pruner = LCPFNPruner(horizon=N_STEPS, keep=KEEP, n_trials=N_TRIALS, audit=0)
    study = optuna.create_study(
        direction="maximize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=1)
    )
    study.optimize(objective, n_trials=N_TRIALS)
    stops = [stop for trial in study.trials if (stop := stop_of(trial)) is not None]
    spent = sum(stop.p_best or 0.0 for stop in stops)
    assert len(stops) >= 10
    assert 0 < spent <= 1 - KEEP
    # A new process knows it from the storage alone.
    fresh = OtherTrials(float(N_STEPS)).view(study, N_TRIALS)
    assert fresh.spent == pytest.approx(spent)


def study_of(pruner: LCPFNPruner, n_trials: int, **options) -> optuna.Study:
    study = optuna.create_study(
        direction="maximize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=1)
    )
    study.optimize(objective, n_trials=n_trials, **options)
    return study


def test_the_study_holds_the_certificate_as_of_the_last_stop():
    def fails(trial: optuna.Trial) -> float:
        trial.report(0.1, 1)
        raise RuntimeError

    study = study_of(LCPFNPruner(horizon=N_STEPS, keep=KEEP, n_trials=N_TRIALS), 10)
    study.optimize(fails, 1, catch=(RuntimeError,))
    study.add_trial(optuna.create_trial(value=0.1))
    study.enqueue_trial({"end": 0.01, "speed": 0.1})
    for _ in range(20):
        study.optimize(objective, 1)
        if stop_of(study.trials[-1]) is not None:
            break
    else:
        pytest.fail("no trial was stopped")
    stored, found = study.user_attrs[CERTIFICATE_ATTR], read_study(study).certificate()
    assert stored["stopped"] == found.n_stopped >= 2
    assert stored["trials"] == found.n_trials == len(study.trials)
    assert stored["steps"] == found.steps
    assert stored["steps_saved"] == found.steps_saved
    assert stored["expected_lost"] == pytest.approx(found.expected_lost)
    assert stored["p_kept"] == pytest.approx(1 - found.expected_lost)


def test_a_policy_without_the_probability_promises_nothing():
    study = study_of(LCPFNPruner(horizon=N_STEPS, policy="published", confidence=0.5), 15)
    stored = study.user_attrs[CERTIFICATE_ATTR]
    assert stored["stopped"] > 0
    assert stored["p_kept"] is None
    assert stored["share_saved"] > 0


@pytest.mark.parametrize("workers", [4, 16])
def test_parallel_workers_stop_trials_before_any_has_finished_and_keep_the_promise(workers):
    """All report in turn. Each knows of the stops that the others have been told of."""
    pruner = LCPFNPruner(horizon=N_STEPS, keep=KEEP, n_trials=N_TRIALS)
    study = optuna.create_study(
        direction="maximize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=2)
    )
    running, told, n_before = list[tuple[optuna.Trial, float, float, int]](), list[optuna.Trial](), 0
    n_started = 0
    while n_started < N_TRIALS or running:
        while len(running) < workers and n_started < N_TRIALS:
            trial, n_started = study.ask(), n_started + 1
            running.append(
                (trial, trial.suggest_float("end", 0, 1), trial.suggest_float("speed", 0.05, 0.3), 0)
            )
        for trial in told:  # a step later: until then its state is running
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        told, left = [], []
        for trial, end, speed, step in running:
            value = end * (1 - (1 - speed) ** (step + 1))
            trial.report(value, step + 1)
            if trial.should_prune():
                told.append(trial)
            elif step + 1 == N_STEPS:
                study.tell(trial, value)
            else:
                left.append((trial, end, speed, step + 1))
        running = left
        n_before += len(told) if not study.get_trials(states=(optuna.trial.TrialState.COMPLETE,)) else 0
    for trial in told:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    found = read_study(study).certificate()
    assert found.n_stopped > N_TRIALS / 4
    assert n_before > 0
    assert found.expected_lost <= 1 - KEEP


def test_shadow_mode_spends_as_the_stops_would_have():
    study = study_of(LCPFNPruner(horizon=N_STEPS, keep=KEEP, n_trials=N_TRIALS, shadow=True), N_TRIALS)
    would = [trial for trial in study.trials if AUDIT_ATTR in trial.user_attrs]
    assert len(would) >= 10
    spent = OtherTrials(float(N_STEPS)).view(study, N_TRIALS).spent
    assert 0 < spent <= 1 - KEEP
    recorded, last = read_study(study), study.trials[-1].number
    others = OtherTrials(float(N_STEPS)).view(study, last)
    assert recorded.view(recorded.trial(last), N_STEPS).spent == pytest.approx(others.spent)
