"""What a step may be, through both engines: folds, optimizer steps, a clock, fractions, own lengths."""

import itertools
import logging
from collections.abc import Callable, Iterable

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.experiment import Trial

from lcstop import PrunerConfig
from lcstop.config import horizon_of
from lcstop_optuna import LCPFNPruner, read_study
from lcstop_ray import LCPFNScheduler

optuna.logging.set_verbosity(optuna.logging.ERROR)

TOPS = (0.7, 0.9, 0.5, 0.8, 0.6, 0.85, 0.1, 0.95, 0.2, 0.15, 0.97, 0.05)
"""Where trials end; those below 0.3 come late enough to be stopped, and the best one comes after them."""

Point = tuple[float, float]
Reports = Iterable[Point]
Ends = list[tuple[int, bool]]
"""Number of reports that a trial made, and whether it was stopped."""


def in_optuna(trials: Iterable[tuple[dict, Reports]], **options) -> Ends:
    """One after another; hyperparameters that begin with ``attr_`` are user attributes."""
    study = optuna.create_study(direction="maximize", pruner=LCPFNPruner(audit=0, **options))
    ends = []
    for params, reports in trials:
        study.enqueue_trial(params)
        trial = study.ask()
        for name, value in params.items():
            trial.suggest_int(name, value, value)
        n, stopped = 0, False
        for step, value in reports:
            n += 1
            trial.report(value, int(step))
            if stopped := trial.should_prune():
                break
        study.tell(trial, None if stopped else value, optuna.trial.TrialState(2 if stopped else 1))
        ends.append((n, stopped))
    return ends


def in_ray(trials: Iterable[tuple[dict, Reports]], **options) -> Ends:
    """One after another."""
    scheduler = LCPFNScheduler("t", "value", "max", audit=0, **options)  # ids are drawn, and with them audits
    ends = []
    for params, reports in trials:
        n = 0
        trial = Trial("trainable", config=params, evaluated_params=params, stub=True)
        scheduler.on_trial_add(None, trial)
        for step, value in reports:
            n += 1
            result = {"t": step, "value": value}
            decision = scheduler.on_trial_result(None, trial, result)
            if decision == "STOP":
                break
        scheduler.on_trial_complete(None, trial, result)
        ends.append((n, decision == "STOP"))
    return ends


ENGINES = pytest.mark.parametrize("run", [in_optuna, in_ray])


def assert_only_hopeless_trials_stop(ends: Ends, full: list[int]) -> None:
    """What beats all before it reaches its end, and most of what is hopeless does not come half as far."""
    lengths, stops = zip(*ends, strict=True)
    assert not any(stops[i] for i, top in enumerate(TOPS) if top >= max(TOPS[: i + 1]))
    hopeless = [i for i, top in enumerate(TOPS) if top < 0.3]
    assert sum(stops[i] and lengths[i] <= full[i] / 2 for i in hopeless) >= 3
    assert [lengths[i] for i in range(len(TOPS)) if not stops[i]] == [
        full[i] for i in range(len(TOPS)) if not stops[i]
    ]


def curves(length: Callable[[int], int], step: Callable[[int, int], float]) -> list[list[Point]]:
    """Curves that rise to ``TOPS`` on ``length(i)`` reports, made at ``step(i, k)``."""
    rng = np.random.default_rng(0)
    found = []
    for i, top in enumerate(TOPS):
        n = length(i)
        values = top * (1 - 0.05 ** (np.arange(1, n + 1) / n)) + rng.normal(0, 0.003, n)
        found.append([(step(i, k), value) for k, value in enumerate(values.tolist(), 1)])
    return found


def plain(reports: Iterable[Reports]) -> list[tuple[dict, Reports]]:
    return [({}, points) for points in reports]


# --- folds ------------------------------------------------------------------------------------------------

FOLDS, EPOCHS = 5, 8


def scores(top: float, seed: int) -> np.ndarray:
    """Of one trial, ``[fold, epoch]``; some folds are harder than others."""
    rng = np.random.default_rng(seed)
    hard = np.array([0.0, 0.06, -0.03, 0.02, 0.04])[:, None]
    return (top - hard) * (1 - 0.5 ** np.arange(1, EPOCHS + 1)) + rng.normal(0, 0.01, (FOLDS, EPOCHS))


def mean_by_fold(top: float, seed: int) -> Reports:
    """``report(mean, fold)``."""
    so_far = scores(top, seed)[:, -1].cumsum() / np.arange(1, FOLDS + 1)
    return list(enumerate(so_far.tolist()))


def mean_by_epoch(top: float, seed: int) -> Reports:
    """``report(mean, fold * epochs + epoch)``, a saw with a tooth for each fold."""
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
    """One result past the horizon is no mistake, and the last one may come twice."""
    points = [(step, 0.9 * (1 - 0.9**step)) for step in range(stride, EPOCHS + 2 * stride, stride)]
    points = points if warned else [point for point in points if point[0] < EPOCHS + stride]
    with caplog.at_level(logging.WARNING, "lcstop_ray"):
        in_ray(plain([[*points, points[-1]]] * 2), horizon=EPOCHS)
    message = f"results come past horizon={EPOCHS}, where no trial is stopped: is horizon counted in"
    message += " steps of 't'?"
    assert [record.getMessage() for record in caplog.records] == [message] * warned


# --- optimizer steps, a clock -----------------------------------------------------------------------------


