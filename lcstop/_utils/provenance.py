"""Provenance of results: commit, versions and machine."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any


def versions() -> dict[str, str]:
    """Versions of Python and of the installed packages that results and weights depend on, by name."""
    found = {"python": platform.python_version()}
    for name in ("torch", "numpy", "safetensors"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def commit() -> str:
    """Hash of the running commit, 12 digits, with a ``+`` for uncommitted changes.

    ``unknown`` outside a git repository.
    """
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> dict[str, Any]:
    """CPU, cores, threads and system: what measured seconds depend on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")  # exists on Linux, where platform does not report the CPU model
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    return {"cpu": model, "cores": os.cpu_count(), "threads": 1, "system": platform.system()}
