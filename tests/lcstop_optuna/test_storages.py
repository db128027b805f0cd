"""Several workers on one storage. A worker is killed and the storage fails; no data may be lost."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import optuna
import pytest
import sqlalchemy
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import TrialState

from lcstop import Curve, PrunerCore, StudyView
from lcstop.pruning.judgement_record import JudgementRecord
from lcstop_optuna import REASON_ATTR, LCPFNPruner, read_storage
from tests.lcstop_optuna.optuna_worker import H, open_study, value_at
from tests.lcstop_optuna.storage_servers import GrpcProxy, Postgres

WORKER = Path(__file__).with_name("optuna_worker.py")

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Workers:
    """Processes that run trials of one study. Each has a log of its decisions."""

    def __init__(self, url: str, n_trials: int, folder: Path) -> None:
        self.url, self.n_trials, self.folder = url, n_trials, folder
        self.running: list[subprocess.Popen] = []
        self.logs: list[Path] = []

    def start(self) -> None:
        seed = len(self.logs) + 1
        self.logs.append(self.folder / f"{seed}.log")
        environment = {"OMP_NUM_THREADS": "1", "UNTIL": "1", "LOG": str(self.logs[-1])}
        environment["BEGIN"] = str(self.folder / "begin")
        command = [sys.executable, "-W", "error", str(WORKER), self.url, str(seed), str(self.n_trials)]
        self.running.append(subprocess.Popen(command, env=os.environ | environment))  # noqa: S603

    def begin(self) -> None:
        """Start the trials once all workers are ready; else the first could finish them all."""
        while sum("ready" in row for row in self.rows()) < len(self.running):
            assert all(worker.poll() is None for worker in self.running)
            time.sleep(0.05)
        (self.folder / "begin").touch()

    def kill(self) -> None:
        """Kill the first worker."""
        worker = self.running.pop(0)
        worker.kill()
        assert worker.wait() == -signal.SIGKILL

    def rows(self) -> list[dict]:
        """The rows of all logs, without a last line that a killed worker has not completed."""
        texts = [log.read_text() for log in self.logs if log.exists()]
        return [json.loads(line) for text in texts for line in text.split("\n")[:-1]]


def run(url: str, n_workers: int, n_trials: int, folder: Path, fault: Callable[[], None]) -> None:
    """Run a study with several workers. One is killed and replaced, and then the storage fails."""
    workers = Workers(url, n_trials, folder)
    for _ in range(n_workers):
        workers.start()
    workers.begin()
    for share, happens in ((3, workers.kill), (3, workers.start), (2, fault)):
        while sum("ended" in row for row in workers.rows()) < n_trials / share:
            assert any(worker.poll() is None for worker in workers.running)
            time.sleep(0.2)
        happens()
    assert [worker.wait(timeout=1500) for worker in workers.running] == [0] * n_workers
    study = open_study(url)
    check(study, [row for row in workers.rows() if "trial" in row], n_trials, n_workers)
    if isinstance(study._storage, _CachedStorage):
        study._storage._backend.engine.dispose()


def check(study: optuna.Study, decisions: list[dict], n_trials: int, n_workers: int) -> None:
    trials = study.get_trials()
    by_top = {trial.params["top"]: trial for trial in trials if trial.params}

    # No trial and no report is lost or duplicated.
    assert [trial.number for trial in trials] == list(range(len(trials)))
    states = Counter(trial.state for trial in trials)
    assert n_trials <= states[TrialState.COMPLETE] + states[TrialState.PRUNED] < n_trials + n_workers
    # The killed worker's trial, and trials that were created just as the database failed.
    assert states[TrialState.RUNNING] <= 1 + n_workers
    for trial in trials:
        n = len(trial.intermediate_values)
        assert trial.intermediate_values == {i: value_at(trial.params["top"], i) for i in range(n)}
        assert n == H or trial.state != TrialState.COMPLETE

    # A reason is lost, with a warning, if the database fails between a decision and its record.
    pruned = {trial.params["top"]: trial for trial in trials if trial.state == TrialState.PRUNED}
    n_without = sum(REASON_ATTR not in trial.user_attrs for trial in pruned.values())
    assert n_without <= n_workers
    assert len(pruned) > n_trials / 4

    # No decision is made twice, and a stop is the last decision on its trial.
    made = Counter(tuple(seen["trial"]) for seen in decisions)
    assert set(made.values()) == {1}
    stopped = {top: n for top, n in made if any(s["stop"] for s in decisions if s["trial"] == [top, n])}
    killed = set(stopped) - set(pruned)  # between the decision and its record
    assert len(killed) <= 1
    ended_at = {top: len(trial.intermediate_values) for top, trial in pruned.items()}
    assert {top: n for top, n in stopped.items() if top not in killed} == ended_at

    # Another process makes the same decisions from the same data.
    core, curves = PrunerCore(study.pruner.config), {}

    def curve(top: float, n: int) -> Curve:
        if (top, n) not in curves:
            reports = {step: by_top[top].intermediate_values[step] for step in range(n)}
            curves[top, n] = Curve.from_reports(reports, H, {"top": top})
        return curves[top, n]

    # With PostgreSQL, Optuna may read the reports of a new trial before its parameters.
    nameless = [seen for seen in decisions if None in dict(seen["unfinished"])]
    assert len(nameless) < len(decisions) / 10
    for seen in decisions:
        if seen in nameless:
            continue
        finished, unfinished = ([curve(*key) for key in seen[name]] for name in ("finished", "unfinished"))
        records = [JudgementRecord.from_json(content) for content in seen["judgements"]]
        known = {"n_ended": seen["n_ended"], "spent": seen["spent"]}
        study_view = StudyView("maximize", finished, unfinished, judgements=records, **known)
        again = core.decide(curve(*seen["trial"]), study_view)
        assert (again.stop, again.reason) == (seen["stop"], seen["reason"])
    assert len({seen["worker"] for seen in decisions}) >= n_workers
    print(f"{dict(states)}, {len(decisions)} decisions, {n_without} reasons not stored")


def lock(path: Path, seconds: float) -> None:
    """Lock the database exclusively for some seconds."""
    with sqlite3.connect(path, timeout=60) as database:
        database.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        database.rollback()


def restart(server: Postgres | GrpcProxy) -> None:
    server.crash()
    time.sleep(1)
    server.start()


small = pytest.param(2, 20, id="small")
large = pytest.param(8, 500, id="large", marks=[pytest.mark.slow, pytest.mark.timeout(1800)])
sizes = pytest.mark.parametrize(("n_workers", "n_trials"), [small, large])


@sizes
def test_sqlite(n_workers, n_trials, tmp_path):
    path = tmp_path / "study.db"
    run(f"sqlite:///{path}", n_workers, n_trials, tmp_path, lambda: lock(path, n_workers))


@sizes
def test_journal(n_workers, n_trials, tmp_path):
    run(f"journal:{tmp_path / 'study.log'}", n_workers, n_trials, tmp_path, lambda: None)


@sizes
def test_grpc_proxy(n_workers, n_trials, tmp_path):
    server = GrpcProxy(f"sqlite:///{tmp_path / 'study.db'}")
    try:
        run(server.url, n_workers, n_trials, tmp_path, lambda: restart(server))
    finally:
        server.close()


@pytest.mark.postgres
@pytest.mark.parametrize("through", ["directly", "grpc"])
@sizes
def test_postgres(n_workers, n_trials, through, tmp_path):
    database = Postgres()
    try:
        if through == "directly":
            run(database.url, n_workers, n_trials, tmp_path, lambda: restart(database))
            return
        server = GrpcProxy(database.url)
        try:
            run(server.url, n_workers, n_trials, tmp_path, lambda: restart(database))
        finally:
            server.close()
    finally:
        database.close()


def statements(n_trials: int, path: Path) -> tuple[list[str], list[str]]:
    """Calls of the storage and SQL statements of the decision that stops a trial."""
    study = open_study(f"sqlite:///{path}")
    for i in range(n_trials):
        top = 0.5 + 0.4 * i / n_trials
        reports = {epoch: value_at(top, epoch) for epoch in range(H)}
        study.add_trial(optuna.create_trial(value=value_at(top, H - 1), intermediate_values=reports))
    study.pruner = LCPFNPruner(horizon=H, keep=0.01, n_trials=200)  # stops at once
    storage = study._storage
    engine = storage._backend.engine
    decided, calls, sent = [], [], []

    def record(_connection, _cursor, statement, *_rest):
        sent.append(statement)

    trial = study.ask()
    for epoch in range(H):
        trial.report(value_at(0.1, epoch), epoch)
        calls.clear()
        sent.clear()
        sqlalchemy.event.listen(engine, "before_cursor_execute", record)
        with ExitStack() as stack:
            for name in READS + WRITES:
                method = getattr(storage, name)
                stack.enter_context(mock.patch.object(storage, name, counted(calls, name, method)))
            decided.append(trial.should_prune())
        sqlalchemy.event.remove(engine, "before_cursor_execute", record)
        if decided[-1]:
            break
        assert [name for name in calls if "study" not in name] in JUDGED
        assert bool(sent) == bool(calls)
    assert decided[-1]
    engine.dispose()
    return calls, sent


FIRST = ["get_study_user_attrs", "set_study_user_attr"]
JUDGED = [], ["get_all_trials", "set_trial_system_attr"]
READS = ["get_all_trials", "get_trial", "get_study_user_attrs", "get_study_system_attrs", "get_all_studies"]
WRITES = ["set_trial_user_attr", "set_study_user_attr", "set_trial_system_attr", "set_study_system_attr"]


def counted(calls: list[str], name: str, method: Callable) -> Callable:
    def call(*args, **kwargs):
        calls.append(name)
        return method(*args, **kwargs)

    return call


def test_calls_and_statements_of_a_decision_do_not_grow_with_the_study(tmp_path):
    few, some = (statements(n, tmp_path / f"{n}.db") for n in (5, 100))
    # The first question stores the options. One call reads for the decision, two store the stop, and one the
    # certificate of the study.
    stored = ["set_trial_user_attr", "set_trial_user_attr", "set_study_user_attr"]
    assert some[0] == [*FIRST, "get_all_trials", *stored]
    assert some == few


def test_a_journal_file_is_read_with_optuna_3(tmp_path, monkeypatch):
    backend = optuna.storages.journal.JournalFileBackend
    path = str(tmp_path / "study.log")
    study = optuna.create_study(study_name="old", storage=optuna.storages.JournalStorage(backend(path)))
    study.add_trial(optuna.trial.create_trial(value=0.5, intermediate_values={1: 0.7, 2: 0.5}))
    monkeypatch.setitem(sys.modules, "optuna.storages.journal", None)
    monkeypatch.setattr(optuna.storages, "JournalFileStorage", backend, raising=False)
    (trial,) = read_storage(path).trials
    assert trial.curve.values.tolist() == [0.7, 0.5]
