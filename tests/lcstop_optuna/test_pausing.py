"""Searches whose trials wait and go on later."""

import logging
import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from weakref import WeakSet

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, download_artifact, upload_artifact
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from lcstop_optuna import (
    CERTIFICATE_ATTR,
    REASON_ATTR,
    RESUMES_ATTR,
    LCPFNPruner,
    PauseResume,
    read_study,
    resume_from,
    summary,
)
from tests.lcstop_optuna.pausing_worker import H, new_study, objective_in, trained, value_at

WORKER = Path(__file__).with_name("pausing_worker.py")
N = 16


def n_configurations(study: optuna.Study) -> int:
    return sum(RESUMES_ATTR not in trial.user_attrs for trial in study.trials)


def check_nothing_lost(study: optuna.Study, folder: Path) -> None:
    """No epoch was trained twice, no trial is taken up twice, and all that waits was settled."""
    assert max(Counter(trained(folder)).values()) == 1
    resumed = [t.user_attrs.get(RESUMES_ATTR) for t in study.trials if t.state != TrialState.FAIL]
    assert max(Counter(n for n in resumed if n is not None).values()) == 1
    ended = {"finished", "stopped"}
    recorded = read_study(study)
    assert {trial.state for trial in recorded.trials} == ended
    assert all(trial.stop is not None for trial in recorded.trials if trial.state == "stopped")
    assert recorded.epochs == len(trained(folder))
    certificate = recorded.certificate()
    assert certificate.expected_lost is not None
    assert study.user_attrs[CERTIFICATE_ATTR]["steps"] <= certificate.steps


def test_a_search_ends_with_its_best_trial_trained_to_the_end(tmp_path):
    study = new_study()
    study.optimize(objective_in(tmp_path), callbacks=[PauseResume(n_trials=N)])
    check_nothing_lost(study, tmp_path)
    best = max(study.trials, key=lambda t: value_at(t.params["top"], t.params["rate"], H - 1))
    assert study.best_trial.params == best.params
    assert n_configurations(study) == N
    assert len(trained(tmp_path)) < N * H / 2
    for trial in study.trials:
        if trial.state == TrialState.PRUNED:
            assert trial.user_attrs[REASON_ATTR].startswith(("waits at step", "stopped at step"))
    found = summary(study)
    assert found.certificate.n_trials == N
    assert found.n_waited >= found.n_resumed > 0
    assert found.n_from_start == 0
    again = new_study(seed=0)
    again.optimize(objective_in(tmp_path), callbacks=[PauseResume(n_trials=N)])
    assert [t.user_attrs for t in again.trials] == [t.user_attrs for t in study.trials]


def test_four_threads(tmp_path):
    study = new_study()
    study.optimize(objective_in(tmp_path), n_jobs=4, callbacks=[PauseResume(n_trials=N)])
    check_nothing_lost(study, tmp_path)
    assert N <= n_configurations(study) <= N + 3
    assert not study.get_trials(states=(TrialState.WAITING, TrialState.RUNNING))


