"""Scores on disk: one line of JSON for each trial and surrogate, appended as it is finished."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

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
        path.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                record = json.loads(line)
                self._scores[record["key"]] = [Score(**score) for score in record["scores"]]
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"line {number} of {path} is damaged, remove it: {error!r}") from error
        if len(whole) < len(content):
            with path.open("r+b") as file:
                file.truncate(len(whole))

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
        record = {"key": key, "surrogate": surrogate, "task": task, "scores": kept}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def __contains__(self, key: str) -> bool:
        return key in self._scores

    def __getitem__(self, key: str) -> list[Score]:
        return self._scores[key]
