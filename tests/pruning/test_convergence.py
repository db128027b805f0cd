"""The convergence stop: the rule, and what both engines make of it."""

import logging
import math
from pathlib import Path
from unittest import mock

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.experiment import Trial

from lcstop import Curve, PrunerConfig, PrunerCore, StudyView
from lcstop_optuna import CONVERGED_ATTR, REASON_ATTR, LCPFNPruner, converged, read_study
from lcstop_ray import CONVERGED_FILE, STOPPED_FILE, LCPFNScheduler, read_folder
from tests.conftest import NormalSurrogate
from tests.lcstop_ray.ray_trials import GO, STOP, new_trial, results
from tests.lcstop_ray.test_folder import Search
from tests.lcstop_ray.test_records import json_lines, old_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)

H = 40
SATURATING = [0.9 - 0.6 * 0.6**k for k in range(H)]


class Broken:
    def forecast(self, *args, **kwargs):
        raise RuntimeError("no forecast today")


def core(surrogate=None, **options) -> PrunerCore:
    config = PrunerConfig(**{"horizon": H, "min_gain": 0.01} | options)
    return PrunerCore(config, surrogate or NormalSurrogate())


def curve(values) -> Curve:
    return Curve(range(1, len(values) + 1), values, H)


# --- the rule ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("gain", "stop"), [(0.0, False), (0.001, False), (0.05, True)])
def test_a_gain_beyond_min_gain_must_be_unlikely(sign, gain, stop):
    """Every trial stays where it is, give or take a hundredth of the unit interval: 0.7 hundredths of 0.6."""
    study = StudyView("maximize" if sign == 1 else "minimize")
    decision = core(min_gain=gain).converged(curve([sign * v for v in SATURATING[:10]]), study)
    assert (decision.stop, decision.converged) == (stop, stop)
    assert decision.reason.startswith("converged: P(gain more than" if stop else "P(gain more than")
    assert decision.interval[0] < decision.median < decision.interval[1]


def test_confidence_moves_the_threshold():
    trial, study = curve(SATURATING[:10]), StudyView("maximize")
    stops = [core(min_gain=0.008, confidence=c).converged(trial, study).stop for c in (0.5, 0.8, 0.999)]
    assert stops[0]
    assert not stops[-1]
    assert stops == sorted(stops, reverse=True)


def test_what_counts_is_the_best_value_or_the_last():
    """After a fall the last value may rise again, by more than the best one will."""
    fallen = curve([0.2, 0.5, 0.9, 0.6])
    rising = mock.Mock()
    rising.forecast = lambda curves, at, scale, study=(): NormalSurrogate().forecast(
        [Curve([1], [0.8], H)] * len(curves), at, scale
    )
    assert core(rising).converged(fallen, StudyView("maximize")).stop
    assert not core(rising, target="final").converged(fallen, StudyView("maximize")).stop


@pytest.mark.parametrize(
    ("trial", "options", "reason"),
    [
        (curve(SATURATING[:10]), {"min_gain": None}, "no judgement"),
        (curve(SATURATING[:10]), {"min_steps": 20}, "no judgement"),
        (curve(SATURATING[:10]), {"interval_steps": 7}, "no judgement"),
        (Curve([], [], H), {}, "no judgement"),
        (curve([0.5, math.nan]), {}, "too few"),
        (curve([0.5, 0.6, math.nan]), {}, "too few"),
        (curve(SATURATING), {}, "has reached the horizon"),
        (curve(SATURATING[:10]), {"upper": 0.1}, "goes on, not judged: ValueError"),
    ],
)
def test_when_nothing_is_judged(trial, options, reason):
    decision = core(min_gain=0.05, **options) if "min_gain" not in options else core(**options)
    decision = decision.converged(trial, StudyView("maximize"))
    assert not decision.stop
    assert decision.reason.startswith(reason)


def test_a_forecast_that_fails_lets_the_trial_go_on_and_is_told_once(caplog):
    broken = core(Broken())
    with caplog.at_level(logging.WARNING, "lcstop"):
        for n in range(2, 9):
            assert not broken.converged(curve(SATURATING[:n]), StudyView("maximize")).stop
    assert len(caplog.records) == 1


def test_it_is_off_by_default():
    assert PrunerConfig(horizon=H).min_gain is None
    assert not core(min_gain=None).convergence_due(curve(SATURATING[:10]))


def first_converged(values, **options) -> int | None:
    judge = PrunerCore(PrunerConfig(**{"horizon": H, "min_gain": 0.02} | options))
    view = StudyView("maximize")
    return next((n for n in range(1, H) if judge.converged(curve(values[:n]), view).stop), None)