def test_a_study_is_opened_again_on_another_day(tmp_path):
    """The first day ends with its timeout. What waits on the first day goes on, in a new process."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    new_study(url).optimize(objective_in(tmp_path), n_trials=10, callbacks=[PauseResume(n_trials=N)])
    study = new_study(url, seed=1)
    waiting = [trial for trial in read_study(study).trials if trial.state == "stopped"]
    assert waiting
    study.optimize(objective_in(tmp_path), callbacks=[PauseResume(n_trials=N)])
    check_nothing_lost(study, tmp_path)
    assert n_configurations(study) == N
    numbers = {trial.number for trial in read_study(study).trials if trial.waits}
    assert numbers & {trial.number for trial in waiting}


@pytest.mark.slow
def test_four_processes_of_which_one_is_killed(tmp_path):
    storage = RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    study, n = new_study(storage), 24

    def start(seed: int, **environment: str) -> subprocess.Popen:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-W", "error", str(WORKER), str(tmp_path), str(seed), str(n)],
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        )

    workers = [start(seed) for seed in range(3)]
    killed = start(3, KILL_AT="8")
    assert killed.wait(timeout=500) == -signal.SIGKILL
    assert [worker.wait(timeout=500) for worker in workers] == [0, 0, 0]
    [lost] = study.get_trials(states=(TrialState.RUNNING,))
    storage.set_trial_state_values(lost._trial_id, TrialState.FAIL)  # as the heartbeat does
    new_study(storage, 4).optimize(objective_in(tmp_path), callbacks=[PauseResume(n_trials=n)])
    assert n <= n_configurations(study) <= n + 4
    assert not study.get_trials(states=(TrialState.WAITING, TrialState.RUNNING))
    # What the killed process trained after its last checkpoint is lost, and nothing else.
    assert sum(Counter(trained(tmp_path)).values()) - len({*trained(tmp_path)}) <= 8


def test_a_trial_whose_next_one_has_failed_is_taken_up_again(tmp_path):
    good, failed = objective_in(tmp_path), []

    def objective(trial: optuna.Trial) -> float:
        if RESUMES_ATTR in trial.user_attrs and not failed:
            failed.append(trial.user_attrs[RESUMES_ATTR])
            raise MemoryError
        return good(trial)

    study = new_study()
    study.optimize(objective, catch=MemoryError, callbacks=[PauseResume(n_trials=N)])
    tries = [t.state for t in study.trials if t.user_attrs.get(RESUMES_ATTR) == failed[0]]
    assert tries[0] == TrialState.FAIL
    check_nothing_lost(study, tmp_path)


def test_a_trial_that_always_fails_is_given_up(tmp_path):
    good = objective_in(tmp_path)

    def objective(trial: optuna.Trial) -> float:
        if RESUMES_ATTR in trial.user_attrs:
            raise MemoryError
        return good(trial)

    study = new_study()
    study.optimize(objective, catch=MemoryError, callbacks=[PauseResume(n_trials=N)])
    tries = Counter(t.user_attrs[RESUMES_ATTR] for t in study.trials if RESUMES_ATTR in t.user_attrs)
    assert {*tries.values()} == {2}


def test_together_with_the_callback_that_repeats_failed_trials(tmp_path):
    """A trial that continues another one is killed. The one that repeats it continues the same trial."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has another name since Optuna 4.9
        retry = optuna.storages.RetryFailedTrialCallback(max_retry=3)
    study, pause = new_study(), PauseResume(n_trials=N)
    objective = objective_in(tmp_path)
    failed = []

    def repeat(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if trial.state == TrialState.FAIL:
            retry(study, trial)

    def fails_once(trial: optuna.Trial) -> float:
        if RESUMES_ATTR in trial.user_attrs and not failed:
            failed.append(trial)
            raise OSError
        return objective(trial)

    study.optimize(fails_once, catch=OSError, callbacks=[repeat, pause])
    [repeated] = [t for t in study.trials if t.system_attrs.get("failed_trial") == failed[0].number]
    assert repeated.user_attrs[RESUMES_ATTR] == failed[0].user_attrs[RESUMES_ATTR]
    assert n_configurations(study) == N
    check_nothing_lost(study, tmp_path)


def test_an_objective_that_starts_again_is_told_once_and_counted(tmp_path, caplog):
    def objective(trial: optuna.Trial) -> float:
        top, rate = trial.suggest_float("top", 0.1, 0.9), trial.suggest_float("rate", 0.7, 0.95)
        for epoch in range(H):
            trial.report(value_at(top, rate, epoch), epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value_at(top, rate, H - 1)

    study = new_study()
    with caplog.at_level(logging.WARNING, "lcstop_optuna"):
        study.optimize(objective, callbacks=[PauseResume(n_trials=N)])
    assert sum("starts from the first step again" in message for message in caplog.messages) == 1
    found = summary(study)
    assert 0 < found.n_from_start <= found.n_resumed
    # None is trained again that waited late.
    repeated = [wait.step for trial in read_study(study).trials for wait in trial.waits[1:]]
    assert max(repeated, default=0) <= H / 3
    best = max(study.trials, key=lambda t: value_at(t.params["top"], t.params["rate"], H - 1))
    assert study.best_trial.params == best.params


def test_checkpoints_in_the_artifact_store(tmp_path):
    store = FileSystemArtifactStore(tmp_path)

    def objective(trial: optuna.Trial) -> float:
        path, first = tmp_path / f"state-{trial.number}.txt", 0
        top = trial.suggest_float("top", 0.1, 0.9)
        if before := resume_from(trial):
            artifact_id = before.artifact_id()
            assert artifact_id is not None
            assert before.artifact_id("other.txt") is None
            download_artifact(artifact_store=store, artifact_id=artifact_id, file_path=str(path))
            first = int(path.read_text())
            assert first == before.last_step + 1
        for epoch in range(first, H):
            trial.report(value_at(top, 0.8, epoch), epoch)
            if trial.should_prune():
                path.write_text(str(epoch + 1))
                upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=trial)
                raise optuna.TrialPruned
        return value_at(top, 0.8, H - 1)

    study = new_study()
    study.optimize(objective, callbacks=[PauseResume(n_trials=8)])
    assert any(RESUMES_ATTR in trial.user_attrs for trial in study.trials)
    assert len(study.best_trial.intermediate_values) <= H


def test_without_the_callback_nothing_waits_and_it_is_said_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("lcstop_optuna.study_pausing.CALLBACKS", WeakSet())
    study, plain = new_study(), new_study(pause=False)
    with caplog.at_level(logging.WARNING, "lcstop_optuna"):
        for one in (study, plain):
            one.optimize(objective_in(tmp_path), n_trials=N)
    assert sum("callbacks=[PauseResume(...)]" in message for message in caplog.messages) == 1
    assert [t.user_attrs for t in study.trials] == [t.user_attrs for t in plain.trials]


def test_without_pause_not_one_decision_differs(tmp_path):
    """Whether or not the callback of another study is alive in the process."""
    runs = []
    for _ in range(2):
        study = new_study(pause=False)
        study.optimize(objective_in(tmp_path), n_trials=N)
        runs.append([(t.state, t.user_attrs, t.system_attrs) for t in study.trials])
        callback = PauseResume()
    assert runs[0] == runs[1]
    with pytest.raises(ValueError, match=r"LCPFNPruner\(pause=True\)"):
        callback(study, study.trials[0])


@pytest.mark.parametrize("n_trials", [0, -1, 2.5, True])
def test_numbers_of_trials_that_are_none(n_trials):
    with pytest.raises(ValueError, match=f"n_trials must be a whole number above 0, or None, got {n_trials}"):
        PauseResume(n_trials=n_trials)


def test_a_pickled_pruner_pauses_alike(tmp_path):
    study = new_study()
    study.optimize(objective_in(tmp_path), n_trials=6, callbacks=[PauseResume()])
    copied = pickle.loads(pickle.dumps(study.pruner))  # noqa: S301
    assert isinstance(copied, LCPFNPruner)
    steps = [one.pausing.next_step(study, can_start=True) for one in (study.pruner, copied)]
    assert steps[0].kind == steps[1].kind


@pytest.mark.parametrize("n_trials", [0, -1, 1.5, True, "10"])
def test_the_number_of_configurations_is_a_whole_number(n_trials):
    with pytest.raises(ValueError, match="n_trials must be a whole number above 0, or None, got"):
        PauseResume(n_trials=n_trials)
