"""A search of 1,000 trials that wait, with the time of each hook and the memory: ``pytest -s -m slow``."""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from ray.train._internal.storage import StorageContext

from lcstop_ray import LCPFNScheduler
from tests.lcstop_ray.pausing_controller import Controller

N, H = 1000, 50


def megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.slow
@pytest.mark.timeout(2500)
@pytest.mark.parametrize("pause", [True, False])
def test_a_thousand_trials(monkeypatch, tmp_path, pause):
    session = str(tmp_path / "ray")
    monkeypatch.setattr("ray.train._internal.storage._get_ray_train_session_dir", lambda: session)
    storage = StorageContext(storage_path=str(tmp_path), experiment_dir_name="search")
    rng = np.random.default_rng(5)
    levels = rng.uniform(0.2, 0.9, N).tolist()
    rates = dict(zip(levels, rng.uniform(0.8, 0.97, N).tolist(), strict=True))

    def value(level, step):
        return level * (1 - rates[level] ** step) + 0.002 * ((step * 7919) % 13) / 13

    scheduler = LCPFNScheduler(metric="accuracy", mode="max", horizon=H, pause=pause)
    seconds = {"on_trial_result": [], "choose_trial_to_run": []}

    def timed(name):
        hook = getattr(scheduler, name)

        def call(*args):
            start = time.process_time()
            answer = hook(*args)
            seconds[name].append(time.process_time() - start)
            return answer

        return call

    for name in seconds:
        setattr(scheduler, name, timed(name))
    before = megabytes()
    controller = Controller(scheduler, levels, value, H, storage, workers=8)
    controller.run()
    n_epochs = sum(map(len, controller.steps.values()))
    states = Counter(history.state for history in scheduler._search.histories.values())
    print(
        f"\npause={pause}: {n_epochs} of {N * H} epochs, {dict(states)}, {megabytes() - before:.0f} MB more"
    )
    for name, found in seconds.items():
        ms = 1e3 * np.array(found)
        print(
            f"{name}: {len(ms)}, ms mean {ms.mean():.2f}, p99 {np.percentile(ms, 99):.1f}, max {ms.max():.0f}"
        )
    assert set(states) == {"finished", "stopped"}
    assert all(steps == [*range(1, len(steps) + 1)] for steps in controller.steps.values())
    best = max(range(N), key=lambda i: value(levels[i], H))
    assert len(controller.steps[controller.trials[best].trial_id]) == H
