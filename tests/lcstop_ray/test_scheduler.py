"""LCPFNScheduler's hooks, called as Ray Tune's controller calls them."""

import sys
from types import SimpleNamespace

import pytest
from ray.train._internal.checkpoint_manager import _TrainingResult
from ray.tune import Checkpoint
from ray.tune.experiment import Trial
from ray.tune.result import DEFAULT_METRIC

from lcstop import PrunerConfig
from lcstop_ray import LCPFNScheduler
from tests.lcstop_ray.ray_trials import GO, GOOD, POOR, STOP, H, feed, finish, new_trial, results


def test_poor_trials_stop_and_good_ones_do_not(make):
    scheduler = make()
    assert feed(scheduler, new_trial(scheduler), results(POOR)) == [GO] * H  # no other trial to compare with
    finish(scheduler)
    assert feed(scheduler, new_trial(scheduler), results(POOR)) == [GO, STOP]
    assert feed(scheduler, new_trial(scheduler), results([0.95] * H)) == [GO] * H


@pytest.mark.parametrize("metric", ["accuracy", "val/acc", DEFAULT_METRIC])
@pytest.mark.parametrize("time_attr", ["training_iteration", "progress"])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_other_names_and_min_mode_decide_alike(make, metric, time_attr, mode):
    sign = 1 if mode == "max" else -1
    scheduler = make(metric=metric, time_attr=time_attr, mode=mode, lower=None, upper=None)
    names = {"metric": metric, "time_attr": time_attr}
    finish(scheduler, [sign * v for v in GOOD], **names)
    assert feed(scheduler, new_trial(scheduler), results([sign * v for v in POOR], **names)) == [GO, STOP]


def test_steps_counted_from_0_or_in_seconds(make):
    scheduler = make(time_attr="t", horizon=H)
    finish(scheduler, start=0, time_attr="t")
    assert feed(scheduler, new_trial(scheduler), results(POOR, start=0, time_attr="t")) == [GO, STOP]
    seconds = [{"t": 0.4 * i, "accuracy": v} for i, v in enumerate(POOR, 1)]
    assert feed(scheduler, new_trial(scheduler), seconds) == [GO] * 4 + [STOP]  # min_steps=2 is 2 seconds


@pytest.mark.parametrize("first", [0, 1])
def test_one_trial_shows_from_where_all_count(make, first, tmp_path):
    """A trial whose first result is late does not tell by itself."""
    scheduler = make(time_attr="t", horizon=H)
    late = new_trial(scheduler)
    for step in (5, 8):
        scheduler.on_trial_result(None, late, {"t": step, "accuracy": 0.5})
    finish(scheduler, start=first, time_attr="t")
    scheduler.save(str(tmp_path / "state"))
    restored = make(time_attr="t")
    restored.restore(str(tmp_path / "state"))
    for some in (scheduler, restored):
        history = some._search.histories[late.trial_id]
        assert history.curve.steps.tolist() == [6 - first, 9 - first]
        assert some._search.view().unfinished[0] is history.curve


def test_a_clock_that_starts_at_0_counts_from_nowhere(make):
    scheduler = make(time_attr="t", horizon=H)
    trial = new_trial(scheduler)
    for seconds in (0.0, 0.4, 3.0, 4.0):
        scheduler.on_trial_result(None, trial, {"t": seconds, "accuracy": 0.5})
    assert scheduler._search.histories[trial.trial_id].curve.steps.tolist() == [0.4, 3, 4]


@pytest.mark.parametrize(
    ("given", "passed", "accepted", "metric", "mode"),
    [
        ((None, None), ("acc", "max"), True, "acc", "max"),
        (("acc", "max"), (None, None), True, "acc", "max"),
        (("acc", "max"), ("acc", None), False, "acc", "max"),
        (("acc", "max"), (None, "min"), False, "acc", "max"),
        (("acc", None), (None, "min"), True, "acc", "min"),
        ((None, None), (None, "min"), True, DEFAULT_METRIC, "min"),
        ((None, "max"), (None, None), True, DEFAULT_METRIC, "max"),
        ((None, None), (None, None), True, None, None),
    ],
)
def test_search_properties_are_taken_as_rays_own_schedulers_take_them(given, passed, accepted, metric, mode):
    from ray.tune.schedulers import ASHAScheduler

    ours, theirs = LCPFNScheduler(metric=given[0], mode=given[1], horizon=H), ASHAScheduler("t", *given)
    for scheduler in (ours, theirs):
        assert scheduler.set_search_properties(*passed, stop={"t": 5}, num_samples=3) is accepted
        assert (scheduler.metric, scheduler._mode) == (metric, mode)
    if metric is None:
        for scheduler in (ours, theirs):
            with pytest.raises(ValueError, match="metric"):
                scheduler.on_trial_add(None, new_trial())


