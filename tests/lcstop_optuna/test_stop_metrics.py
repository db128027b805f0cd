"""stop_metrics: the numbers are those of the record, and always numbers."""

import optuna
import pytest

from lcstop_optuna import STOP_ATTR, LCPFNPruner, stop_metrics
from tests.lcstop_optuna.test_summary import H, objective, study_with

KNOWN = {
    "lcstop_step": "step",
    "lcstop_probability": "probability",
    "lcstop_threshold": "threshold",
    "lcstop_predicted": "median",
    "lcstop_to_beat": "to_beat",
}


def test_the_numbers_of_a_stop_are_those_of_its_record():
    study = study_with(LCPFNPruner(horizon=H))
    study.optimize(objective, n_trials=8)
    stopped = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert stopped
    for trial in stopped:
        record = trial.user_attrs[STOP_ATTR]
        assert record["step"] == trial.last_step
        expected = {name: record[key] for name, key in KNOWN.items()}
        assert stop_metrics(trial) == {"lcstop_stopped": 1, **expected}


def test_a_trial_that_went_on_or_was_pruned_by_others_has_one_number():
    study = study_with(LCPFNPruner(horizon=H))
    study.optimize(objective, n_trials=8)
    finished = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    others = optuna.trial.create_trial(
        state=optuna.trial.TrialState.PRUNED, value=0.1, intermediate_values={1: 0.1}
    )
    assert finished
    for trial in [*finished, others]:
        assert stop_metrics(trial) == {"lcstop_stopped": 0}


@pytest.mark.parametrize("worst", [float("nan"), float("inf")])
def test_a_diverged_trial_has_only_numbers(worst):
    def diverges(trial: optuna.Trial) -> float:
        for epoch in range(H):
            trial.report(worst if trial.number == 3 and epoch > 4 else 1 / (epoch + trial.number + 1), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 1 / H

    study = optuna.create_study(pruner=LCPFNPruner(horizon=H))
    study.optimize(diverges, n_trials=4)
    trial = study.trials[3]
    assert STOP_ATTR in trial.user_attrs
    metrics = stop_metrics(trial)
    assert metrics["lcstop_stopped"] == 1
    assert all(isinstance(number, float) for number in metrics.values())


def test_what_was_said_of_the_first_try_is_not_said_of_the_second():
    study = study_with(LCPFNPruner(horizon=H))
    study.optimize(objective, n_trials=8)
    stopped = next(trial for trial in study.trials if trial.state.name == "PRUNED")
    again = optuna.trial.create_trial(value=1.0, user_attrs={STOP_ATTR: stopped.user_attrs[STOP_ATTR]})
    again.number = stopped.number + 100
    assert stop_metrics(again) == {"lcstop_stopped": 0}
