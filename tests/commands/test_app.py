"""The ``lcstop`` command: help, completion, errors."""

import json
import os
import re
import subprocess
import sys

import pytest
import typer

import lcstop
from lcstop.commands.app import app, main

ALL = sorted(
    f"{group}{name}"
    for group, commands in (
        ("", typer.main.get_command(app).commands),
        ("config ", typer.main.get_command(app).commands["config"].commands),
    )
    for name, command in commands.items()
    if not hasattr(command, "commands")
)


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return (ended.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("command", ALL)
def test_help_has_an_example_that_is_a_valid_command(command, run):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0
    assert re.search(rf"^\s*(Example: |\S.*\| )?lcstop {command}\b.*$", out, re.MULTILINE)
    named = set(re.findall(r"(?<!\S)--[a-z-]+", out.partition("─ Options")[0]))
    options = set(re.findall(r"--[a-z-]+", out.partition("─ Options")[2]))
    assert named <= options


@pytest.mark.parametrize(
    "command", [c for c in ALL if c not in ("config check", "config schema", "config show")]
)
def test_whatever_prints_a_table_prints_json(command, run):
    assert "--json" in run(*command.split(), "--help")[1]


def test_without_arguments_it_helps_and_version_is_told(run):
    assert "Usage: lcstop" in run()[1]
    assert run("--version") == (0, f"lcstop {lcstop.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["evaluat"], "lcstop: No such command 'evaluat'. Did you mean 'evaluate'? Try 'lcstop --help'.\n"),
        (["config"], "lcstop: Missing command. Try 'lcstop config --help'.\n"),
        (["predict"], "lcstop: Missing argument 'CSV'. Try 'lcstop predict --help'.\n"),
        (["run", "no.yaml"], "lcstop: there is no file no.yaml\n"),
        (["run", "."], "lcstop: .: is a directory\n"),
        (["explain", "--storage", "sqlite:///no.db"], "lcstop: there is no file no.db\n"),
        (["report", "--storage", "sqlite:///no.db"], "lcstop: there is no file no.db\n"),
    ],
)
def test_mistakes_are_one_line_on_stderr_and_exit_code_2(arguments, line, run):
    assert run(*arguments) == (2, "", line)


@pytest.mark.parametrize("arguments", [["--debug", "run", "no.yaml"], ["run", "no.yaml", "--debug"]])
def test_debug_shows_the_trace(arguments):
    with pytest.raises(FileNotFoundError):
        main(arguments)


@pytest.mark.filterwarnings("always::FutureWarning")
def test_an_option_that_goes_away_is_named_in_one_line_on_stderr(run, tmp_path):
    path = tmp_path / "pruner.yaml"
    path.write_text("horizon: 50\npreset: bold\n")
    code, out, err = run("config", "check", str(path))
    assert (code, out) == (0, f"{path}: fine (pruner)\n")
    assert err.startswith("lcstop: preset='bold' goes away in lcstop 0.3: write keep='bold' instead")
    assert err.count("\n") == 1


def test_schema_is_json(run):
    for kind, key in (("pruner", "confidence"), ("search", "objective")):
        assert key in json.loads(run("config", "schema", kind)[1])["properties"]


def test_the_shell_completes_commands_and_kinds():
    def complete(words: str, n: int) -> list[str]:
        env = os.environ | {
            "_LCSTOP_COMPLETE": "complete_bash",
            "COMP_WORDS": f"lcstop {words}",
            "COMP_CWORD": str(n),
        }
        command = [sys.executable, "-c", "from lcstop.commands.app import main; main()"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)  # noqa: S603
        return done.stdout.split()

    assert complete("pre", 1) == ["predict"]
    assert complete("config schema s", 3) == ["search"]


def test_starting_loads_nothing_heavy():
    code = (
        "import sys, lcstop.commands.app; "
        "print([m for m in ('torch', 'optuna', 'ray', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
