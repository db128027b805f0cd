"""ResultStore: finished results in a file, so that an interrupted command can resume."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class ResultStore(Generic[Result]):
    """Lists of results by key. Each key is one line of JSON, appended at once.

    A key is a hash of everything its results depend on. Results of other runs in the same file have other
    keys. An incomplete last line, left by a kill, is removed.

    Args:
        path: A ``.jsonl`` file. It is created if it does not exist.
        field: Name of the list of results in a line.
        to_json: Converts a result to JSON.
        from_json: Inverse of ``to_json``.

    Raises:
        ValueError: If a line other than the last is damaged.
        OSError: If the file cannot be read or written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "results.jsonl")
        ...     ResultStore(path, "errors", str, float).add("a key", [0.25, 0.5], task="prior:100")
        ...     path.read_text()
        ...     ResultStore(path, "errors", str, float)["a key"]
        '{"key": "a key", "task": "prior:100", "errors": ["0.25", "0.5"]}\\n'
        [0.25, 0.5]
    """

    def __init__(
        self,
        path: Path,
        field: str,
        to_json: Callable[[Result], Any],
        from_json: Callable[[Any], Result],
    ) -> None:
        self._path, self._field = path, field
        self._to_json, self._from_json = to_json, from_json
        self._results: dict[str, list[Result]] = {}
        self._read()

    def add(self, key: str, results: Sequence[Result], **labels: str) -> None:
        """Store the results of a key.

        Args:
            key: The key.
            results: Its results.
            labels: Further fields of the line, for people who read the file.
        """
        self._results[key] = list(results)
        line = {"key": key, **labels, self._field: [self._to_json(result) for result in results]}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def __contains__(self, key: str) -> bool:
        return key in self._results

    def __getitem__(self, key: str) -> list[Result]:
        return self._results[key]

    def _read(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content = self._path.read_bytes() if self._path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        for number, text in enumerate(whole.splitlines(), 1):
            try:
                line = json.loads(text)
                self._results[line["key"]] = [self._from_json(result) for result in line[self._field]]
            except (ValueError, KeyError, TypeError) as error:
                message = f"line {number} of {self._path} is damaged: {error!r}; remove the line"
                raise ValueError(message) from error
        if len(whole) < len(content):
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
