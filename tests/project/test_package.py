"""The package: modules that its import loads, and the version of the command."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import lcstop
from lcstop.commands.app import app


def test_importing_lcstop_loads_no_library():
    names = "torch", "optuna", "ray", "matplotlib", "pandas", "numpy", "scipy", "pydantic"
    code = f"import sys, lcstop; print([m for m in {names} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_imported_when_it_is_used():
    assert sorted(lcstop.__all__) == sorted(lcstop._MODULES)
    assert all(getattr(lcstop, name).__name__ == name for name in lcstop.__all__)
    assert set(lcstop.__all__) <= set(dir(lcstop))
    with pytest.raises(AttributeError, match="module 'lcstop' has no attribute 'Curv'"):
        lcstop.Curv  # noqa: B018


def test_version():
    result = CliRunner().invoke(app, ["--version"])
    assert result.stdout == f"lcstop {lcstop.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["train", "missing.yaml"], ["demo", "--trials=0"], ["no-such-command"]]
)
def test_user_mistakes_are_one_line_and_exit_code_2(arguments):
    command = [sys.executable, "-c", "from lcstop.commands.app import main; main()", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert arguments[-1].split("=")[0] in done.stderr
