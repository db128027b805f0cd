"""The what-if replay of a recorded study."""

from dataclasses import replace

import numpy as np
import pytest

from lcstop import Curve, PrunerCore
from lcstop.review import RecordedStudy, RecordedTrial, what_if
from lcstop.simulation.core_policy import CorePolicy
from lcstop.simulation.loop import replay
from lcstop.simulation.task import ReplayStudy
from tests.review.recorded_trials import H, config_of, flat, study_of
from tests.simulation.replay_tasks import random_task

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
