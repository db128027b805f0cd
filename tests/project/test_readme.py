"""The README: short, in plain sentences, its code runs, its commands exist, its files exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
MAX_LINES, MAX_WORDS = 150, 30


def sentences(text: str) -> list[str]:
    """The sentences of a page, without code, tables, pictures, comments and the targets of links."""
    text = re.sub(
        r"```.*?```|<!--.*?-->|^    .*?$|^\|.*?$|!\[[^]]*\]\([^)]*\)",
        "",
        text,
        flags=re.DOTALL | re.MULTILINE,
    )
    text = re.sub(r"\]\([^)]*\)", "]", text)
    parts = re.split(r"\n\s*\n|\n(?=[-#])|(?<=[.!?:])\s+", text)
    return [" ".join(part.split()) for part in parts if part.strip()]


def test_it_is_short_and_no_sentence_is_long():
    assert len(README.splitlines()) <= MAX_LINES
    long = [sentence for sentence in sentences(README) if len(sentence.split()) > MAX_WORDS]
    assert not long


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
    shown = done.stdout + done.stderr
    assert re.search(r"Trial \S+ stopped at step \d+ of 30: \S+( \S+)? % chance to ", shown)
    assert re.search(r"stopped \d+ of \d+ trials, \d+ % of the epochs saved", shown)


def test_there_is_a_snippet_for_each_engine_with_its_output():
    assert [snippet.splitlines()[0] for snippet in SNIPPETS] == ["import optuna", "from ray import tune"]
    assert len(re.findall(r"^(?:\[I .*\] )?Trial .* stopped at step ", README, re.MULTILINE)) >= 2
    assert len(re.findall(r"stopped \d+ of \d+ trials, \d+ % of the epochs saved", README)) == 2


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
    for path in re.findall(r"[`(]((?:configs|docs|benchmarks|examples|lcstop)/[\w/.-]+)[`)]", README):
        assert (ROOT / path).exists(), path
