"""The ``lcstop`` command: puts the commands together, and says what went wrong in one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

import lcstop
from lcstop.commands import (
    bench,
    config,
    demo,
    evaluate,
    explain,
    predict,
    report,
    run,
    train,
    train_study,
)
from lcstop.commands.common import errors
from lcstop.config.search_config import ObjectiveError

app = typer.Typer(
    name="lcstop",
    rich_markup_mode="markdown",  # so that paragraphs are wrapped to the terminal
    pretty_exceptions_enable=False,
)

app.add_typer(config.app, name="config")
for command in (
    predict.predict,
    run.run,
    explain.explain,
    report.report,
    train.train,
    train_study.train_study,
    demo.demo,
    evaluate.evaluate,
    bench.bench,
):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command: 0 it worked, 1 the user's own code failed, 2 a user's mistake, 130 interrupted.

    What went wrong is one line on stderr for each mistake, and no trace unless ``--debug`` asks for it.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in given  # wherever it stands: it is added to the end of a command that has failed
    given = [argument for argument in given if argument != "--debug"]
    try:
        code = app(given, prog_name="lcstop", standalone_mode=False)
    except Exception as error:
        in_arguments = _in_arguments(error)
        if debug or not (in_arguments or isinstance(error, (ValueError, OSError, ObjectiveError))):
            raise
        for line in (in_arguments or str(error)).splitlines():
            errors.print(f"lcstop: {line}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(1 if isinstance(error, ObjectiveError) else 2) from None
    raise SystemExit(code if isinstance(code, int) else 0)


def _in_arguments(error: Any) -> str | None:
    """What is wrong in the arguments, None if it is something else.

    Typer does not export the class of these errors, but all of them say it by this method.
    """
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    return f"{error.format_message()}" + (f" Try '{context.command_path} --help'." if context else "")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lcstop {lcstop.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the trace of an error; allowed after the command, too.")
    ] = False,
) -> None:
    """Stops hyperparameter-optimization trials that will not win.

    Exit codes: 0 it worked, 1 your objective failed, 2 a mistake in the command or a file, 130 interrupted.
    """
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")


if __name__ == "__main__":
    main()
