"""The README: its code runs, its files exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:python|yaml)\n(.*?)```", README, re.DOTALL)
SNIPPETS = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if block[0] != "#"]
FILES = {block.split()[1]: block for block in BLOCKS if block[0] == "#"}


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda s: s.splitlines()[0])
def test_snippets_run_as_pasted(snippet, tmp_path):
    path = tmp_path / "snippet.py"
    path.write_text(snippet, encoding="utf-8")
    strict = [] if "ray" in snippet else ["-W", "error"]  # Ray raises warnings of its own
    done = subprocess.run(  # noqa: S603
        [sys.executable, *strict, str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert " % chance to " in done.stdout


def test_there_is_a_snippet_for_each_engine():
    assert [snippet.splitlines()[0] for snippet in SNIPPETS] == ["import optuna", "from ray import tune"]


def test_the_commands_on_yaml_run_as_written(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "curve.csv").write_text("epoch,val_acc\n1,0.3\n2,0.5\n3,0.6\n", encoding="utf-8")
    lines = re.findall(r"^lcstop ((?:config|run|predict) [^#\n]*)", README, re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"config", "run", "predict"}
    for line in lines:
        words, _, target = line.partition(">")
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "lcstop.commands.app", *words.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert "Traceback" not in done.stderr
        assert not target or "properties" in done.stdout
    (tmp_path / "pruner.yaml").write_text(FILES["pruner.yaml"].replace("keep", "kepp"))
    command = [sys.executable, "-m", "lcstop.commands.app", "config", "check", "pruner.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
    shown = re.search(r"^lcstop: pruner.yaml.*$", README, re.MULTILINE)[0]
    assert done.returncode == 2
    assert done.stderr.startswith(shown.removesuffix("..."))


def test_the_commands_that_look_back_run_as_written(tmp_path):
    storage = optuna.storages.RDBStorage(f"sqlite:///{(tmp_path / 'study.db').as_posix()}")
    study = optuna.create_study(storage=storage, study_name="tuning")
    for number in range(18):
        reports = {step: 1 / (step + number) for step in range(1, 5)}
        study.add_trial(optuna.trial.create_trial(value=reports[4], intermediate_values=reports))
    storage.remove_session()
    storage.engine.dispose()
    lines = re.findall(r"^lcstop ((?:explain|report) [^#\n]*)", README, re.MULTILINE)
    assert {line.split()[0] for line in lines} == {"explain", "report"}
    for line in lines:
        if "--results" not in line:  # tested in test_ray_folder
            done = subprocess.run(  # noqa: S603
                [sys.executable, "-m", "lcstop.commands.app", *line.split()],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert "tuning" in done.stdout
    assert (tmp_path / "report.html").exists()


def test_named_files_exist():
    for path in re.findall(r"`((?:configs|docs|benchmarks|lcstop)/[\w/.-]+)`", README):
        assert (ROOT / path).exists(), path
