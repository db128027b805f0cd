"""The error log warns once for each cause, in one line."""

from lcstop import Decision, PrunerConfig, PrunerCore
from lcstop.pruning.error_log import SLOW_SECONDS, ErrorLog, in_one_line


def test_reasons_are_one_line_however_long_the_message():
    decision = PrunerCore(PrunerConfig(horizon=8)).fail_open(OSError("line\n" * 1000), 3)
    assert isinstance(decision, Decision)
    assert not decision.stop
    assert "\n" not in decision.reason
    assert len(decision.reason) < 400
    assert in_one_line(OSError("x" * 300)) == "OSError: " + "x" * 300
    assert in_one_line(OSError("x" * 301)) == "OSError: " + "x" * 300 + "..."


def test_other_causes_are_told_too(warnings):
    faults = ErrorLog()
    for what in ("not read", "not written"):
        for error in (OSError, ValueError):
            for i in range(3):
                try:
                    raise error(i)
                except error as caught:
                    faults.warn_once(what, caught)
    assert warnings() == [
        "not read: OSError: 0",
        "not read: ValueError: 0",
        "not written: OSError: 0",
        "not written: ValueError: 0",
    ]
    for i in range(1000):
        faults.warn_once(f"cause {i}", OSError())
    assert len(warnings()) == 100


def test_a_decision_is_slow_beyond_some_seconds(warnings):
    faults = ErrorLog()
    faults.warn_if_slow(0.1)
    faults.warn_if_slow(SLOW_SECONDS)
    assert not warnings()
    faults.warn_if_slow(SLOW_SECONDS + 1)
    assert len(warnings()) == 1
