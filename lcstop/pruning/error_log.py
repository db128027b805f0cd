"""Faults: what goes wrong around a decision, told once."""

from __future__ import annotations

import logging

logger = logging.getLogger("lcstop")

SLOW = 5.0
"""Seconds after which a decision counts as slow."""

_LONGEST = 300
"""Characters of an error's message that are shown; a database's holds the whole statement."""

_MOST = 100
"""Distinct causes that one process logs."""


class Faults:
    """Logs each distinct cause once: what happened, the kind of error, and the line that raised it.

    The message does not count: with a value, a time or an address in it, it would be new every time. There is
    no lock, which a fork could leave locked for ever.

    Example:
        >>> Faults().tell("not judged", OSError("disk\\nfull"))
        'OSError: disk full'
    """

    def __init__(self) -> None:
        self._told: dict[object, object] = {}

    def tell(self, what: str, error: Exception, *args: object) -> str:
        """Log ``what % args`` happened because of ``error`` unless that is known; the error in one line."""
        words = in_one_line(error)
        if self._is_new((what, type(error), *_place(error))):
            logger.warning(what + ": %s", *args, words)
        return words

    def took(self, seconds: float) -> None:
        """Say once that a decision was slow. Nothing is interrupted, since half a decision is none."""
        if seconds > SLOW and self._is_new("slow"):
            logger.warning(
                "a decision took %.1f s, and its trial waited for it; the storage, the surrogate or the "
                "machine is slow, and interval_steps makes decisions fewer",
                seconds,
            )

    def _is_new(self, cause: object) -> bool:
        mine = object()
        return len(self._told) < _MOST and self._told.setdefault(cause, mine) is mine


def in_one_line(error: Exception) -> str:
    """Kind and message of an error, whatever is in the message."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # an error that cannot even say what it is must not become a second one
        words = "no message"
    return f"{type(error).__name__}: {words if len(words) <= _LONGEST else words[:_LONGEST] + '...'}"


def _place(error: Exception) -> tuple[str, int]:
    trace = error.__traceback__
    if trace is None:
        return in_one_line(error), 0
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
