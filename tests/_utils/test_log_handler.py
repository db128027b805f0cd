"""Warnings name their level and their logger where the application has set up no logging."""

import subprocess
import sys

CODE = """
import logging, sys
import lcstop
{setup}
logging.getLogger("lcstop").warning("no trial %d", 3)
"""


def stderr_of(setup: str) -> str:
    command = [sys.executable, "-c", CODE.format(setup=setup)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr  # noqa: S603


def test_a_warning_names_its_level_and_its_logger():
    assert stderr_of("") == "WARNING lcstop: no trial 3\n"


def test_a_warning_is_written_once_if_the_application_has_a_handler():
    assert stderr_of("logging.basicConfig(format='mine: %(message)s')") == "mine: no trial 3\n"
