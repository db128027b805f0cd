"""The scheduler warns of what is surely wrong in how trials report, once in a search."""

import random

import pytest

from lcstop_ray import LCPFNScheduler
from tests.lcstop_ray.ray_trials import STOP, new_trial

H = 50


def run(steps, n=12, restarts=False, **options) -> LCPFNScheduler:
    scheduler = LCPFNScheduler("t", "accuracy", "max", **{"horizon": H, **options})
    for k in range(n):
        trial = new_trial(scheduler)
        for restart in (True, False)[not restarts :]:
            for i, step in enumerate(steps(k), 1):
                result = {"t": step, "accuracy": (0.5 + 0.04 * (7 * k % 12)) * (1 - 0.9**i)}
                if (action := scheduler.on_trial_result(None, trial, result)) == STOP:
                    break
            if restart:
                scheduler.on_trial_error(None, trial)
                scheduler.on_trial_add(None, trial)
        if action != STOP or not restart:
            scheduler.on_trial_complete(None, trial, result)
    return scheduler


@pytest.mark.parametrize(
    ("steps", "options", "words"),
    [
        (range(1, H + 1), {"horizon": 5000}, "3 trials have completed, all at step 50, but horizon=5000"),
        (range(1, 10), {"min_steps": 15}, "before the first judgement at step 15"),
        ([H], {}, "3 trials have completed with one report each"),
        ([H // 2, H], {}, "with fewer than two finite reports before the horizon"),
        (range(1, H + 1), {"patience": 20}, "fewer than patience=20: lower patience"),
        (range(H, 0, -1), {}, "steps of 't' do not rise in trial"),
        ([1] * H, {}, "steps of 't' do not rise in trial"),
        ([3, 1, 5, 4, 2, 9, 8, 7, 6], {}, "steps of 't' do not rise in trial"),
    ],
)
def test_what_is_wrong_is_told_once(steps, options, words, warnings):
    run(lambda _: steps, **options)
    assert words in warnings()[0]
    assert sum(words in message for message in warnings()) == 1


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        (lambda k: range(1, H + 1), {}),
        (lambda k: range(H), {}),
        (lambda k: range(1, 20 + k), {}),  # early stopping
        (lambda k: [i / 100 for i in range(101)], {"horizon": 1, "min_steps": 0.02, "interval_steps": 0.01}),
        (lambda k: range(10, H + 1, 10), {}),
        (lambda k: range(1, 201), {"horizon": 200, "min_gain": 0.01}),
        (lambda k: range(1, H + 1), {"restarts": True}),
    ],
)
def test_what_people_do_on_purpose_is_no_mistake(steps, options, warnings):
    run(steps, **options)
    assert not warnings()


@pytest.mark.parametrize("past", [1, 2])
def test_one_result_past_the_horizon_is_normal_and_more_are_not(past, warnings):
    """XGBoost's callback reports its end once more."""
    run(lambda _: range(1, H + past + 1), n=2)
    assert [message.startswith("results come past horizon=50") for message in warnings()] == [True] * (
        past - 1
    )


def test_a_restored_scheduler_goes_on_watching(tmp_path, warnings):
    """The trials of the restored search count."""
    scheduler = run(lambda _: range(1, 21), n=2, horizon=500)
    scheduler.save(str(tmp_path / "state"))
    restored = LCPFNScheduler()
    restored.restore(str(tmp_path / "state"))
    trial, rng = new_trial(restored), random.Random(0)  # noqa: S311
    for step in range(1, 21):
        restored.on_trial_result(None, trial, {"t": step, "accuracy": rng.random()})
    restored.on_trial_complete(None, trial, {"t": 20, "accuracy": 0.5})
    [message] = warnings()
    assert "3 trials have completed, all at step 20, but horizon=500" in message
