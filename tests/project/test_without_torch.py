"""Commands that need torch fail at once with a one-line error without it. Nothing else imports torch."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys

class NoTorch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, NoTorch)
from lcstop.commands.app import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "missing.yaml"], "lcstop[train]"),
        (["train-study", "missing.yaml"], "lcstop[train]"),
        (["evaluate", "--on=prior:10", "--curves=1"], "lcstop[train]"),
        (["demo"], "lcstop[demo,optuna]"),
        (["demo", "--engine=ray"], "lcstop[demo,ray]"),
    ],
    ids=str,
)
def test_a_command_that_needs_torch_says_so_in_one_line(arguments, named, tmp_path):
    command = [sys.executable, "-c", WITHOUT, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)  # noqa: S603
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "torch" in done.stderr
    assert named in done.stderr
    assert not list(tmp_path.iterdir())
