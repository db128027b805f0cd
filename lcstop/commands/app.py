"""The ``lcstop`` command: all commands, and their error messages."""

from __future__ import annotations

import logging
import sys
import warnings
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
from lcstop.commands.common import errors, message_of

app = typer.Typer(
    name="lcstop",
    rich_markup_mode="markdown",  # wraps paragraphs to the terminal
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
    """Run the command and exit: 0 success, 1 the objective failed, 2 a mistake of the user, 130 interrupted.

    Each mistake is one line on stderr. There is a trace only with ``--debug``.

    Args:
        arguments: Arguments of the command; by default those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in given  # allowed anywhere: users append it to a command that failed
    given = [argument for argument in given if argument != "--debug"]
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = app(given, prog_name="lcstop", standalone_mode=False)
    except Exception as error:
        from lcstop.config.search_config import ObjectiveError

        usage_error = _usage_error(error)
        if debug or not (usage_error or isinstance(error, (ValueError, OSError, ObjectiveError))):
            raise
        for line in (usage_error or message_of(error)).splitlines():
            errors.print(f"lcstop: {line}", style="red", highlight=False, markup=False, soft_wrap=True)
        raise SystemExit(1 if isinstance(error, ObjectiveError) else 2) from None
    raise SystemExit(code if isinstance(code, int) else 0)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_more: Any, **_named: Any
) -> None:
    """Show that an option will change as a line, without the place in the code. Others as Python does."""
    if issubclass(category, FutureWarning):
        errors.print(f"lcstop: {message}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))


def _usage_error(error: Any) -> str | None:
    """The message of an error in the arguments; None for other errors.

    Typer does not export the class of these errors. They are recognized by their method ``format_message``.
    """
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    message = str(error.format_message()).replace("Value error, ", "")
    start = message.find("Input should be ")
    if start >= 0:
        from lcstop.config.error_messages import plain_message

        message = message[:start] + plain_message(message[start:]) + "."
    return message + (f" Try '{context.command_path} --help'." if context else "")


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
        bool, typer.Option("--debug", help="Show the trace of an error. Also allowed after the command.")
    ] = False,
) -> None:
    """Stops hyperparameter-optimization trials that will not win.

    Exit codes: 0 success, 1 your objective failed, 2 a mistake in the command or a file, 130 interrupted.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


if __name__ == "__main__":
    main()
