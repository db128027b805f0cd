"""The README of a package index: README.md without pictures and without links to files of the repository.

An index does not have these files, and the repository has no public address yet. The build calls this.
"""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"!\[[^\]]*\]\(.*?\)\n*")
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]+\)")


def index_readme(text: str) -> str:
    """The text without pictures; of a relative link, its words stay."""
    return LINK.sub(r"\1", PICTURE.sub("", text))


class IndexReadme(MetadataHookInterface):
    """Sets the field ``readme`` of the metadata."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the field. Hatchling calls this."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": index_readme(text)}
