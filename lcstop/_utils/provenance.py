"""Where figures come from: the commit, the versions and the machine that made them."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that figures and weights depend on, as far as installed."""
    found = {"python": platform.python_version()}
    for name in ("torch", "numpy", "safetensors"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def commit() -> str:
    """The commit of the source tree that runs, with a ``+`` if it has changes; ``unknown`` outside one."""
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
    """What the seconds depend on; forecasts are made on one thread."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")  # only Linux has it, and only there does platform not know
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model
        )
    return {"cpu": model, "cores": os.cpu_count(), "threads": 1, "system": platform.system()}
