"""Tests of ``keep`` in Optuna: what stops have spent is read from their records."""

from __future__ import annotations

import optuna
import pytest

from lcstop_optuna import LCPFNPruner
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
