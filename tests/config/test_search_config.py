"""``lcstop run`` with Optuna: its result, resuming, and messages on errors."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from lcstop.commands.app import main
from lcstop.config.search_config import SearchConfig
from lcstop_optuna import CONFIG_ATTR, CONVERGED_ATTR, REASON_ATTR
from lcstop_optuna.run_search import SEARCH_ATTR

ROOT = Path(__file__).parents[2]


def write(folder: Path, **changes) -> Path:
    content = {
        "objective": "tests.objectives:curve",
        "study": "s",
        "storage": f"sqlite:///{(folder / 'runs' / 'study.db').as_posix()}",
        "direction": "maximize",
        "n_trials": 12,
        "seed": 1,
        "space": {
            "level": {"type": "float", "low": 0.1, "high": 0.9},
            "kind": {"type": "choice", "choices": ["a", "b"]},
        },
        "pruner": {"horizon": 15, "lower": 0, "upper": 1},
    } | changes
    path = folder / "search.yaml"
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["run", *map(str, arguments)])
        return (ended.value.code, *capsys.readouterr())

    return run


def load(folder: Path) -> optuna.Study:
    url = f"sqlite:///{(folder / 'runs' / 'study.db').as_posix()}"
    return optuna.load_study(study_name="s", storage=url)


def ended(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def test_a_search_is_run_and_its_figures_are_those_of_the_study(tmp_path, run):
    code, out, err = run(write(tmp_path), "--json")
    assert code == 0
    found, study = json.loads(out), load(tmp_path)
    assert "12/12 trials" in err
    assert found["n_trials"] == len(study.trials) == 12
    stopped = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    assert found["n_stopped"] == len(stopped) > 0
    assert all(REASON_ATTR in trial.user_attrs for trial in stopped)
    assert found["steps"] == sum(len(trial.intermediate_values) for trial in study.trials)
    assert found["steps_unpruned"] == 12 * 15
    assert found["best"] == study.best_value
    assert found["best_params"] == study.best_params
    assert {len(t.intermediate_values) for t in study.trials if t.state == TrialState.COMPLETE} == {15}
    again, out, _ = run(tmp_path / "search.yaml")
    assert again == 0
    assert "12 trials" in out
    assert len(load(tmp_path).trials) == 12


@pytest.mark.parametrize(
    ("pruner", "n_trials"), [({}, 2), ({"n_trials": 9}, 9), ({"policy": "published"}, None)]
)
def test_the_pruner_is_told_how_many_trials_there_will_be(pruner, n_trials, tmp_path, run):
    path = write(tmp_path, n_trials=2, pruner={"horizon": 15, **pruner})
    assert run(path)[0] == 0
    assert load(tmp_path).user_attrs[CONFIG_ATTR]["n_trials"] == n_trials


def test_a_search_of_before_keep_goes_on_with_the_same_file(tmp_path, run):
    path = write(tmp_path, n_trials=2)
    assert run(path)[0] == 0
    study = load(tmp_path)
    before = json.loads(study.user_attrs[SEARCH_ATTR])
    before["pruner"] |= {"preset": "balanced", "audit": 0.05}
    del before["pruner"]["keep"], before["pruner"]["n_trials"]
    study.set_user_attr(SEARCH_ATTR, json.dumps(before))
    code, _, err = run(write(tmp_path, n_trials=3))
    assert code == 0, err
    study.set_user_attr(SEARCH_ATTR, json.dumps({**before, "pruner": {**before["pruner"], "preset": "safe"}}))
    code, _, err = run(write(tmp_path, n_trials=4))
    assert code == 2
    assert "pruner.preset was 'safe', is None" in err


def test_lengths_from_the_space_and_an_end_at_convergence(tmp_path, run):
    space = {"level": {"type": "float", "low": 0.8, "high": 0.9}, "n": {"type": "choice", "choices": [30]}}
    pruner = {"horizon": "n", "lower": 0, "upper": 1, "keep": "safe", "min_gain": 0.02}
    path = write(tmp_path, objective="tests.objectives:of_length", space=space, n_trials=3, pruner=pruner)
    code, out, err = run(path, "--json")
    assert code == 0, err
    found, study = json.loads(out), load(tmp_path)
    assert found["steps_unpruned"] == 3 * 30
    complete = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert all(trial.last_step < 30 and CONVERGED_ATTR in trial.user_attrs for trial in complete)
    assert complete


def test_a_killed_search_goes_on_to_the_full_number_with_the_same_configuration(tmp_path):
    path = write(tmp_path, arguments={"pause": 0.03})
    command = [sys.executable, "-W", "error", "-m", "lcstop.commands.app", "run", str(path), "--json"]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=env, **pipes) as first:  # noqa: S603
        deadline, n_ended = time.monotonic() + 60, 0
        while n_ended < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
            with contextlib.suppress(Exception):  # the storage may not exist yet
                n_ended = len(ended(load(tmp_path)))
        first.send_signal(signal.SIGKILL)
    before = load(tmp_path)
    assert first.returncode == -signal.SIGKILL
    assert 3 <= len(ended(before)) < 12
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    after = load(tmp_path)
    assert len(ended(after)) == json.loads(done.stdout)["n_trials"] == 12
    kept = ended(after)[: len(ended(before))]
    assert [t.params for t in kept] == [t.params for t in ended(before)]
    levels = [t.params["level"] for t in after.trials if "level" in t.params]  # the last trial may have none
    assert len(set(levels)) == len(levels)  # no configuration is repeated
    assert after.user_attrs[SEARCH_ATTR] == before.user_attrs[SEARCH_ATTR]
    stored = SearchConfig.model_validate_json(after.user_attrs[SEARCH_ATTR])
    assert stored == SearchConfig.model_validate_json(path.read_text())


def test_processes_that_start_together_share_the_trials(tmp_path):
    path = write(tmp_path, n_trials=10, seed=None, arguments={"pause": 0.03})
    command = [sys.executable, "-m", "lcstop.commands.app", "run", str(path)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=ROOT, env=env, **pipes) for _ in range(2)]  # noqa: S603
    told = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert 10 <= len(ended(load(tmp_path))) <= 11  # one process may end a trial that it had started


def test_another_configuration_is_refused_but_more_trials_are_not(tmp_path, run):
    assert run(write(tmp_path, n_trials=2))[0] == 0
    code, _, err = run(write(tmp_path, n_trials=2, pruner={"horizon": 15, "lower": 0, "keep": 0.9}))
    assert code == 2
    assert "started with another configuration: pruner.keep was 'balanced', is 0.9; " in err
    assert "; pruner.upper was 1.0, is None. " in err
    assert run(write(tmp_path, n_trials=4))[0] == 0
    assert len(load(tmp_path).trials) == 4


def test_a_study_of_somebody_else_is_left_alone(tmp_path, run):
    path = write(tmp_path)
    (tmp_path / "runs").mkdir()
    url = f"sqlite:///{(tmp_path / 'runs' / 'study.db').as_posix()}"
    study = optuna.create_study(study_name="s", storage=url)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    code, _, err = run(path)
    assert code == 2
    assert "was not started by `lcstop run`" in err
    assert len(load(tmp_path).trials) == 1


@pytest.mark.parametrize(("target", "value"), [("best", 1), ("final", 0.5)])
def test_what_a_trial_counts_follows_the_target(target, value, tmp_path, run):
    changes = {"objective": "tests.objectives:short", "n_trials": 1, "arguments": {"level": 1.0}}
    space = {"kind": {"type": "choice", "choices": ["a"]}}
    path = write(tmp_path, **changes, space=space, pruner={"horizon": 9, "target": target})
    code, out, _ = run(path, "--json")
    assert code == 0
    assert json.loads(out)["best"] == value


def test_a_diverged_trial_ends_and_is_never_the_best(tmp_path, run):
    code, out, err = run(write(tmp_path, objective="tests.objectives:diverges", n_trials=8), "--json")
    found = json.loads(out)
    assert (code, found["n_trials"], found["n_failed"]) == (0, 8, 0), err
    assert found["best"] >= 0.5


def test_a_failed_trial_is_told_and_made_up_for_by_the_same_command(tmp_path, run):
    arguments = {"marker": str(tmp_path / "marker")}
    path = write(tmp_path, objective="tests.objectives:fails_once", arguments=arguments, n_trials=5)
    code, out, err = run(path, "--json")
    assert code == 1
    assert (json.loads(out)["n_trials"], json.loads(out)["n_failed"]) == (4, 1)
    assert "trial 2 failed: RuntimeError: no memory (" in err
    code, out, _ = run(path)
    assert code == 0
    assert "5 trials" in out


@pytest.mark.parametrize(
    ("objective", "line"),
    [
        ("fails_at_first", r"the objective failed in the first trial, 0: RuntimeError: no memory at all ("),
        ("returns", "must yield the metric after every step, got float"),
        ("yields_text", "could not convert string to float: 'good'"),
    ],
)
def test_an_objective_that_fails_at_once_ends_the_search(objective, line, tmp_path, run):
    code, out, err = run(write(tmp_path, objective=f"tests.objectives:{objective}"))
    assert (code, out) == (1, "")
    assert line in err.splitlines()[-1]
    assert "Traceback" not in err
    assert len(load(tmp_path).trials) == 1


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"objective": "tests.objectivs:curve"}, "there is no module 'tests.objectivs'"),
        ({"objective": "tests.objectives:curv"}, "no function 'curv'; did you mean 'curve'? allowed: "),
        ({"space": {"lvl": {"type": "float", "low": 0, "high": 1}}}, "does not take the space: "),
        ({"storage": "nonsense"}, "storage: cannot use 'nonsense': Could not parse SQLAlchemy URL"),
        ({"storage": "sqlite:////proc/none/study.db"}, "storage: cannot use 'sqlite:////proc/none/study.db'"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(changes, line, tmp_path, run):
    code, out, err = run(write(tmp_path, **changes))
    assert (code, out) == (2, "")
    assert line in err
    assert len(err.splitlines()) == 1


def test_an_interrupt_says_that_the_search_goes_on(tmp_path, run, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tests.objectives.time.sleep", interrupted)
        code, _, err = run(write(tmp_path, n_trials=2))
    assert code == 130
    assert "interrupted; run the same command again to resume" in err
    assert run(tmp_path / "search.yaml")[0] == 0
    assert len(ended(load(tmp_path))) == 2


def test_a_search_whose_trials_would_wait_is_refused(run, tmp_path):
    """Without checkpoints they would only be stopped."""
    code, _, error = run(write(tmp_path, pruner={"horizon": 15, "pause": True}))
    assert code == 2
    assert "pruner must have pause: false" in " ".join(error.split())
