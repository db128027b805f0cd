"""The convergence stop in Optuna."""

from unittest import mock

import optuna
import pytest
from optuna.trial import TrialState

from lcstop_optuna import CONVERGED_ATTR, REASON_ATTR, LCPFNPruner, converged, read_study
from tests.pruning.test_convergence import SATURATING, H, first_converged

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial: optuna.Trial, values=SATURATING, judge=None) -> float:
    for epoch, value in enumerate(values):
        trial.report(value, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
        if converged(trial, judge):
            break
    return value


def study_with(pruner, n: int = 1, **kwargs) -> optuna.Study:
    study = optuna.create_study(direction="maximize", pruner=pruner)
    study.optimize(lambda trial: objective(trial, **kwargs), n_trials=n)
    return study


def test_a_converged_trial_of_optuna_is_complete_and_holds_the_incumbent():
    study = study_with(LCPFNPruner(horizon=H, min_gain=0.02))
    (trial,) = study.trials
    assert trial.state == TrialState.COMPLETE
    assert trial.last_step + 1 == first_converged(SATURATING)
    assert trial.user_attrs[CONVERGED_ATTR].startswith(f"converged at step {trial.last_step + 1} of {H}: ")
    assert REASON_ATTR not in trial.user_attrs
    later = study.ask()
    for epoch in range(5):
        later.report(0.1, epoch)
    assert study.pruner.explain(study, later).incumbent == trial.value
    (recorded, _) = read_study(study).trials
    assert (recorded.state, recorded.reason, recorded.attrs) == ("finished", None, {})


def test_converged_is_false_without_min_gain_and_outside_a_study():
    (trial,) = study_with(LCPFNPruner(horizon=H)).trials
    assert trial.last_step == H - 1
    assert objective(optuna.trial.FixedTrial({})) == SATURATING[-1]
    assert LCPFNPruner(horizon=H, min_gain=0.02).converged(trial) is False


def test_another_pruner_needs_the_options_as_an_argument():
    with pytest.raises(ValueError, match="the study's pruner is MedianPruner: pass converged"):
        study_with(optuna.pruners.MedianPruner())
    study = study_with(optuna.pruners.MedianPruner(), judge=LCPFNPruner(horizon=H, min_gain=0.02))
    assert study.trials[0].last_step + 1 == first_converged(SATURATING)


def test_a_storage_that_fails_lets_the_objective_go_on(caplog):
    study = optuna.create_study(direction="maximize", pruner=LCPFNPruner(horizon=H, min_gain=0.5))
    trial = study.ask()
    for epoch, value in enumerate(SATURATING[:9]):
        trial.report(value, epoch)
    with mock.patch.object(study._storage, "get_all_trials", side_effect=OSError("gone")):
        assert not converged(trial)
    assert "OSError: gone" in caplog.text
    assert converged(trial)


def test_only_one_objective():
    study = optuna.create_study(directions=["maximize", "minimize"], pruner=LCPFNPruner(horizon=H))
    with pytest.raises(ValueError, match="one objective"):
        converged(study.ask())
