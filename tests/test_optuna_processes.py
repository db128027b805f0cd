"""LCPFNPruner with several processes on one storage, and after a kill in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from lcstop_optuna import LCPFNPruner

from .optuna_worker import H, objective, open_study

WORKER = Path(__file__).with_name("optuna_worker.py")


@pytest.fixture(params=["sqlite:///", "journal:"])
def url(request, tmp_path) -> str:
    return f"{request.param}{tmp_path / 'study.storage'}"


def start(url: str, seed: int, n_trials: int, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-W", "error", str(WORKER), url, str(seed), str(n_trials)],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )


def decisions(study: optuna.Study) -> list[tuple[float, int, TrialState]]:
    return [(t.params["top"], len(t.intermediate_values), t.state) for t in study.get_trials()]


def pruned_again(pruner: LCPFNPruner, trial: FrozenTrial, finished: list[FrozenTrial]) -> bool:
    """Whether ``trial`` is pruned at its last report in a fresh study of the same finished trials."""
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for other in finished:
        study.add_trial(create_trial(value=other.value, intermediate_values=other.intermediate_values))
    again = study.ask()
    for step, value in sorted(trial.intermediate_values.items()):
        again.report(value, step)
    return again.should_prune()


def test_two_processes_on_one_storage(url):
    study = open_study(url)
    study.optimize(lambda t: [t.report(0.6, e) for e in range(H)] and 0.6, n_trials=1)
    workers = [start(url, seed, 12) for seed in (1, 2)]
    assert [worker.wait(timeout=200) for worker in workers] == [0, 0]
    trials = open_study(url).get_trials()
    assert len(trials) == 25
    assert all(t.state in (TrialState.COMPLETE, TrialState.PRUNED) for t in trials)
    pruned = [t for t in trials if t.state == TrialState.PRUNED]
    assert pruned
    for trial in pruned:
        # What was finished when it was pruned, by the storage's own clock. A trial that finished between the
        # decision and its record can only have raised the incumbent, which prunes all the more.
        before = [
            t
            for t in trials
            if t.state == TrialState.COMPLETE and t.datetime_complete < trial.datetime_complete
        ]
        assert pruned_again(study.pruner, trial, before)


def test_killed_and_resumed_decides_like_an_undisturbed_run(url, tmp_path):
    """Trial 4 of one worker dies with SIGKILL; the resumed run takes up the same trials after it."""
    undisturbed = open_study(f"sqlite:///{tmp_path}/undisturbed.db")
    first = start(url, 1, 10, KILL_AT="4:1")
    assert first.wait(timeout=200) == -signal.SIGKILL
    killed = open_study(url).get_trials()[4]
    assert killed.state == TrialState.RUNNING
    assert len(killed.intermediate_values) == 1
    assert start(url, 2, 8).wait(timeout=200) == 0
    resumed = decisions(open_study(url))
    assert len(resumed) == 13
    # The undisturbed run gets the same configurations, without the dead trial in its way.
    for i, (top, _, _) in enumerate(resumed):
        if i != 4:
            undisturbed.enqueue_trial({"top": top})
    undisturbed.optimize(objective, n_trials=12)
    expected = decisions(undisturbed)
    assert resumed[:4] + resumed[5:] == expected
    assert TrialState.PRUNED in {state for _, _, state in expected}