def test_the_shipped_network_sees_a_plateau_and_no_rise():
    end = first_converged(SATURATING)
    assert end is not None
    assert SATURATING[-1] - SATURATING[end - 1] < 0.02
    assert first_converged(np.linspace(0.1, 0.9, H)) is None


# --- Optuna -----------------------------------------------------------------------------------------------


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
    assert trial.user_attrs[CONVERGED_ATTR].startswith("converged: P(gain more than 0.02 on 0.")
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


# --- Ray --------------------------------------------------------------------------------------------------


def scheduler_with(**options) -> LCPFNScheduler:
    return LCPFNScheduler(metric="accuracy", mode="max", **{"horizon": H, "min_gain": 0.02} | options)


def run(scheduler, trial, values) -> int:
    for result in results(values):
        if scheduler.on_trial_result(None, trial, result) == STOP:
            break
    scheduler.on_trial_complete(None, trial, result)
    return result["training_iteration"]


def test_a_converged_trial_of_ray_counts_as_finished():
    scheduler = scheduler_with()
    trial = new_trial(scheduler)
    n = run(scheduler, trial, SATURATING)
    assert n == first_converged(SATURATING)  # as in Optuna
    assert scheduler._search.histories[trial.trial_id].state == "converged"
    assert scheduler.stops[trial.trial_id].converged
    assert scheduler._search.incumbent() == SATURATING[n - 1]
    assert [len(c) for c in scheduler._search.view().finished] == [n]
    assert f"0 of 1 trials stopped, 1 converged, {H - n} steps" in scheduler.debug_string()
    poor = new_trial(scheduler)
    run(scheduler, poor, [0.01 * k for k in range(H)])
    assert scheduler._search.histories[poor.trial_id].state == "stopped"
    assert not scheduler.stops[poor.trial_id].converged


def test_results_buffered_behind_its_end_count_and_are_not_judged():
    scheduler = scheduler_with()
    trial = new_trial(scheduler)
    n = run(scheduler, trial, SATURATING)
    assert scheduler.on_trial_result(None, trial, results([0.95], start=n + 1)[0]) == STOP
    assert scheduler._search.histories[trial.trial_id].state == "converged"
    assert scheduler._search.incumbent() == 0.95


def test_without_min_gain_ray_goes_on():
    scheduler = scheduler_with(min_gain=None)
    assert run(scheduler, new_trial(scheduler), SATURATING) == H
    assert "converged" not in scheduler.debug_string()


def test_the_record_tells_converged_from_stopped(storage):
    scheduler = scheduler_with()
    trial = new_trial(scheduler, storage=storage)
    trial.relative_logdir = trial.storage.trial_dir_name = "trial"
    place = Path(trial.storage.trial_driver_staging_path)
    place.mkdir(parents=True)
    n = run(scheduler, trial, SATURATING)
    assert CONVERGED_FILE in {path.name for path in place.iterdir()}
    assert STOPPED_FILE not in {path.name for path in place.iterdir()}
    # A scheduler without memory, after Tuner.restore.
    again = scheduler_with()
    files = {"result.json": json_lines(results(SATURATING[:n]))}
    files[CONVERGED_FILE] = (place / CONVERGED_FILE).read_text()
    again.on_trial_add(None, old_trial(storage, Trial.TERMINATED, files=files))
    assert again._search.incumbent() == SATURATING[n - 1]


def test_a_converged_trial_in_a_folder_has_finished(tmp_path):
    search = Search(tmp_path / "search")
    (search.add([0.5, 0.9, 0.9]) / CONVERGED_FILE).write_text(
        '{"step": 3, "reason": "converged: P", "config": {"horizon": 6, "min_gain": 0.01}}'
    )
    search.add([0.1], stop={"step": 1, "reason": "P(beat", "config": {"horizon": 6}})
    study = read_folder(search.finish(), "accuracy", "max")
    assert [trial.state for trial in study.trials] == ["finished", "stopped"]
    assert [trial.reason for trial in study.trials] == [None, "P(beat"]
    assert study.best("best") == 0.9


def test_alone_in_a_folder_too(tmp_path):
    """Where nothing was stopped, what ended before the horizon would be taken for stopped."""
    search = Search(tmp_path / "search")
    (search.add([0.5, 0.9, 0.9]) / CONVERGED_FILE).write_text('{"step": 3, "config": {"horizon": 6}}')
    study = read_folder(search.finish(), "accuracy", "max")
    assert [trial.state for trial in study.trials] == ["finished"]
    assert study.horizon == 6


def test_ray_continues_where_nothing_is_due():
    scheduler = scheduler_with(interval_steps=100)
    assert scheduler.on_trial_result(None, new_trial(scheduler), results([0.5])[0]) == GO
