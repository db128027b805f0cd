"""What is read of a study in Optuna's storage."""

import json

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from lcstop import PrunerCore
from lcstop.commands.app import main
from lcstop_optuna import CONFIG_ATTR, LCPFNPruner, read_study

H = 12


def test_every_kind_of_trial_is_read():
    study = optuna.create_study(study_name="tuning", direction="minimize")
    reports = {0: 3.0, 1: 2.0, 2: 1.0}
    study.add_trial(create_trial(value=1.0, intermediate_values=reports, user_attrs={"note": "first"}))
    study.add_trial(create_trial(value=0.5))  # a result alone is known at the horizon
    study.add_trial(create_trial(state=TrialState.PRUNED, intermediate_values={0: 3.0}))
    study.add_trial(create_trial(state=TrialState.PRUNED))  # never reported
    study.add_trial(create_trial(state=TrialState.FAIL, intermediate_values={0: 2.0}))
    running = study.ask()
    running.report(2.5, 0)
    study.enqueue_trial({})
    found = read_study(study)
    assert (found.name, found.direction, found.metric, found.horizon) == ("tuning", "minimize", "value", 3)
    assert [(t.number, t.state) for t in found.trials] == [
        (0, "finished"),
        (1, "finished"),
        (2, "stopped"),
        (4, "failed"),
        (5, "running"),
    ]
    assert found.trials[1].curve.steps.tolist() == [3]
    assert found.trials[0].attrs == {"note": "first"}
    assert found.trials[-1].end >= found.trials[-1].start


def test_the_options_are_noted_once_and_again_when_they_change(surrogate):
    study = optuna.create_study(direction="maximize")
    study.add_trial(create_trial(value=0.9, intermediate_values=dict.fromkeys(range(H), 0.9)))
    for keep in (0.9, 0.8):
        pruner = LCPFNPruner(horizon=H, keep=keep)
        pruner._core = PrunerCore(pruner.config, surrogate)
        study.pruner = pruner
        trial = study.ask()
        for step in range(2):
            trial.report(0.1, step)
            trial.should_prune()
        assert study.user_attrs[CONFIG_ATTR]["keep"] == keep


def test_more_than_one_objective_is_refused():
    study = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.raises(ValueError, match="one objective"):
        read_study(study)


def test_a_horizon_cuts_what_lies_beyond():
    study = optuna.create_study(direction="maximize")
    study.add_trial(create_trial(value=0.9, intermediate_values={i: i / 10 for i in range(1, 10)}))
    assert read_study(study, horizon=5).trials[0].curve.cutoff == 5
    assert np.isclose(read_study(study).trials[0].curve.cutoff, 9)


def test_infeasible_trials_and_results_without_curves_are_told(tmp_path, capsys):
    path = tmp_path / "study.log"
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.create_study(study_name="mixed", direction="maximize", storage=storage)
    reports = {epoch: 0.8 - 0.8 * 0.7**epoch for epoch in range(H)}
    study.add_trial(create_trial(value=0.95, intermediate_values=reports))
    broken = create_trial(value=0.95, intermediate_values=reports)
    broken.system_attrs["constraints"] = (1.0,)
    study.add_trial(broken)
    study.add_trial(create_trial(value=0.9))
    recorded = read_study(study)
    assert [(t.is_infeasible, t.has_curve) for t in recorded.trials] == [
        (False, True),
        (True, True),
        (False, False),
    ]
    options = ["explain", "--storage", str(path)]
    for trial, words in (("1", "completed, infeasible"), ("2", "it is a result without a curve")):
        with pytest.raises(SystemExit):
            main([*options, "--trial", trial])
        assert words in capsys.readouterr().out
        with pytest.raises(SystemExit):
            main([*options, "--trial", trial, "--json"])
        content = json.loads(capsys.readouterr().out)
        assert (content["infeasible"], content["has_curve"]) == (trial == "1", trial == "1")
        assert bool(content["history"]) == (trial == "1")
    with pytest.raises(SystemExit):
        main(options)
    out = capsys.readouterr().out
    assert "infeasible trials, never the best" in out
    assert f"{2 * H}" in out
