"""Kinds of steps, in both engines: folds, optimizer steps, seconds, fractions."""

import itertools
import logging

import numpy as np
import optuna
import pytest

from lcstop_optuna import LCPFNPruner, read_study
from tests.step_axis import (
    ENGINES,
    TOPS,
    Point,
    Reports,
    assert_only_hopeless_trials_stop,
    curves,
    in_optuna,
    in_ray,
    plain,
)

optuna.logging.set_verbosity(optuna.logging.ERROR)

# --- folds ------------------------------------------------------------------------------------------------

FOLDS, EPOCHS = 5, 8


def scores(top: float, seed: int) -> np.ndarray:
    """Values of one trial, ``[fold, epoch]``. Some folds are harder than others."""
    rng = np.random.default_rng(seed)
    hard = np.array([0.0, 0.06, -0.03, 0.02, 0.04])[:, None]
    return (top - hard) * (1 - 0.5 ** np.arange(1, EPOCHS + 1)) + rng.normal(0, 0.01, (FOLDS, EPOCHS))


def mean_by_fold(top: float, seed: int) -> Reports:
    """``report(mean, fold)``."""
    so_far = scores(top, seed)[:, -1].cumsum() / np.arange(1, FOLDS + 1)
    return list(enumerate(so_far.tolist()))


def mean_by_epoch(top: float, seed: int) -> Reports:
    """``report(mean, fold * epochs + epoch)``: the curve falls at the start of each fold."""
    found = scores(top, seed)
    return [
        (fold * EPOCHS + epoch, float(np.mean([*found[:fold, -1], found[fold, epoch]])))
        for fold, epoch in itertools.product(range(FOLDS), range(EPOCHS))
    ]


@ENGINES
@pytest.mark.parametrize(("reports", "horizon"), [(mean_by_fold, FOLDS), (mean_by_epoch, FOLDS * EPOCHS)])
def test_folds_with_the_mean_so_far(run, reports, horizon):
    trials = plain(reports(top, i) for i, top in enumerate(TOPS))
    ends = run(trials, horizon=horizon, target="final", lower=-1, upper=1)
    assert_only_hopeless_trials_stop(ends, [horizon] * len(TOPS))


def restarting(top: float, seed: int) -> Reports:
    return [(epoch, float(value)) for fold in scores(top, seed) for epoch, value in enumerate(fold, 1)]


def test_steps_that_start_again_optuna_itself_ignores():
    study = optuna.create_study(direction="maximize", pruner=LCPFNPruner(horizon=EPOCHS))
    trial = study.ask()
    points = restarting(0.9, 0)
    for step, value in points[:EPOCHS]:
        trial.report(value, step)
    for step, value in points[EPOCHS:]:
        with pytest.warns(UserWarning, match="already reported"):
            trial.report(value, step)
        assert not trial.should_prune()
    study.tell(trial, 0.9)
    (recorded,) = read_study(study, horizon=EPOCHS).trials
    assert recorded.curve.values.tolist() == [value for _, value in points[:EPOCHS]]


def test_steps_that_start_again_are_told_of_once_in_ray(caplog):
    with caplog.at_level(logging.WARNING, "lcstop_ray"):
        ends = in_ray(plain(restarting(top, i) for i, top in enumerate(TOPS[:4])), horizon=EPOCHS)
    assert [n for n, _ in ends[:1]] == [FOLDS * EPOCHS]
    assert len(caplog.records) == 1
    assert "steps of 't' start again in one trial" in caplog.text
    assert "fold * epochs + epoch" in caplog.text


@pytest.mark.parametrize(("stride", "warned"), [(1, False), (8, False), (21, True)])
def test_a_horizon_in_another_unit_than_the_results_is_told_once_in_ray(caplog, stride, warned):
    """One result past the horizon is not an error. The last result may come twice."""
    points = [(step, 0.9 * (1 - 0.9**step)) for step in range(stride, EPOCHS + 2 * stride, stride)]
    points = points if warned else [point for point in points if point[0] < EPOCHS + stride]
    with caplog.at_level(logging.WARNING, "lcstop_ray"):
        in_ray(plain([[*points, points[-1]]] * 2), horizon=EPOCHS)
    message = f"results come past horizon={EPOCHS}, where no trial is stopped: does horizon"
    message += " count steps of 't'?"
    assert [record.getMessage() for record in caplog.records] == [message] * warned


# --- optimizer steps, a clock -----------------------------------------------------------------------------


@ENGINES
@pytest.mark.parametrize("horizon", [20_000, 1_000_000])
def test_global_steps_at_irregular_moments(run, horizon):
    """Each trial has 60 evaluations at steps of its own. The first one is before any training."""
    rng = np.random.default_rng(1)
    moments = [np.sort(rng.choice(np.arange(1, horizon), 58, replace=False)) for _ in TOPS]
    moments = [[0, *own.tolist(), horizon - 1] for own in moments]
    rising = [
        [(step, top * (1 - 0.05 ** (step / horizon)) + 0.01 * rng.normal()) for step in own]
        for top, own in zip(TOPS, moments, strict=True)
    ]
    assert_only_hopeless_trials_stop(run(plain(rising), horizon=horizon), [60] * len(TOPS))


def clock(seconds: float) -> list[list[Point]]:
    """Epochs until the time is over. Some trials are up to four times as slow as others."""
    found = []
    for i, top in enumerate(TOPS):
        pace = (1 + i % 4) * 1.37
        times = np.arange(pace, seconds + pace, pace)
        rising = top * (1 - 0.05 ** (times / seconds))
        found.append(list(zip(times.tolist(), rising.tolist(), strict=True)))
    return found


@pytest.mark.parametrize(("run", "unit"), [(in_ray, 1.0), (in_optuna, 1000.0)])
def test_seconds_in_ray_and_milliseconds_in_optuna(run, unit):
    """``time_total_s`` of Ray is a fraction. Steps of Optuna are whole numbers."""
    trials = [[(time * unit, value) for time, value in points] for points in clock(60)]
    assert_only_hopeless_trials_stop(run(plain(trials), horizon=60 * unit), [len(t) for t in trials])


# --- fractions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0, 1])
def test_progress_from_0_to_1(start):
    trials = curves(lambda i: 50, lambda i, k: (k - 1 + start) / 50)
    ends = in_ray(plain(trials), horizon=1, min_steps=0.04, interval_steps=0.02)
    assert_only_hopeless_trials_stop(ends, [50] * len(TOPS))
    whole = curves(lambda i: 50, lambda i, k: k)
    if start:
        assert ends == in_ray(plain(whole), horizon=50)


def test_progress_without_fractions_of_min_steps_is_told_of_once(caplog):
    trials = curves(lambda i: 20, lambda i, k: k / 20)
    with caplog.at_level(logging.WARNING, "lcstop_ray"):
        ends = in_ray(plain(trials), horizon=1)
    assert not any(stop for _, stop in ends)
    assert len(caplog.records) == 1
    assert "'t' counts in fractions up to 1" in caplog.text
    assert "min_steps" in caplog.text
