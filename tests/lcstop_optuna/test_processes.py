"""LCPFNPruner with several processes on one storage, one of which is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.lcstop_optuna.optuna_worker import objective, open_study, value_at

WORKER = Path(__file__).with_name("optuna_worker.py")


@pytest.fixture(params=["sqlite:///", pytest.param("journal:", marks=pytest.mark.slow)])
def url(request, tmp_path) -> str:
    return f"{request.param}{tmp_path / 'study.storage'}"


def start(url: str, seed: int, n_trials: int, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-W", "error", str(WORKER), url, str(seed), str(n_trials)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )


def decisions(study: optuna.Study) -> list[tuple[float, int, TrialState]]:
    return [(t.params["top"], len(t.intermediate_values), t.state) for t in study.get_trials()]


def test_killed_and_resumed_decides_like_an_undisturbed_run(url, tmp_path):
    """A worker is killed in trial 4. The resumed run starts the same trials as an undisturbed one."""
    undisturbed = open_study(f"sqlite:///{tmp_path}/undisturbed.db")
    first = start(url, 1, 10, KILL_AT="4:1")
    assert first.wait(timeout=200) == -signal.SIGKILL
    killed = open_study(url).get_trials()[4]
    assert killed.state == TrialState.RUNNING
    assert len(killed.intermediate_values) == 1
    assert start(url, 2, 8).wait(timeout=200) == 0
    resumed = decisions(open_study(url))
    assert len(resumed) == 13
    # The undisturbed run gets the same configurations, and a running trial with one report.
    for top, _, _ in resumed:
        undisturbed.enqueue_trial({"top": top})
    undisturbed.optimize(objective, n_trials=4)
    running = undisturbed.ask()
    running.report(value_at(running.suggest_float("top", 0.1, 0.9), 0), 0)
    undisturbed.optimize(objective, n_trials=8)
    expected = decisions(undisturbed)
    assert resumed == expected
    assert TrialState.PRUNED in {state for _, _, state in expected}