@ENGINES
@pytest.mark.parametrize("horizon", [20_000, 1_000_000])
def test_global_steps_at_irregular_moments(run, horizon):
    """Each trial evaluates at moments of its own, 60 of them, the first one before any training."""
    rng = np.random.default_rng(1)
    moments = [np.sort(rng.choice(np.arange(1, horizon), 58, replace=False)) for _ in TOPS]
    moments = [[0, *own.tolist(), horizon - 1] for own in moments]
    rising = [
        [(step, top * (1 - 0.05 ** (step / horizon)) + 0.01 * rng.normal()) for step in own]
        for top, own in zip(TOPS, moments, strict=True)
    ]
    assert_only_hopeless_trials_stop(run(plain(rising), horizon=horizon), [60] * len(TOPS))


def clock(seconds: float) -> list[list[Point]]:
    """Epochs of trials that are up to four times as slow as others, until the time is over."""
    found = []
    for i, top in enumerate(TOPS):
        pace = (1 + i % 4) * 1.37
        times = np.arange(pace, seconds + pace, pace)
        rising = top * (1 - 0.05 ** (times / seconds))
        found.append(list(zip(times.tolist(), rising.tolist(), strict=True)))
    return found


@pytest.mark.parametrize(("run", "unit"), [(in_ray, 1.0), (in_optuna, 1000.0)])
def test_seconds_in_ray_and_milliseconds_in_optuna(run, unit):
    """Ray's ``time_total_s`` is a fraction; Optuna's steps are whole numbers."""
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


# --- lengths of their own ---------------------------------------------------------------------------------

LENGTHS = [20 + 20 * (i % 4) for i in range(len(TOPS))]


def planned() -> list[tuple[dict, Reports]]:
    own = curves(lambda i: LENGTHS[i], lambda i, k: k)
    return [({"n_epochs": n}, points) for n, points in zip(LENGTHS, own, strict=True)]


@ENGINES
def test_each_trial_has_the_length_that_it_names(run):
    assert_only_hopeless_trials_stop(run(planned(), horizon="n_epochs"), LENGTHS)


def test_trials_of_different_lengths_are_compared_at_the_same_share():
    """At step 20 a short trial is at its end, where a long one has only begun; both are as good."""
    half = [curve[: len(curve) // 2] for _, curve in planned()]
    long = [({"n_epochs": 80}, [(4 * step, value) for step, value in points]) for points in half]
    short = [({"n_epochs": 20}, [(step, value) for step, value in points]) for points in half]
    trials = [(long if i % 2 else short)[i] for i in range(len(half))]
    same = [({"n_epochs": 20}, points) for _, points in short]
    blind = {"use_params": False}  # where lengths differ, the length is a hyperparameter like others
    ends = in_ray(trials, horizon="n_epochs", **blind)
    assert ends == in_ray(same, horizon="n_epochs", **blind) == in_ray(same, horizon=20, **blind)


def test_a_user_attribute_and_a_nested_key():
    pruner = LCPFNPruner(horizon="length")
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for top in TOPS[:5]:
        trial = study.ask()
        trial.set_user_attr("length", 30)
        for k in range(30):
            trial.report(top * (1 - 0.9**k), k)
        study.tell(trial, top)
    poor = study.ask()
    poor.set_user_attr("length", 15)
    for k in range(6):
        poor.report(0.01 * k, k)
    decision = pruner.explain(study, poor)
    assert decision.stop
    assert "by step 15)" in decision.reason
    assert poor.should_prune()
    study.tell(poor, state=TrialState.PRUNED)
    recorded = read_study(study)  # the name is noted in the study
    assert [trial.curve.horizon for trial in recorded.trials] == [30.0] * 5 + [15.0]
    assert recorded.horizon == 30

    scheduler = LCPFNScheduler("t", "value", "max", "train/epochs")
    trial = Trial("trainable", config={"train": {"epochs": 7}}, stub=True)
    scheduler.on_trial_add(None, trial)
    scheduler.on_trial_result(None, trial, {"t": 1, "value": 0.5})
    assert scheduler._search.histories[trial.trial_id].horizon == 7


def test_a_name_that_a_trial_does_not_have_lets_it_go_on(caplog):
    with caplog.at_level(logging.WARNING):
        assert in_optuna(planned(), horizon="n_epoch") == [(n, False) for n in LENGTHS]
        assert in_ray(planned(), horizon="n_epoch") == [(n, False) for n in LENGTHS]
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2  # one for each engine
    assert all("a trial goes on" in message and "has no 'n_epoch'" in message for message in told)
    scheduler = LCPFNScheduler("t", "value", "max", "n_epoch")
    for hook in (scheduler.on_trial_add, scheduler.on_trial_error, scheduler.on_trial_remove):
        hook(None, Trial("trainable", config={"n_epochs": 7}, stub=True))


def test_a_trial_without_its_length_is_left_out_of_the_view():
    study = optuna.create_study(
        direction="maximize", pruner=LCPFNPruner(horizon="length", n_startup_trials=2)
    )
    study.add_trial(optuna.create_trial(value=0.9, intermediate_values={0: 0.9}))
    trial = study.ask()
    trial.set_user_attr("length", 9)
    for k in range(4):
        trial.report(0.1, k)
    assert study.pruner.explain(study, trial).reason == "0 of 2 startup trials finished"
    assert [t.number for t in read_study(study, "length").trials] == [1]


@pytest.mark.parametrize("value", ["30", True, None, 0.5, float("nan"), float("inf"), [30], 10**400])
def test_lengths_that_are_none(value):
    with pytest.raises(ValueError, match=r"horizon='n' names the length .*, a number of at least 1"):
        horizon_of("n", {"n": value})


def test_names_in_the_configuration():
    assert PrunerConfig(horizon="n_epochs").horizon == "n_epochs"
    assert PrunerConfig(horizon="n_epochs", min_steps=500).min_steps == 500  # checked against no length
    for options in ({}, {"horizon": 7}):
        assert LCPFNPruner(**{"horizon": "n"} | options).config == PrunerConfig(**{"horizon": "n"} | options)
