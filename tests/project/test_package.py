"""The package: modules that its import loads, and the version of the command."""

import subprocess
import sys
from ast import literal_eval

import pytest
from typer.testing import CliRunner

import lcstop
import lcstop.review
import lcstop_optuna
from lcstop.commands.app import app


def loaded(code: str, *names: str) -> list[str]:
    """Those of some modules that are loaded after ``code``."""
    code = f"import sys; {code}; print([m for m in {names} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    return literal_eval(done.stderr.splitlines()[-1])


def test_importing_lcstop_loads_no_library():
    names = "torch", "optuna", "ray", "matplotlib", "pandas", "numpy", "scipy", "pydantic"
    assert loaded("import lcstop", *names) == []


def test_the_commands_load_what_they_use():
    assert loaded("import lcstop.commands.app", "numpy", "pydantic", "ruamel.yaml", "scipy", "optuna") == []
    # What reads a record needs nothing that decides.
    reading = "import lcstop_optuna, lcstop.review.table, lcstop.review.summary"
    assert loaded(reading, "scipy", "lcstop.pruning.core", "lcstop.ranking.ranker", "optuna") == ["optuna"]
    assert loaded("import lcstop.commands.prediction", "scipy", "lcstop.review", "matplotlib") == ["scipy"]


PACKAGES = [lcstop, lcstop.review, lcstop_optuna]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_is_imported_when_it_is_used(package):
    assert set(package._MODULES) <= set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name).__name__ == name for name in package._MODULES)
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
