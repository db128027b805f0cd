"""docs/design.md matches a trace of the calls for one reported value."""

import re
import sys
from pathlib import Path

import numpy as np
import optuna

from lcstop_optuna import LCPFNPruner

PAGE = (Path(__file__).parents[2] / "docs" / "design.md").read_text(encoding="utf-8")
CONDUCTORS = ("lcstop_optuna.pruner", "lcstop.pruning.core")
DATA = ("study_view", "suppressed_stop", "evidence", "decision", "error_log", "models")


def modules(heading: str, until: str) -> list[str]:
    """Modules of the numbered list between two texts of the page."""
    section = PAGE.split(heading)[1].split(until)[0]
    return re.findall(r"^\d+\. `(lcstop[\w.]+)`", section, re.MULTILINE)


def traced(call) -> list[str]:
    """Modules of lcstop called by one of ``CONDUCTORS``, in order, without repetitions in a row."""
    found: list[str] = []

    def follow(frame, event, _):
        caller, name = frame.f_back, frame.f_globals.get("__name__", "")
        if event != "call" or not name.startswith("lcstop") or caller is None:
            return
        by = caller.f_globals.get("__name__", "")
        if by in (*CONDUCTORS, "lcstop_optuna.other_trials") and name != by and found[-1:] != [name]:
            found.append(name)

    sys.setprofile(follow)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def test_a_decision_calls_each_module_once_and_in_this_order():
    study = optuna.create_study(direction="maximize", pruner=LCPFNPruner(horizon=20, keep=0.1))
    for top in np.linspace(0.5, 0.9, 6):
        curve = {epoch: float(top) * (1 - 0.7**epoch) for epoch in range(20)}
        study.add_trial(optuna.create_trial(value=float(top), intermediate_values=curve))
    trial = study.ask()
    trial.report(0.001, 0)
    trial.report(0.002, 1)
    stopped: list[bool] = []
    found = traced(lambda: stopped.append(trial.should_prune()))
    assert stopped == [True]
    steps = [
        name for name in found if name not in CONDUCTORS and name.startswith(("lcstop.pruning", "lcstop_"))
    ]
    steps = [name for name in steps if not name.endswith(DATA)]
    expected = modules("From Optuna", "From Ray") + modules("From here both", "`lcstop.ranking` works")
    # What the first question of a trial needs to know is asked of `due`, too: it is listed where it decides.
    first = steps.index("lcstop.pruning.last_verdict")
    steps = [name for name in steps[:first] if name != "lcstop.pruning.due"] + steps[first:]
    assert list(dict.fromkeys(steps)) == expected
