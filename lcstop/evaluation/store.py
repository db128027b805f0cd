"""Scores on disk: one line of JSON for each trial and surrogate, appended as it is finished."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lcstop._utils.process_pool import add_line, read_lines
from lcstop.evaluation.scores import Score

_FORMAT = 1
"""To be raised when a score comes to mean something else, so that older ones are not taken for it."""


class Store:
    """The scores in a file, found by what they depend on.

    A key is a hash of the surrogate's fingerprint and of all data of the trial, so that whatever other runs
    have left in the file is never taken for what this one asks for. A line torn by a kill is dropped.

    Args:
        path: A ``.jsonl`` file, made if there is none.

    Raises:
        ValueError: If a line other than the last is damaged.
        OSError: If the file cannot be read or written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "results.jsonl")
        ...     Store(path).add("a key", "powerlaw", "prior:100", [Score("10%", 10, error=0.25)])
        ...     Store(path)["a key"][0].error
        0.25
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scores: dict[str, list[Score]] = {}
        read_lines(path, self._take)

    def _take(self, record: Any) -> None:
        self._scores[record["key"]] = [Score(**score) for score in record["scores"]]

    @staticmethod
    def key(fingerprint: str, digest: str) -> str:
        """Where the scores of a surrogate on a trial are kept."""
        return hashlib.sha256(f"{_FORMAT}\n{fingerprint}\n{digest}".encode()).hexdigest()[:32]

    def add(self, key: str, surrogate: str, task: str, scores: Sequence[Score]) -> None:
        """Keep ``scores``; surrogate and task are for a reader of the file."""
        self._scores[key] = list(scores)
        kept = [
            {name: value for name, value in asdict(score).items() if value is not None} for score in scores
        ]
        add_line(self._path, {"key": key, "surrogate": surrogate, "task": task, "scores": kept})

    def __contains__(self, key: str) -> bool:
        return key in self._scores

    def __getitem__(self, key: str) -> list[Score]:
        return self._scores[key]
