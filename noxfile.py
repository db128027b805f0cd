"""Checks in fresh environments: `nox -s tests-3.12`, `nox -s package-3.10 -- optuna`; `nox -l` lists them."""

import tempfile
from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
ROOT = Path(__file__).parent

OLDEST = [
    "tests/config/test_pruner.py",
    "tests/config/test_yaml_file.py",
    "tests/pruning/test_core.py",
    "tests/ranking/test_reference.py",
    "tests/surrogates/test_reference.py",
    "tests/lcstop_optuna/test_pruner.py",
    "tests/lcstop_ray/test_scheduler.py",
    "tests/lcstop_ray/test_bad_results.py",
    "tests/lcstop_ray/test_records.py",
    "tests/commands/test_app.py",
    "tests/commands/test_predict.py",
    "tests/plots/test_report.py",
]
"""Tests that run with the oldest versions of the dependencies."""

nox.options.sessions = ["lint", "tests", "minimum", "docs", "package"]
nox.options.error_on_missing_interpreters = False


def install(session: nox.Session, *what: str) -> None:
    """Install packages in the versions of constraints.txt, torch first, so that no other sets its build."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    session.install(next(line for line in lines if line.startswith("torch==")))
    session.install("--constraint", "constraints.txt", *what)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The fast tests. Arguments go to pytest."""
    install(session, "--editable", ".[dev]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python="3.11")
def minimum(session: nox.Session) -> None:
    """Decisions, both adapters and the command line with the oldest versions that pyproject.toml accepts.

    torch is not installed, because only training needs it. The other tests need newer features, such as the
    gRPC proxy of Optuna, or a Ray cluster.
    """
    tools = ("pytest", "pytest-timeout", "hypothesis")
    session.install("--constraint", "constraints-min.txt", "--editable", ".[optuna,ray,mcmc,plot]", *tools)
    # The oldest rich prints one more empty line before a result.
    looks = "--deselect=tests/plots/test_report.py::test_the_command_writes_the_page_and_says_where"
    ignored = ("-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning")
    kinds = ("-m", "not torch and not slow and not postgres and not examples")
    session.run("python", "-m", "pytest", *kinds, *ignored, looks, *OLDEST, *session.posargs)


@nox.session(python="3.11")
def examples(session: nox.Session) -> None:
    """All examples, with their libraries."""
    install(session, "--editable", ".[examples]", "pytest", "pytest-timeout")
    session.run(
        "python", "-m", "pytest", "tests/project/test_examples.py", "-m", "examples or slow", *session.posargs
    )


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Linter, types, import contracts."""
    install(session, "--editable", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """The documentation site, in site/. A warning is an error."""
    session.install("--constraint", "constraints.txt", "--editable", ".[docs]")
    session.run("mkdocs", "build", "--strict")


@nox.session(python=PYTHONS)
def package(session: nox.Session) -> None:
    """Build the wheel and the sdist, and try the wheel in environments of its own; arguments are extras."""
    session.install("build")
    # Not session.create_tmp(): below a deep checkout its name is too long for the sockets of Ray.
    with tempfile.TemporaryDirectory() as out:
        session.run("python", "-m", "build", "--outdir", out, ".")
        wheel = next(Path(out).glob("*.whl"))
        session.run("python", "packaging/try_wheel.py", str(wheel), *session.posargs)