def test_horizon_from_the_stop_rule():
    scheduler = LCPFNScheduler("epoch", "acc", "max", keep=0.9)
    assert scheduler.config is None
    assert scheduler.set_search_properties(None, None, stop={"epoch": 30, "acc": 1.0})
    assert (scheduler.config.horizon, scheduler.config.keep) == (30, 0.9)
    scheduler.on_trial_add(None, new_trial())
    given = LCPFNScheduler("epoch", "acc", "max", horizon=20)
    given.set_search_properties(None, None, stop={"epoch": 30})
    assert given.config.horizon == 20


@pytest.mark.parametrize("stop", [None, {"other": 3}, lambda trial_id, result: False])
def test_without_a_horizon_the_error_says_what_to_pass(stop):
    scheduler = LCPFNScheduler("epoch", "acc", "max")
    scheduler.set_search_properties(None, None, stop=stop)
    with pytest.raises(ValueError, match=r"'epoch'.*pass horizon=\.\.\., or stop=\{'epoch': \.\.\.\}"):
        scheduler.on_trial_add(None, new_trial())


@pytest.mark.parametrize(
    "options",
    [{"mode": "maximum"}, {"horizon": 0.5}, {"confidence": 1.0}, {"surrogate": "oracle"}, {"min_steps": 0}],
)
def test_mistakes_raise_at_construction(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        LCPFNScheduler(**options)


def test_mistakes_of_the_search_raise_before_it_starts():
    with pytest.raises(ValueError, match="min_steps"):
        LCPFNScheduler(min_steps=20).set_search_properties("acc", "max", stop={"training_iteration": 10})
    with pytest.raises(ValueError, match="mode"):
        LCPFNScheduler().set_search_properties("acc", "maximum")


def test_from_yaml_takes_the_same_files_as_the_optuna_pruner(tmp_path):
    path = tmp_path / "pruner.yaml"
    path.write_text("horizon: 30\nkeep: 0.9\npatience: 2\n")
    scheduler = LCPFNScheduler.from_yaml(path, "epoch", metric="loss", mode="min")
    assert scheduler.config == PrunerConfig.from_yaml(path)
    assert (scheduler.metric, scheduler._mode, scheduler._time_attr) == ("loss", "min", "epoch")
    path.write_text("horizont: 30\n")
    with pytest.raises(ValueError, match="horizont"):
        LCPFNScheduler.from_yaml(path)


def test_every_option_is_a_keyword_with_the_default_of_the_config():
    assert LCPFNScheduler(horizon=H).config == PrunerConfig(horizon=H)
    changed = PrunerConfig(
        horizon=H, policy="published", use_params=False, confidence=0.8, min_steps=3,
        interval_steps=4, n_startup_trials=5, patience=6, target="final", diverged_after=7, lower=0, upper=1,
        min_gain=0.01,
    )  # fmt: skip
    assert LCPFNScheduler(**changed.model_dump()).config == changed


def controller(total: int) -> SimpleNamespace:
    """What Ray passes to a scheduler, as far as it is looked at."""
    return SimpleNamespace(search_alg=SimpleNamespace(total_samples=total))


@pytest.mark.parametrize(
    ("options", "tune_controller", "spec", "n_trials"),
    [
        ({}, controller(40), {"num_samples": 40}, 40),
        ({}, controller(60), {"num_samples": 3}, 60),  # times a grid
        ({"n_trials": 25}, controller(40), {}, 25),
        ({}, None, {"num_samples": 40}, None),
        ({}, controller(sys.maxsize), {"num_samples": sys.maxsize}, None),  # num_samples=-1
        ({}, controller(2 * sys.maxsize), {}, None),
        ({}, controller(40), {"num_samples": 40, "time_budget_s": 60}, None),
        ({"policy": "published"}, controller(40), {}, None),
    ],
)
def test_the_number_of_trials_is_that_of_the_search(options, tune_controller, spec, n_trials):
    scheduler = LCPFNScheduler(horizon=H, **options)
    assert scheduler.set_search_properties("accuracy", "max", **spec)
    for _ in range(2):
        scheduler.on_trial_add(tune_controller, new_trial())
    assert scheduler.config.n_trials == n_trials
    scheduler.set_search_properties("accuracy", "max")  # a second search
    scheduler.on_trial_add(controller(7), new_trial())
    expected = options.get("n_trials", None if options.get("policy") == "published" else 7)
    assert scheduler.config.n_trials == expected


def test_the_certificate_is_that_of_the_folder_and_is_printed(make):
    scheduler = make()
    assert scheduler.certificate is None or scheduler.certificate.n_stopped == 0
    for _ in range(3):
        finish(scheduler)
    stopped = new_trial(scheduler)
    assert feed(scheduler, stopped, results(POOR))[-1] == STOP
    scheduler.on_trial_error(None, new_trial(scheduler))
    found = scheduler.certificate
    assert (found.n_trials, found.n_stopped) == (4, 1)
    assert (found.steps, found.steps_saved) == (3 * H + stopped_at(scheduler), H - stopped_at(scheduler))
    assert f"{found.steps_saved:g} steps of training_iteration saved" in scheduler.debug_string()
    by_keep = LCPFNScheduler(metric="accuracy", mode="max", horizon=H)
    finish(by_keep)
    assert (
        "saved, best trial kept with probability 1.00 (expected lost winners 0), " in by_keep.debug_string()
    )


def stopped_at(scheduler) -> float:
    (decision,) = scheduler.stops.values()
    return decision.cutoff


def test_last_result_that_only_on_trial_complete_sees_is_recorded_once(make):
    scheduler, trial = make(), None
    trial = new_trial(scheduler)
    reports = results(GOOD)
    for result in reports[:-1]:
        scheduler.on_trial_result(None, trial, result)
    assert scheduler._search.incumbent() is None
    for _ in range(2):  # Ray repeats the last result when a function returns
        scheduler.on_trial_complete(None, trial, reports[-1])
    (curve,) = scheduler._search.view().finished
    assert curve.values.tolist() == GOOD
    assert scheduler._search.incumbent() == GOOD[-1]


def test_stopped_trials_never_finish(make):
    scheduler = make()
    finish(scheduler)
    trial = new_trial(scheduler)
    assert feed(scheduler, trial, results(POOR))[-1] == STOP
    scheduler.on_trial_complete(None, trial, {"training_iteration": 3, "accuracy": 0.99})
    view = scheduler._search.view()
    assert (len(view.finished), len(view.unfinished)) == (1, 1)
    assert scheduler._search.incumbent() == GOOD[-1]


def test_results_buffered_behind_a_stop_are_not_judged(make, surrogate):
    scheduler = make()
    finish(scheduler)
    trial = new_trial(scheduler)
    feed(scheduler, trial, results(POOR))
    judged = len(surrogate.calls)
    assert scheduler.on_trial_result(None, trial, results([0.99], start=3)[0]) == STOP
    assert scheduler.on_trial_result(None, trial, {"training_iteration": 4}) == STOP
    assert len(surrogate.calls) == judged
    assert scheduler._search.incumbent() == GOOD[-1]


def retry(scheduler, trial, checkpoint_step=None) -> None:
    trial.set_status(Trial.ERROR)
    scheduler.on_trial_error(None, trial)
    if checkpoint_step is not None:
        checkpoint = _TrainingResult(Checkpoint("/nowhere"), {"training_iteration": checkpoint_step})
        trial.run_metadata.checkpoint_manager._latest_checkpoint_result = checkpoint
    trial.set_status(Trial.PENDING)
    scheduler.on_trial_add(None, trial)


@pytest.mark.parametrize(("checkpoint", "kept", "start"), [(None, 0, 1), (3, 3, 4), (5, 5, 6)])
def test_a_retried_trial_goes_on_from_its_checkpoint(make, checkpoint, kept, start):
    scheduler = make()
    trial = new_trial(scheduler)
    feed(scheduler, trial, results([0.5] * 5))
    retry(scheduler, trial, checkpoint)
    again = [0.6] * 2
    feed(scheduler, trial, results(again, start=start))
    curve = scheduler._search.histories[trial.trial_id].curve
    assert curve.values.tolist() == [0.5] * kept + again
    assert curve.steps.tolist() == list(range(1, start + 2))


@pytest.mark.parametrize("checkpoint", [None, 5])
def test_a_function_that_ignores_its_checkpoint_replaces_its_curve(make, checkpoint):
    scheduler = make()
    trial = new_trial(scheduler)
    feed(scheduler, trial, results([0.5] * 5))
    retry(scheduler, trial, checkpoint)
    feed(scheduler, trial, results([0.6] * 2))
    curve = scheduler._search.histories[trial.trial_id].curve
    assert curve.values.tolist() == [0.6, 0.6]


def test_failed_trials_are_left_out(make):
    scheduler = make()
    finish(scheduler)
    failed = new_trial(scheduler)
    feed(scheduler, failed, results([0.95] * 5))
    scheduler.on_trial_error(None, failed)
    view = scheduler._search.view()
    assert (len(view.finished), len(view.unfinished)) == (1, 0)
    retry(scheduler, failed)
    feed(scheduler, failed, results([0.95] * H))
    assert scheduler._search.incumbent() == 0.95


def test_trials_that_never_report_change_nothing(make):
    scheduler = make()
    silent, removed = new_trial(scheduler), new_trial(scheduler)
    scheduler.on_trial_complete(None, silent, {"trial_id": silent.trial_id})
    scheduler.on_trial_remove(None, removed)
    assert not len(scheduler._search.view().finished)
    assert scheduler._search.incumbent() is None
