"""ErrorLog: what goes wrong around a decision, logged once."""

from __future__ import annotations

import contextlib
import logging

logger = logging.getLogger("lcstop")

SLOW_SECONDS = 5.0
"""Seconds after which a decision counts as slow."""

_MAX_LENGTH = 300
"""Characters of an error's message that are shown; a database's holds the whole statement."""

_MAX_CAUSES = 100
"""Distinct causes that one process logs."""


class ErrorLog:
    """Logs each distinct cause once: what happened, the type of the error, and the line that raised it.

    The message does not count: with a value, a time or an address in it, it would be new every time. There is
    no lock, since a fork could leave it locked for ever.

    Example:
        >>> ErrorLog().warn_once("not judged", OSError("disk\\nfull"))
        'OSError: disk full'
    """

    def __init__(self) -> None:
        self._logged: dict[object, object] = {}

    def warn_once(self, what: str, error: Exception, *args: object) -> str:
        """Log that ``what % args`` happened because of ``error``, unless the cause is known.

        Returns:
            The error in one line.
        """
        words = in_one_line(error)
        with contextlib.suppress(MemoryError):  # a warning that finds no memory must not end a search
            if self._is_new((what, type(error), *_place(error))):
                logger.warning(what + ": %s", *args, words)
        return words

    def warn_if_slow(self, seconds: float) -> None:
        """Log once that a decision was slow. Nothing is interrupted, since half a decision is none."""
        if seconds > SLOW_SECONDS and self._is_new("slow"):
            logger.warning(
                "a decision took %.1f s, and its trial waited for it; the storage, the surrogate or the "
                "machine is slow, and interval_steps makes decisions fewer",
                seconds,
            )

    def _is_new(self, cause: object) -> bool:
        mine = object()
        return len(self._logged) < _MAX_CAUSES and self._logged.setdefault(cause, mine) is mine


def in_one_line(error: Exception) -> str:
    """Type and message of an error, whatever is in the message."""
    try:
        words = " ".join(str(error).split())
    except Exception:  # an error that cannot even say what it is must not become a second one
        words = "no message"
    return f"{type(error).__name__}: {words if len(words) <= _MAX_LENGTH else words[:_MAX_LENGTH] + '...'}"


def _place(error: Exception) -> tuple[str, int]:
    trace = error.__traceback__
    if trace is None:
        return in_one_line(error), 0
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
