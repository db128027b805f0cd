"""Warnings with their level and logger, where the application has set up no logging of its own."""

from __future__ import annotations

import logging
import sys


class WarningHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes warnings to stderr as long as the root logger has no handler.

    Python itself writes the message alone in this case.

    Example:
        >>> handler = WarningHandler()
        >>> record = logging.LogRecord("lcstop", logging.WARNING, "", 0, "no trial %d", (3,), None)
        >>> handler.format(record)
        'WARNING lcstop: no trial 3'
    """

    def __init__(self) -> None:
        super().__init__()
        self.setLevel(logging.WARNING)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def handle(self, record: logging.LogRecord) -> bool:
        """Write a record unless the application writes it."""
        if logging.getLogger().handlers:
            return False
        self.setStream(sys.stderr)  # it may have been replaced since
        return bool(super().handle(record))


def show_warnings_of(name: str) -> None:
    """Let the warnings of a logger and its children name their level and their logger."""
    logger = logging.getLogger(name)
    if not any(isinstance(handler, WarningHandler) for handler in logger.handlers):
        logger.addHandler(WarningHandler())
